import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { canonical, examine, readAnchor, type Anchor } from "../../../provider/audit/chain.ts";
import { fileStore } from "../../../provider/audit/file-store.ts";
import { readPlace, type AuditStore } from "../../../provider/audit/store.ts";
import type { AuditRecord } from "../../../provider/audit/record.ts";
import type { Signer } from "../../../provider/audit/signer.ts";
import { vaultStore } from "../../../provider/audit/vault-store.ts";
import { VendorError } from "../../../provider/vendors/http.ts";
import { FakeKv, made, newSigner, newTrail, transitSigner } from "./support.ts";

const secret = "visapi/JWT_SECRET";

async function findings(store: AuditStore, signer: Signer, more: Anchor[] = []): Promise<string[]> {
  const head = await store.keptHead();
  const anchors = head ? [{ ...head, where: "the head" }, ...more] : more;
  return examine(await store.read(), anchors, await signer.keys()).map(({ what }) => what);
}

describe("the chain of the audit trail", () => {
  let records: AuditRecord[];
  let signer: Signer;
  let head: Anchor;
  before(async () => {
    const kv = new FakeKv();
    signer = newSigner();
    const store = vaultStore(kv, "secret", "audit");
    for (let generation = 1; generation <= 6; generation++)
      await newTrail(store, signer).record([made(secret, generation)]);
    records = await store.read();
    head = { ...(await store.keptHead()), where: "the head" } as Anchor;
    assert.deepEqual([records.length, head.count], [6, 6]);
  });
  const look = async (changed: AuditRecord[]): Promise<string[]> =>
    examine(changed, [head], await signer.keys()).map(({ what }) => what);

  it("is whole as it was written", async () => assert.deepEqual(await look(records), []));

  it("tells any change of any field of any record", async () => {
    const keys = await signer.keys();
    const fields = Object.keys(records[0] as object);
    fc.assert(
      fc.property(fc.nat(5), fc.constantFrom(...fields), fc.string({ minLength: 1 }), (at, field, text) => {
        const record = records[at] as AuditRecord;
        const other = { ...record, [field]: typeof record[field as keyof AuditRecord] === "number" ? 77 : text };
        fc.pre(canonical(other) !== canonical(record));
        const changed = records.with(at, other);
        return examine(changed, [head], keys).length > 0;
      }),
    );
  });
  it("tells any records that were removed, at the front, in the middle and at the end", async () => {
    const keys = await signer.keys();
    fc.assert(
      fc.property(fc.subarray([0, 1, 2, 3, 4, 5], { maxLength: 5 }), (kept) => {
        const left = records.filter((_, index) => kept.includes(index));
        return examine(left, [head], keys).length > 0;
      }),
    );
    assert.deepEqual(await look(records.toSpliced(2, 2)), ["records 3 to 4 are missing"]);
    assert.match((await look(records.slice(0, 4))).join(), /the head remembers 6 records, and the trail ends at 4/);
  });
  it("tells another order, a repetition, and a record of another trail", async () => {
    const keys = await signer.keys();
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 }), (order) => {
        fc.pre(order.some((at, index) => at !== index));
        return (
          examine(
            order.map((at) => records[at] as AuditRecord),
            [head],
            keys,
          ).length > 0
        );
      }),
    );
    assert.match((await look([...records, records[5] as AuditRecord])).join(), /record 6 is there twice/);
    const forger = newSigner();
    const store = vaultStore(new FakeKv(), "secret", "audit");
    for (let generation = 1; generation <= 6; generation++)
      await newTrail(store, forger).record([made(secret, generation)]);
    assert.match((await look(await store.read())).join(), /is no key of this trail/);
  });
  it("finds by a receipt of the state what the head was turned back over", () => {
    const last = records[5] as AuditRecord;
    const receipt = readAnchor(`6:${last.hash}`, "the state of x") as Anchor;
    const earlier = records[3] as AuditRecord;
    const turned = { count: 4, hash: earlier.hash, where: "the head" };
    const whole = (anchors: Anchor[]): number =>
      examine(records.slice(0, 4), anchors, new Map()).filter(({ what }) => /tail/.test(what)).length;
    assert.deepEqual([whole([turned]), whole([turned, receipt])], [0, 1]);
    assert.equal(readAnchor("6:nonsense", "x"), undefined);
  });
});

