import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { Refusal, bearer } from "../../../sandbox/simulators/answers.ts";
import { objectBody } from "../../../sandbox/simulators/body.ts";
import { Simulator, type SimulatorOptions } from "../../../sandbox/simulators/kit.ts";
import type { LimitDecision } from "../../../sandbox/simulators/limits.ts";
import { caller, list } from "./support.ts";

/** The smallest vendor: one value, a limit of five writes a minute. */
class Notes extends Simulator<{ note: string }> {
  readonly vendor = "notes";
  names() {
    return ["note"];
  }
  protected initialState() {
    return { note: "first" };
  }
  protected authorize(request: Parameters<typeof bearer>[0]) {
    return bearer(request) === "token" ? undefined : { status: 401, body: { error: "who are you" } };
  }
  protected limitRules() {
    return { write: { limit: 5, windowMs: 60_000 } };
  }
  protected limitsOf(request: { method: string }) {
    return request.method === "GET" ? [] : [{ class: "write", key: "all" }];
  }
  protected limitHeaders([decision]: LimitDecision[]): Record<string, string> {
    return decision ? { "x-left": String(decision.remaining) } : {};
  }
  protected limitAnswer(refused: LimitDecision) {
    return { status: 429, body: { error: "slow down" }, headers: { "retry-after": String(refused.resetSeconds) } };
  }
  protected errorBody(status: number, message: string) {
    return { status, message };
  }
  protected routes(app: FastifyInstance) {
    app.get("/note", async (request) => ({ note: this.read(request).note }));
    app.put("/note", async (request) => {
      const { note } = objectBody(request, () => new Refusal(400, { error: "not JSON" }));
      if (typeof note !== "string") throw new Refusal(422, { error: "note must be a string" });
      this.write((state) => (state.note = note), { kind: "note.put", subject: "note" });
      return { note };
    });
    app.get("/broken", async () => {
      throw new TypeError("a mistake in the simulator");
    });
  }
}

