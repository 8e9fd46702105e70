// The two keys of an entry, as a reader of Vault sees them between any two steps, with kills and lost answers.
import assert from "node:assert/strict";
import type { CredentialKind } from "../../../provider/credentials/kind.ts";
import { keyPair, keyPairEnd } from "../../../provider/resources/key-pair.ts";
import { Settings } from "../../../provider/settings.ts";
import { Secret, type Properties } from "../../../provider/wire/values.ts";
import { Entry } from "../credentials/pair-chain.ts";

describe("a pair of keys in Vault", () => {
  let entry: Entry;
  let accepts: (value: string) => boolean;
  const proven: string[] = [];
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const call = { urn: "u", name: "n", log: { info: say, warn: say }, preview: false, timeout: 0 };
  const kinds = new Map([
    [
      "fake",
      {
        kind: "fake",
        prove: async (_args: Properties, { value }: { value: string }) => {
          proven.push(value);
          if (!accepts(value)) throw new Error(`no such key: ${value}`);
        },
      } as unknown as CredentialKind,
    ],
  ]);
  const inputs = (value: string, generation: number, previous = ""): Properties => ({
    ...{ secret: "app/KEY", mount: "secret", path: "app/key", kind: "fake", args: {}, reference: `key-${generation}` },
    ...{ value: new Secret(value), previous: new Secret(previous), generation, window: "2027-01-01T00:00:00Z" },
  });
  const promote = (value: string, generation: number, previous = "") =>
    keyPair(new Settings(), kinds, () => entry).create({ ...call, inputs: inputs(value, generation, previous) });
  const finish = (value: string, done = true) =>
    keyPairEnd(new Settings(), () => entry).create({ ...call, inputs: { ...inputs(value, 2), done } });

  beforeEach(() => {
    entry = new Entry();
    accepts = () => true;
    proven.length = said.length = 0;
  });

  it("writes the first key as the only one, once the vendor accepts it", async () => {
    accepts = () => false;
    await assert.rejects(promote("one", 1), /app\/KEY is not promoted: no such key: \[secret\]\. .*Mend the cause/);
    assert.deepEqual(entry.pairs, []);
    accepts = () => true;
    await promote("one", 1);
    assert.deepEqual(entry.pairs, ["one/-"]);
    assert.deepEqual(entry.custom, {
      generation: "1",
      window: "2027-01-01T00:00:00Z",
      "managed-by": "secret-rotation",
    });
  });

  it("puts a new key beside the old one, has the vendor accept what stands there, swaps them, and takes the old one out", async () => {
    await promote("one", 1);
    await promote("two", 2, "one");
    assert.deepEqual(entry.pairs, ["one/-", "one/two", "two/one"]);
    assert.deepEqual(proven, ["one", "two"]);
    await finish("two", false);
    assert.deepEqual(entry.pairs.at(-1), "two/one", "the old one has not ended yet");
    await finish("two");
    await finish("two");
    assert.deepEqual(entry.pairs, ["one/-", "one/two", "two/one", "two/-"]);
    assert.deepEqual(
      entry.versions.map((data) => data["generation"]),
      [1, 1, 2, 2],
      "each primary with its generation",
    );
  });

  it("keeps a key secondary that the vendor refuses, and goes on with it later", async () => {
    await promote("one", 1);
    accepts = (value) => value !== "two";
    await assert.rejects(promote("two", 2, "one"), /as the secondary key; the primary one stays as it is, valid/);
    assert.deepEqual(entry.pairs, ["one/-", "one/two"]);
    accepts = () => true;
    await promote("two", 2, "one");
    assert.deepEqual(entry.pairs, ["one/-", "one/two", "two/one"]);
  });

  it("keeps what a person wrote there: a primary key becomes the secondary one, other fields stay", async () => {
    entry.versions.push({ primary_key: "by-hand", organisation: "org-1" });
    await promote("one", 1);
    assert.deepEqual(entry.versions.at(-1), {
      primary_key: "one",
      secondary_key: "by-hand",
      organisation: "org-1",
      generation: 1,
    });
    await finish("one");
    assert.deepEqual(entry.versions.at(-1), { primary_key: "one", organisation: "org-1", generation: 1 });
  });

  it("brings both keys back into an entry that was erased", async () => {
    await promote("one", 1);
    entry.versions.push({});
    await promote("two", 2, "one");
    assert.deepEqual(entry.pairs.slice(2), ["one/two", "two/one"]);
  });

  it("goes on after a kill before and after each write, and every reader had a working primary key", async () => {
    for (const write of [1, 2])
      for (const when of ["before", "after"] as const) {
        entry = new Entry();
        entry.versions.push({ primary_key: "one", generation: 1 });
        entry[when] = (now) => {
          if (now === write) throw new Error("killed");
        };
        await assert.rejects(promote("two", 2, "one"), /killed/);
        entry[when] = () => undefined;
        await promote("two", 2, "one");
        assert.deepEqual(entry.pairs, ["one/-", "one/two", "two/one"], `${when} write ${write}`);
      }
  });

  it("gives way to another writer, whose fields it keeps, and gives up where that one never rests", async () => {
    await promote("one", 1);
    entry.before = (write) => {
      if (write === 2) entry.versions.push({ ...entry.versions.at(-1), note: "from elsewhere" });
    };
    await promote("two", 2, "one");
    assert.deepEqual(entry.pairs.at(-1), "two/one");
    assert.equal(entry.versions.at(-1)?.["note"], "from elsewhere");
    entry.before = () => void entry.versions.push({ ...entry.versions.at(-1) });
    await assert.rejects(promote("three", 3, "two"), /Another writer changes secret\/app\/key again and again/);
    assert.deepEqual(entry.pairs.at(-1), "two/one", "nothing was lost");
  });

  it("leaves a secondary key alone beside a primary one that it does not know", async () => {
    entry.versions.push({ primary_key: "strange", secondary_key: "two" });
    await finish("two");
    assert.deepEqual(entry.pairs, ["strange/two"]);
    assert.match(said.join(), /holds another primary key than this stack promoted/);
  });

  it("writes nothing in a preview, and says what is wrong with a path", async () => {
    const resource = keyPair(new Settings(), kinds, () => entry);
    await resource.create({ ...call, preview: true, inputs: inputs("one", 1) });
    assert.equal(entry.writes, 0);
    const { failures } = await resource.check!({
      ...call,
      inputs: { ...inputs("one", 1), path: "/app key" },
      oldInputs: undefined,
    });
    assert.match(failures?.[0]?.reason ?? "", /path is "\/app key"; give a path in Vault/);
  });
});