for (const [name, open] of [
  [
    "Vault",
    () => {
      const kv = new FakeKv();
      return () => vaultStore(kv, "secret", "audit");
    },
  ],
  [
    "a file",
    () => {
      const file = join(mkdtempSync(join(tmpdir(), "audit-")), "audit.jsonl");
      return () => fileStore(file);
    },
  ],
] as [string, () => () => AuditStore][])
  describe(`the audit trail in ${name}`, () => {
    it("keeps what many writers at once have to say, each once, in one chain", async () => {
      const again = open();
      const signer = name === "Vault" ? transitSigner() : newSigner();
      const writers = Array.from({ length: 5 }, () => newTrail(again(), signer));
      await Promise.all(
        writers.flatMap((writer, at) =>
          Array.from({ length: 8 }, async (_, generation) => writer.record([made(`visapi/S${at}`, generation + 1)])),
        ),
      );
      const records = await again().read();
      assert.equal(new Set(records.map(({ id }) => id)).size, 40);
      assert.equal(records.length, 40);
      assert.deepEqual(await findings(again(), signer), []);
      assert.deepEqual(
        (await again().read(38)).map(({ seq }) => seq),
        [38, 39, 40],
      );
    });
  });

describe("the audit trail in Vault", () => {
  it("recognises its own records when the reply of a write was lost", async () => {
    const [kv, signer] = [new FakeKv(), transitSigner()];
    const trail = newTrail(vaultStore(kv, "secret", "audit"), signer);
    kv.loseReply = true;
    const receipt = await trail.record([made(secret, 1)]);
    assert.match(receipt ?? "", /^1:[0-9a-f]{64}$/);
    assert.equal((await vaultStore(kv, "secret", "audit").read()).length, 1);
  });
  it("goes on behind records whose head a killed run did not write", async () => {
    const [kv, signer] = [new FakeKv(), transitSigner()];
    const store = (): AuditStore => vaultStore(kv, "secret", "audit");
    await newTrail(store(), signer).record([made(secret, 1)]);
    const old = structuredClone(kv.entries.get("secret/audit/head"));
    await newTrail(store(), signer).record([made(secret, 2)]);
    if (old) kv.entries.set("secret/audit/head", old);
    await newTrail(store(), signer).record([made(secret, 3)]);
    assert.deepEqual(await findings(store(), signer), []);
    assert.equal((await store().keptHead())?.count, 3);
  });
  it("does not hide a tail that was cut off by writing over it", async () => {
    const [kv, signer] = [new FakeKv(), transitSigner()];
    const store = (): AuditStore => vaultStore(kv, "secret", "audit");
    for (const generation of [1, 2, 3]) await newTrail(store(), signer).record([made(secret, generation)]);
    kv.entries.delete("secret/audit/log/000000000003");
    await newTrail(store(), signer).record([made(secret, 4)]);
    assert.deepEqual(await findings(store(), signer), ["record 3 is missing"]);
  });
  it("begins nothing while it cannot be written, and owes what has happened", async () => {
    const [kv, signer] = [new FakeKv(), transitSigner()];
    const trail = newTrail(vaultStore(kv, "secret", "audit"), signer, "first");
    await trail.ready();
    kv.down = new VendorError("Vault gave no answer (ECONNREFUSED) to: read.");
    const warnings: string[] = [];
    const { unaudited = "", audited } = await trail.settle([made(secret, 1)], (message) => warnings.push(message));
    assert.equal(audited, undefined);
    assert.match(warnings.join(), /was done, and the audit trail .* could not be written/);
    await assert.rejects(trail.ready(), /has not begun and nothing was changed: Vault gave no answer/);
    const later = structuredClone(kv.entries);
    kv.down = undefined;
    await trail.ready();
    assert.equal(
      (await vaultStore(kv, "secret", "audit").read()).length,
      1,
      "the same run records it as soon as it can",
    );
    const same = newTrail(vaultStore(kv, "secret", "audit"), signer, "third");
    assert.match((await same.pay(unaudited)).audited ?? "", /^1:/);
    assert.equal((await vaultStore(kv, "secret", "audit").read()).length, 1, "and nobody records it twice");
    kv.entries.clear();
    for (const [key, entry] of later) kv.entries.set(key, entry);
    const next = newTrail(vaultStore(kv, "secret", "audit"), signer, "second");
    await next.ready();
    assert.match((await next.pay(unaudited)).audited ?? "", /^1:/);
    const [record] = await vaultStore(kv, "secret", "audit").read();
    assert.deepEqual([record?.late, record?.run.id, record?.generation], [true, "first", 1]);
  });
});

