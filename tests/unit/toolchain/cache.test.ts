import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cached, cacheRoot } from "../../../sandbox/toolchain/cache.ts";
import { isAlive, self } from "../../../sandbox/toolchain/owner.ts";
import { scratch } from "./scratch.ts";

const module = new URL("../../../sandbox/toolchain/cache.ts", import.meta.url).href;

/** A run of its own that builds `tool/1`: it notes when it begins, waits for the file `go`, and writes two files. */
function run(root: string): { child: ChildProcess; output: () => string; ended: Promise<unknown> } {
  const program = `
    import { appendFileSync, existsSync, writeFileSync } from "node:fs";
    import { setTimeout as sleep } from "node:timers/promises";
    const { cached } = await import(${JSON.stringify(module)});
    const root = ${JSON.stringify(root)};
    const entry = await cached({
      root, tool: "tool", key: "1",
      onWait: (owner) => console.log("waiting for", owner.pid),
      build: async (folder) => {
        writeFileSync(folder + "/first", "1");
        appendFileSync(root + "/began", process.pid + "\\n");
        while (!existsSync(root + "/go")) await sleep(10);
        writeFileSync(folder + "/second", "2");
      },
    });
    console.log(entry.fresh ? "built" : "found", entry.folder);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout?.on("data", (data: Buffer) => (output += data.toString()));
  return { child, output: () => output, ended: once(child, "close") };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `waited in vain for ${condition.toString()}`);
    await sleep(10);
  }
}

const text = (file: string) => (existsSync(file) ? readFileSync(file, "utf8") : "");

describe("the cache", () => {
  const folder = scratch();
  const fill = (content: string) => async (entry: string) => writeFileSync(join(entry, "file"), content);

  it("is below XDG_CACHE_HOME, else below ~/.cache", () => {
    assert.equal(cacheRoot({ XDG_CACHE_HOME: "/x", HOME: "/h" }), "/x/secret-rotation");
    assert.equal(cacheRoot({ XDG_CACHE_HOME: "relative", HOME: "/h" }), "/h/.cache/secret-rotation");
    assert.equal(cacheRoot({ HOME: "/h" }), "/h/.cache/secret-rotation");
  });

  it("builds an entry once, and another for another key", async () => {
    const root = folder.path;
    const first = await cached({ root, tool: "tool", key: "1", build: fill("a") });
    const second = await cached({ root, tool: "tool", key: "1", build: fill("b") });
    const other = await cached({ root, tool: "tool", key: "2", build: fill("c") });
    assert.deepEqual([first.fresh, second.fresh, other.fresh], [true, false, true]);
    assert.equal(second.folder, first.folder);
    assert.equal(text(join(second.folder, "file")), "a");
    assert.equal(text(join(other.folder, "file")), "c");
  });

  it("keeps nothing of a build that fails, and lets the next one try", async () => {
    const root = folder.path;
    const fail = cached({
      root,
      tool: "tool",
      key: "1",
      build: async (entry) => {
        writeFileSync(join(entry, "half"), "");
        throw new Error("no luck");
      },
    });
    await assert.rejects(fail, /no luck/);
    assert.deepEqual(readdirSync(join(root, "tool")), []);
    assert.ok((await cached({ root, tool: "tool", key: "1", build: fill("a") })).fresh);
  });

  it("refuses a key that leaves its folder", async () => {
    await assert.rejects(cached({ root: folder.path, tool: "tool", key: "../1", build: fill("") }), /cannot name/);
  });

  it("lets one of two runs build; the other waits and says for whom", async () => {
    const root = folder.path;
    const first = run(root);
    await until(() => text(join(root, "began")) !== "");
    const second = run(root);
    await until(() => second.output().includes("waiting"));
    assert.equal(second.output(), `waiting for ${first.child.pid}\n`);
    assert.equal(existsSync(join(root, "tool/1")), false, "nobody sees an entry before it is complete");
    writeFileSync(join(root, "go"), "");
    await Promise.all([first.ended, second.ended]);
    assert.match(first.output(), /^built/);
    assert.match(second.output(), /^found/m);
    assert.equal(text(join(root, "began")), `${first.child.pid}\n`, "built once");
    assert.deepEqual(readdirSync(join(root, "tool")), ["1"]);
  });

  it("takes over from a run that was killed half-way, and clears up after it", async () => {
    const root = folder.path;
    const first = run(root);
    await until(() => text(join(root, "began")) !== "");
    const second = run(root);
    await until(() => second.output().includes("waiting"));
    first.child.kill("SIGKILL");
    writeFileSync(join(root, "go"), "");
    await Promise.all([first.ended, second.ended]);
    assert.match(second.output(), /^built/m);
    assert.deepEqual(readdirSync(join(root, "tool/1")).sort(), ["first", "second"]);
    assert.deepEqual(readdirSync(join(root, "tool")), ["1"], "neither lock nor unfinished build is left");
  });

  it("does not mistake a process that got the id of a dead owner for the owner", async () => {
    const shelf = join(folder.path, "tool");
    mkdirSync(shelf, { recursive: true });
    const lock = { pid: process.pid, start: "1.0", since: "2026-01-01T00:00:00Z", cwd: "/", token: "x" };
    writeFileSync(join(shelf, ".1.lock"), JSON.stringify(lock));
    mkdirSync(join(shelf, `.1.part-${process.pid}-1.0-abcdef`));
    assert.ok((await cached({ root: folder.path, tool: "tool", key: "1", build: fill("a") })).fresh);
    assert.deepEqual(readdirSync(shelf), ["1"]);
  });

  it("survives many that find a dead owner's lock at once, and one that was cut short", async () => {
    const shelf = join(folder.path, "tool");
    mkdirSync(shelf, { recursive: true });
    writeFileSync(join(shelf, ".1.lock"), '{"pid":');
    const one = () => cached({ root: folder.path, tool: "tool", key: "1", build: fill("a") });
    const entries = await Promise.all(Array.from({ length: 8 }, one));
    assert.equal(new Set(entries.map((entry) => entry.folder)).size, 1);
    assert.ok(entries.some((entry) => entry.fresh));
    assert.deepEqual(readdirSync(shelf), ["1"]);
  });

  it("knows itself as alive and a process that ended as dead", async () => {
    assert.equal(await isAlive(await self()), true);
    assert.equal(await isAlive({ pid: 2 ** 22 + 1, start: "1.0" }), false);
    assert.equal(await isAlive({ pid: -1, start: "1.0" }), false);
  });
});