describe("simulators: what all of them share", () => {
  const running: Notes[] = [];
  const directories: string[] = [];
  const begin = async (options: SimulatorOptions = {}) => {
    const sim = await new Notes(options).start();
    running.push(sim);
    return { sim, call: caller(sim.url, "token") };
  };
  const directory = () => {
    const made = mkdtempSync(join(tmpdir(), "simulators-"));
    directories.push(made);
    return made;
  };
  afterEach(async () => {
    await Promise.all(running.splice(0).map((sim) => sim.stop()));
    for (const made of directories.splice(0)) rmSync(made, { recursive: true });
  });

  it("listens on the loopback address alone", async () => {
    const { sim } = await begin();
    assert.match(sim.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it("journals every request without its body and records effects in order", async () => {
    const { sim, call } = await begin();
    await call("PUT", "/note?why=test", { note: "a-secret-value" });
    await call("GET", "/nowhere");
    assert.deepEqual(
      sim.journal.map(({ seq, method, path, query, status }) => ({ seq, method, path, query, status })),
      [
        { seq: 1, method: "PUT", path: "/note", query: "?why=test", status: 200 },
        { seq: 2, method: "GET", path: "/nowhere", query: "", status: 404 },
      ],
    );
    assert.deepEqual(sim.effects.lines(), ["notes note.put note"]);
    assert.ok(!JSON.stringify([sim.journal, sim.effects.list()]).includes("a-secret-value"));
  });

  it("answers refusals, malformed bodies and its own mistakes in the vendor's shape", async () => {
    const { sim, call } = await begin();
    assert.equal((await caller(sim.url)("GET", "/note")).status, 401);
    assert.deepEqual((await call("PUT", "/note", "{")).body, { error: "not JSON" });
    assert.equal((await call("PUT", "/note", { note: 1 })).status, 422);
    const silenced = console.error;
    console.error = () => {};
    try {
      assert.deepEqual((await call("GET", "/broken")).body, { status: 500, message: "Internal Server Error" });
    } finally {
      console.error = silenced;
    }
  });

  it("keeps its state over a restart in a file that only its owner reads, and resets", async () => {
    const options = { directory: directory() };
    const { sim, call } = await begin(options);
    await call("PUT", "/note", { note: "kept" });
    await sim.stop();
    assert.deepEqual(readdirSync(options.directory), ["notes.json"], "no draft is left behind");
    const file = join(options.directory, "notes.json");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), { note: "kept" });

    const again = await begin(options);
    assert.deepEqual((await again.call("GET", "/note")).body, { note: "kept" });
    await again.sim.reset();
    assert.deepEqual((await again.call("GET", "/note")).body, { note: "first" });
  });

  it("refuses at the limit with the vendor's headers, and lets in again when the window ends", async () => {
    const { call } = await begin({ limitScale: 60 });
    const left = [];
    for (let turn = 0; turn < 5; turn++) left.push((await call("PUT", "/note", { note: "n" })).headers.get("x-left"));
    assert.deepEqual(left, ["4", "3", "2", "1", "0"]);
    const refused = await call("PUT", "/note", { note: "n" });
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("retry-after"), "1");
    await new Promise((resolve) => setTimeout(resolve, Number(refused.headers.get("retry-after")) * 1000));
    assert.equal((await call("PUT", "/note", { note: "n" })).status, 200);
  });

  describe("faults", () => {
    it("status: answers so, without the effect, as often as told", async () => {
      const { sim, call } = await begin();
      sim.faults.add({
        kind: "status",
        status: 503,
        times: 2,
        skip: 1,
        match: { method: "PUT" },
        headers: { "x-a": "b" },
      });
      const statuses = [];
      for (const note of ["a", "b", "c", "d"]) statuses.push((await call("PUT", "/note", { note })).status);
      assert.deepEqual(statuses, [200, 503, 503, 200]);
      assert.equal(sim.effects.list().length, 2);
    });

    it("rate-limited: answers as the vendor does at its limit", async () => {
      const { sim, call } = await begin();
      sim.faults.add({ kind: "rate-limited", resetSeconds: 7, match: { path: /^\/note/ } });
      const reply = await call("GET", "/note");
      assert.equal(reply.status, 429);
      assert.equal(reply.headers.get("retry-after"), "7");
      assert.equal((await call("GET", "/note")).status, 200);
    });

    it("slow: answers late, and together with another fault", async () => {
      const { sim, call } = await begin();
      sim.faults.add({ kind: "slow", ms: 60 });
      sim.faults.add({ kind: "status", status: 500 });
      const begun = performance.now();
      assert.equal((await call("GET", "/note")).status, 500);
      assert.ok(performance.now() - begun >= 58);
    });

    it("lost-reply: the effect happens, the answer does not arrive", async () => {
      const { sim, call } = await begin();
      sim.faults.add({ kind: "lost-reply", match: { method: "PUT" } });
      await assert.rejects(call("PUT", "/note", { note: "written" }));
      assert.deepEqual((await call("GET", "/note")).body, { note: "written" });
      assert.deepEqual(sim.effects.lines(), ["notes note.put note"]);
      assert.equal(sim.journal[0]?.fault, "lost-reply");
      assert.equal(sim.journal[0]?.status, undefined);
    });

    it("drop-before: neither effect nor answer", async () => {
      const { sim, call } = await begin();
      sim.faults.add({ kind: "drop-before" });
      await assert.rejects(call("PUT", "/note", { note: "never" }));
      assert.deepEqual((await call("GET", "/note")).body, { note: "first" });
      assert.deepEqual(sim.effects.list(), []);
    });

    it("half-body: the effect happens, the answer breaks off", async () => {
      const { sim } = await begin();
      sim.faults.add({ kind: "half-body" });
      const init = { method: "PUT", headers: { authorization: "Bearer token" }, body: '{"note":"written"}' };
      const response = await fetch(`${sim.url}/note`, init);
      assert.equal(response.status, 200, "the status line arrives");
      await assert.rejects(response.text());
      assert.deepEqual(sim.effects.lines(), ["notes note.put note"]);
    });

    it("stale-read: reads see the old state for a while", async () => {
      const { sim, call } = await begin();
      sim.faults.add({ kind: "stale-read", ms: 150 });
      await call("PUT", "/note", { note: "new" });
      assert.deepEqual((await call("GET", "/note")).body, { note: "first" });
      await new Promise((resolve) => setTimeout(resolve, 170));
      assert.deepEqual((await call("GET", "/note")).body, { note: "new" });
    });

    it("says so when a kind does not exist", async () => {
      const { sim } = await begin();
      assert.throws(() => sim.faults.add({ kind: "meteor" } as never), /no fault of kind "meteor": use one of status/);
    });
  });

  describe("control API", () => {
    it("does not exist without its token", async () => {
      const closed = await begin();
      assert.equal((await closed.call("GET", "/_control/names", undefined, { "x-control-token": "" })).status, 404);
      const { sim } = await begin({ controlToken: "control" });
      assert.equal((await caller(sim.url)("GET", "/_control/names")).status, 404);
      assert.equal(
        (await caller(sim.url)("GET", "/_control/names", undefined, { "x-control-token": "contro1" })).status,
        404,
      );
    });

    it("drives faults, journal, effects, names and reset from another process", async () => {
      const { sim, call } = await begin({ controlToken: "control" });
      const control = (method: string, path: string, body?: unknown) =>
        caller(sim.url)(method, `/_control${path}`, body, { "x-control-token": "control" });
      const fault = { kind: "status", status: 502, match: { method: "put", path: "^/note$" } };
      assert.equal((await control("POST", "/faults", fault)).status, 201);
      assert.equal((await control("POST", "/faults", { kind: "meteor" })).status, 400);
      assert.deepEqual((await control("GET", "/faults")).body, [
        { kind: "status", method: "PUT", path: "^\\/note$", left: 1 },
      ]);
      assert.equal((await call("PUT", "/note", { note: "n" })).status, 502);
      assert.equal((await call("PUT", "/note", { note: "n" })).status, 200);
      assert.deepEqual((await control("GET", "/names")).body, ["note"]);
      assert.deepEqual(
        list((await control("GET", "/effects")).body).map(({ kind }) => kind),
        ["note.put"],
      );
      assert.equal((await control("GET", "/journal")).body.length, 2, "control requests are not journaled");
      await control("POST", "/faults", { kind: "slow", ms: 1 });
      assert.equal((await control("DELETE", "/faults")).status, 204);
      assert.deepEqual((await control("GET", "/faults")).body, []);
      assert.equal((await control("POST", "/reset")).status, 204);
      assert.deepEqual((await call("GET", "/note")).body, { note: "first" });
    });
  });
});