describe("the audit trail in a file", () => {
  it("is whole after several processes wrote at once, one of which was killed", async () => {
    const dir = mkdtempSync(join(tmpdir(), "audit-"));
    const file = join(dir, "audit.jsonl");
    const signer = newSigner();
    const script = `
      const { fileStore } = await import(${JSON.stringify(new URL("../../../provider/audit/file-store.ts", import.meta.url).href)});
      const { newSigner, newTrail, made } = await import(${JSON.stringify(new URL("./support.ts", import.meta.url).href)});
      const trail = newTrail(fileStore(process.argv[1]), newSigner(), process.argv[2]);
      for (let at = 1; at <= 30; at++) { await trail.record([made("visapi/" + process.argv[2], at)]); process.stdout.write("."); }`;
    const children = ["A", "B", "C"].map((name) => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script, file, name]);
      let written = 0;
      child.stdout.on("data", (dots: Buffer) => {
        written += dots.length;
        if (name === "C" && written >= 5) child.kill("SIGKILL");
      });
      return new Promise<void>((done) => child.on("close", () => done()));
    });
    await Promise.all(children);
    await newTrail(fileStore(file), signer).record([made(secret, 1)]);
    const records = await fileStore(file).read();
    const of = (name: string): number => records.filter((record) => record.secret === `visapi/${name}`).length;
    assert.deepEqual([of("A"), of("B")], [30, 30]);
    assert.ok(of("C") >= 5);
    const problems = examine(records, [], new Map()).filter(({ what }) => !/signed by/.test(what));
    assert.deepEqual(problems, []);
    rmSync(dir, { recursive: true });
  });
  it("takes away half a line of a process that died, and tells a line that was removed", async () => {
    const dir = mkdtempSync(join(tmpdir(), "audit-"));
    const [file, signer] = [join(dir, "audit.jsonl"), newSigner()];
    for (const generation of [1, 2, 3]) await newTrail(fileStore(file), signer).record([made(secret, generation)]);
    appendFileSync(file, '{"v":1,"seq":4,"id":"half');
    await newTrail(fileStore(file), signer).record([made(secret, 4)]);
    assert.deepEqual(await findings(fileStore(file), signer), []);
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    assert.equal(lines.length, 4);
    writeFileSync(file, `${lines.toSpliced(1, 1).join("\n")}\n`);
    assert.match((await findings(fileStore(file), signer)).join(), /record 2 is missing/);
    writeFileSync(file, `${lines.slice(0, 2).join("\n")}\n`);
    assert.match((await findings(fileStore(file), signer)).join(), /remembers 4 records, and the trail ends at 2/);
    await newTrail(fileStore(file), signer).record([made(secret, 5)]);
    assert.match((await findings(fileStore(file), signer)).join(), /records 3 to 4 are missing/);
    rmSync(dir, { recursive: true });
  });
});

describe("the setting for the audit trail", () => {
  it("takes a store, and says what to type for anything else", () => {
    assert.deepEqual(readPlace(undefined), { kind: "off" });
    assert.deepEqual(readPlace("vault"), { kind: "vault", mount: "secret", path: "rotation-audit" });
    assert.deepEqual(readPlace("vault:kv/audit/rotation"), { kind: "vault", mount: "kv", path: "audit/rotation" });
    assert.deepEqual(readPlace("file:/var/lib/audit.jsonl"), { kind: "file", path: "/var/lib/audit.jsonl" });
    for (const wrong of ["file:", "valut", "vault:kv"]) assert.throws(() => readPlace(wrong), /give "vault"/);
  });
});
