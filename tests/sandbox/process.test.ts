// Child processes: ready or an error that says why, and never left behind.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { identityOf } from "../../sandbox/servers/identity.ts";
import { tryLock } from "../../sandbox/servers/lock.ts";
import { claim, freePort, rememberedPorts } from "../../sandbox/servers/ports.ts";
import { leftovers, Supervisor } from "../../sandbox/servers/process.ts";
import { answers, waitFor } from "../../sandbox/servers/wait.ts";
import { allGone, newDir } from "./support.ts";
import { createServer } from "node:net";

const node = process.execPath;
const forever = ["-e", "setInterval(() => {}, 1000)"];
const stubborn = ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')"];

describe("supervisor", () => {
  let dir: string;
  let supervisor: Supervisor;
  beforeEach(() => {
    dir = newDir();
    supervisor = new Supervisor(dir);
  });
  afterEach(async () => {
    await supervisor.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it("waits until a server answers and stops it", async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const program = `setTimeout(() => require("http").createServer((q, s) => s.end("ok")).listen(${port}, "127.0.0.1"), 200)`;
    const server = await supervisor.start({
      name: "server",
      command: node,
      args: ["-e", program],
      env: {},
      ready: () => answers(url),
    });
    assert.equal(await answers(url), true);
    assert.deepEqual(await server.stop(), { code: null, signal: "SIGTERM" });
    assert.equal(await answers(url), false);
    assert.deepEqual(supervisor.pids, []);
  });

  it("says why a process did not start", async () => {
    const ready = (): Promise<boolean> => Promise.resolve(false);
    const start = (command: string, args: string[], readyTimeoutMs = 5_000): Promise<unknown> =>
      supervisor.start({ name: "thing", command, args, env: {}, ready, readyTimeoutMs });
    await assert.rejects(start("/nowhere/at-all", []), /thing could not be started from \/nowhere\/at-all: .*ENOENT/);
    await assert.rejects(
      start(node, ["-e", "console.error('no such data'); process.exit(3)"]),
      /thing did not start: it ended with code 3\. End of .*thing\.log:\nno such data/,
    );
    await assert.rejects(start(node, forever, 200), /thing did not start: waited 0\.2 s for it to answer/);
    assert.deepEqual(supervisor.pids, []);
  });

  it("gives a process its environment and nothing else", async () => {
    await supervisor
      .start({ name: "env", command: node, args: ["-p", "JSON.stringify(process.env)"], env: { ONLY: "this" } })
      .then((child) => child.exited);
    assert.deepEqual(JSON.parse(readFileSync(join(dir, "logs", "env.log"), "utf8")), { ONLY: "this" });
  });

  it("insists when a process ignores the request to end", async () => {
    const child = await supervisor.start({
      name: "stubborn",
      command: node,
      args: stubborn,
      env: {},
      stopTimeoutMs: 300,
      ready: async () => readFileSync(join(dir, "logs", "stubborn.log"), "utf8").includes("up"),
    });
    assert.deepEqual(await child.stop(), { code: null, signal: "SIGKILL" });
  });

  it("goes on being guarded when somebody kills the guard", async () => {
    await supervisor.start({ name: "sleeper", command: node, args: forever, env: {} });
    const guard = (): number | undefined => leftovers(dir).find((pid) => !supervisor.pids.includes(pid));
    const first = guard();
    assert.ok(first);
    process.kill(first, "SIGKILL");
    await waitFor(() => guard() !== undefined && guard() !== first, { what: "a new guard", timeoutMs: 5_000 });
  });
});

describe("a supervisor killed with SIGKILL", () => {
  it("takes its processes with it, stubborn ones and their children included", async () => {
    const dir = newDir();
    const module = new URL("../../sandbox/servers/process.ts", import.meta.url).href;
    const fork = `require("child_process").spawn(process.execPath, ${JSON.stringify(forever)}, { stdio: "ignore" });`;
    const program = `
      import { Supervisor } from ${JSON.stringify(module)};
      const supervisor = new Supervisor(${JSON.stringify(dir)});
      const start = (name, code) => supervisor.start({ name, command: process.execPath, args: ["-e", code], env: {} });
      await start("plain", "setInterval(() => {}, 1000)");
      await start("stubborn", ${JSON.stringify(stubborn[1])});
      await start("parent", ${JSON.stringify(`${fork} setInterval(() => {}, 1000)`)});
      console.log("started");
      setInterval(() => {}, 1000);`;
    const child = spawn(node, ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const recorded = leftovers(dir);
    assert.equal(recorded.length, 4, "three processes and the guard");
    const grandchild = await waitFor(() => childOf(recorded), { what: "the child's child", timeoutMs: 5_000 });
    child.kill("SIGKILL");
    await allGone([...recorded, grandchild], 5_000);
    assert.deepEqual(leftovers(dir), []);
    rmSync(dir, { recursive: true, force: true });
  });
});

/** A process whose parent is one of these; from /proc. */
function childOf(parents: readonly number[]): number | undefined {
  return readdirSync("/proc")
    .map(Number)
    .find((pid) => {
      if (!pid || identityOf(pid) === undefined) return false;
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      return parents.includes(Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    });
}

describe("ports", () => {
  it("are the same at every start, and an occupied one is an error that names it", async () => {
    const dir = newDir();
    const first = await rememberedPorts(dir, ["a", "b"]);
    assert.notEqual(first.a, first.b);
    assert.deepEqual(await rememberedPorts(dir, ["a", "b"]), first);
    assert.equal((await rememberedPorts(dir, ["a", "b", "c"])).a, first.a);
    const server = createServer().listen(first.b, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    await assert.rejects(rememberedPorts(dir, ["a", "b"]), new RegExp(`Port ${first.b}, .* for b, is taken`));
    await new Promise((resolve) => server.close(resolve));
    assert.equal(claim(first.a), false, "nobody else gets one of a sandbox that may start again");
    rmSync(dir, { recursive: true, force: true });
    assert.equal(claim(first.a), true);
  });
});

describe("lock", () => {
  it("has one holder at a time", () => {
    const dir = newDir();
    const file = join(dir, "lock");
    const held = tryLock(file);
    assert.ok(held);
    assert.equal(tryLock(file), undefined);
    held.release();
    const again = tryLock(file);
    assert.ok(again);
    again.release();
    rmSync(dir, { recursive: true, force: true });
  });
});
