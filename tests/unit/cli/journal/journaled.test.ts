// A run with its journal, on files: what lies there at each moment, and what the next run makes of it.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { fileStore } from "../../../../cli/backends/files.ts";
import type { Update } from "../../../../cli/backends/checkpoint.ts";
import type { Store } from "../../../../cli/backends/store.ts";
import { Journaled, standing, type Place } from "../../../../cli/journal/journaled.ts";
import { Locked } from "../../../../cli/journal/lock.ts";
import { kinds } from "../../../../cli/journal/entries.ts";
import { isLocked, readState } from "../../../../cli/state-file.ts";

const update: Update = {
  ...{ kind: "update", startTime: 1, endTime: 2, message: "why", environment: {} },
  ...{ config: {}, version: 0, result: "succeeded" },
};
const urn = (name: string): string => `urn:pulumi:app::p::t:i:T::${name}`;

describe("a run with a journal", () => {
  let dir: string;
  let place: Place;
  const at = (...path: string[]): string => join(dir, ".pulumi", ...path);
  const stateFile = (ending = ".json"): string => at("stacks", "p", `app${ending}`);
  const written = (...names: string[]): string =>
    JSON.stringify({
      version: 3,
      checkpoint: {
        stack: "organization/p/app",
        latest: { resources: names.map((name) => ({ urn: urn(name), type: "t:i:T" })) },
      },
    });
  const batch = (...names: string[]): Buffer =>
    Buffer.from(
      JSON.stringify({
        entries: names.map((name) => ({
          ...{ version: 1, kind: kinds.success, sequenceID: Number(name), operationID: Number(name) },
          state: { urn: urn(name), type: "t:i:T" },
        })),
      }),
    );
  const names = async (): Promise<string[]> =>
    (await readState(place.store, "p", "app"))?.state.resources.map(({ urn }) => urn.split("::").pop() ?? "") ?? [];
  const locks = (): string[] => readdirSync(at("locks", "organization", "p", "app"));
  const begin = (where = place): Promise<Journaled> => Journaled.begin(where, 4711, "3.259.0");

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "journaled-"));
    mkdirSync(at("stacks", "p"), { recursive: true });
    writeFileSync(stateFile(), written("1"));
    place = { store: fileStore(dir), project: "p", stack: "app" };
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("keeps each step, and puts them into the state at its end, as Pulumi lays it out", async () => {
    const run = await begin();
    await run.add(() => batch("2"));
    assert.equal(readFileSync(stateFile(), "utf8"), written("1"), "nothing but the journal is written on the way");
    assert.deepEqual(await names(), ["2", "1"], "but who asks is told");
    const [lock = ""] = locks();
    const content = JSON.parse(readFileSync(at("locks", "organization", "p", "app", lock), "utf8")) as object;
    assert.deepEqual(
      { ...content, username: "", timestamp: "" },
      { pid: 4711, hostname: hostname(), username: "", timestamp: "" },
    );
    await run.add(() => batch("3"));
    await run.end(update);
    assert.deepEqual(await names(), ["2", "3", "1"]);
    assert.equal(readFileSync(stateFile(".json.bak"), "utf8"), written("1"));
    assert.deepEqual([locks(), await isLocked(place.store, "p", "app")], [[], false]);
    const history = readdirSync(at("history", "p", "app")).sort();
    assert.match(history.join(" "), /^app-\d{19}\.checkpoint\.json app-\d{19}\.history\.json$/);
    assert.deepEqual(JSON.parse(readFileSync(at("history", "p", "app", history[1] ?? ""), "utf8")), update);
    assert.equal(readdirSync(at("backups", "p", "app")).length, 1);
    await run.end(update);
    assert.equal(readdirSync(at("history", "p", "app")).length, 2, "it ends once");
  });

  it("that dies leaves its steps to the next one, whatever was being written", async () => {
    const run = await begin();
    await run.add(() => batch("2"));
    const folder = at("secret-rotation", "p", "app.journal");
    const own = join(folder, readdirSync(folder)[0] ?? "");
    writeFileSync(join(own, "00000002.json.99"), '{"entries": [{"ver');
    assert.deepEqual(await names(), ["2", "1"]);
    assert.equal(await isLocked(place.store, "p", "app"), true);
    rmSync(at("locks", "organization", "p", "app"), { recursive: true });
    assert.equal(await isLocked(place.store, "p", "app"), true, "its journal alone asks for the engine");
    const next = await begin();
    assert.deepEqual(
      next.typed?.deployment.resources?.map((resource) => resource.urn),
      [urn("2"), urn("1")],
    );
    assert.equal(readFileSync(stateFile(".json.bak"), "utf8"), written("1"));
    assert.equal(readdirSync(folder).length, 1, "only the new one's journal is there");
    await next.end(update);
    assert.deepEqual(await names(), ["2", "1"]);
  });

  it("whose journal is of another state than the one that is there is not believed", async () => {
    const run = await begin();
    await run.add(() => batch("2"));
    rmSync(at("locks", "organization", "p", "app"), { recursive: true });
    writeFileSync(stateFile(), written("1", "7"));
    assert.deepEqual(await names(), ["1", "7"]);
    const next = await begin();
    await next.end(update);
    assert.deepEqual(await names(), ["1", "7"]);
    assert.equal(await isLocked(place.store, "p", "app"), false);
  });

  it("waits for nobody, and says who has the stack", async () => {
    const run = await begin();
    await assert.rejects(begin(), (error) => {
      assert.ok(error instanceof Locked);
      assert.match(
        error.message,
        /^the stack is currently locked by 1 lock\(s\)\..*`pulumi cancel`\.\n {2}\S+\.json: created by \S+@\S+ \(pid 4711\) at \S+$/,
      );
      return true;
    });
    assert.equal(locks().length, 1);
    await run.end(update);
    await (await begin()).end(update);
  });

  it("that cannot write keeps journal and lock, and can try again", async () => {
    let full = true;
    const store: Store = {
      ...place.store,
      write: (key, bytes) =>
        full && key.endsWith("app.json") ? Promise.reject(new Error("no space")) : place.store.write(key, bytes),
    };
    const run = await begin({ ...place, store });
    await run.add(() => batch("2"));
    await assert.rejects(run.end(update), /no space/);
    assert.deepEqual([locks().length, await names()], [1, ["2", "1"]]);
    full = false;
    await run.end(update);
    assert.deepEqual([locks().length, await names()], [0, ["2", "1"]]);
  });

  it("leaves a state packed as it was, and the history too", async () => {
    rmSync(stateFile());
    writeFileSync(stateFile(".json.gz"), gzipSync(written("1")));
    const run = await begin();
    await run.add(() => batch("2"));
    await run.end(update);
    assert.match(gunzipSync(readFileSync(stateFile(".json.gz"))).toString(), /T::2/);
    assert.ok(readdirSync(at("history", "p", "app")).every((name) => name.endsWith(".json.gz")));
  });

  it("on a stack that is not there does not begin", async () => {
    await assert.rejects(begin({ ...place, stack: "none" }), /there is no state of p\/none/);
    assert.equal(await standing({ ...place, stack: "none" }), undefined);
    assert.deepEqual(readdirSync(at("locks", "organization", "p", "none")), []);
  });
});
