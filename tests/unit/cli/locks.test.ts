// Locks of a self-managed backend: whose they are, which of them are dead, and that no other is taken away.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../../../sandbox/servers/wait.ts";
import { fileStore } from "../../../cli/backends/files.ts";
import {
  clearDeadLocks,
  fateOf,
  heldBy,
  locksIn,
  locksOf,
  removeLock,
  takeAwayDead,
  type Lock,
} from "../../../cli/locks.ts";

const key = ".pulumi/locks/organization/secret-rotation/sandbox/1-2.json";
const lock: Lock = { key, user: "ops", host: "there", pid: 7, at: "2027-03-01T03:00:00Z" };

describe("what pulumi says of locks", () => {
  const line = (address: string, who = "ops@there (pid 7)"): string =>
    `\n  ${address}: created by ${who} at 2027-03-01T03:00:00Z`;
  const message = (...lines: string[]): string =>
    `error: the stack is currently locked by ${lines.length} lock(s). Either wait for the other process(es) to end or delete the lock file with \`pulumi cancel\`.${lines.join("")}\n`;

  it("names each with its key, wherever the state is kept", () => {
    for (const address of [
      `file:///var/lib/rotation/${key}?metadata=skip`,
      `s3://bucket/folder/${key}?endpoint=127.0.0.1:1&region=x`,
      `postgres://****:****@127.0.0.1:5432/state/${key}`,
    ])
      assert.deepEqual(locksIn(message(line(address))), [lock], address);
    const two = locksIn(message(line(`file:///x/${key}`), line(`file:///x/${key}`, "a b@here (pid 8)")));
    assert.deepEqual(two[1], { ...lock, user: "a b", host: "here", pid: 8 });
  });
  it("is left alone when it is about something else", () => {
    assert.deepEqual(locksIn("error: something else: created by ops@there (pid 7) at 2027"), []);
    assert.equal(locksIn(message(line("nothing")))[0]?.key, "");
  });
});

describe("the lock of a run that died", () => {
  it("is known by its process on this machine", async () => {
    const dead = await fateOf(lock, undefined, "there", () => false);
    assert.deepEqual(
      [dead.gone, dead.why],
      [true, "The lock of a run that died (process 7 on this machine) is taken away."],
    );
    assert.equal((await fateOf(lock, undefined, "there", () => true)).gone, false);
  });
  it("does not count as alive when only nobody has asked how it ended", async () => {
    const folder = mkdtempSync(join(tmpdir(), "locks-"));
    const program = join(folder, "pulumi");
    symlinkSync("/bin/sleep", program);
    // The shell becomes a program that never asks about its child.
    const parent = spawn("/bin/sh", ["-c", `${program} 0.2 & echo $!; exec sleep 60`]);
    try {
      const pid = Number(String((await once(parent.stdout, "data"))[0]));
      const stat = (): string => readFileSync(`/proc/${pid}/stat`, "utf8");
      await waitFor(() => stat().includes("(pulumi)"), { what: "the program to start" });
      assert.equal((await fateOf({ ...lock, host: hostname(), pid })).gone, false, "it lives");
      await waitFor(() => stat().includes("(pulumi) Z"), { what: "the program to end" });
      assert.equal((await fateOf({ ...lock, host: hostname(), pid })).gone, true);
    } finally {
      parent.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
  });
  it("is known on another machine only by who is asked, and then whatever process there is here", async () => {
    assert.equal((await fateOf(lock, undefined, "here", () => false)).gone, false);
    const asked: Lock[] = [];
    const elsewhere = (of: Lock) => (asked.push(of), Promise.resolve({ gone: true, why: "Gone." }));
    assert.deepEqual(await fateOf(lock, elsewhere, "here", () => true), { gone: true, why: "Gone." });
    await fateOf(lock, elsewhere, "there", () => true);
    assert.deepEqual(asked, [lock], "nobody is asked about this machine");
  });
  it("says whose it is and what to type, where it stays", () => {
    assert.equal(
      heldBy(lock, { gone: false, why: "That is another machine." }, "production"),
      "The lock of ops@there (process 7, since 2027-03-01T03:00:00Z) stays. That is another machine. Once that run or its machine is known to be gone, type: pulumi cancel --stack production",
    );
  });
});

describe("locks that are in the way", () => {
  const key = (name: string): string => `.pulumi/locks/organization/secret-rotation/sandbox/${name}.json`;
  const locks = ["gone", "there"].map((host): Lock => ({ ...lock, host, key: key(host) }));
  const elsewhere = ({ host }: Lock) => Promise.resolve({ gone: host === "gone", why: `${host}.` });

  it("go when they are dead, beside others that stay", async () => {
    const folder = mkdtempSync(join(tmpdir(), "locks-"));
    const store = fileStore(folder);
    for (const { key, host, pid } of locks) await store.write(key, JSON.stringify({ pid, hostname: host }));
    const said: string[] = [];
    const held = await takeAwayDead(locks, { store, stack: "s", elsewhere, say: (text) => void said.push(text) });
    assert.deepEqual([said, held.length, await store.list(".pulumi/")], [["gone."], 1, [key("there")]]);
    assert.match(held[0] ?? "", /^The lock of ops@there .* stays\. there\. .*pulumi cancel --stack s$/);
    rmSync(folder, { recursive: true });
  });
  it("all stay where only all of a stack's can be taken away and one of them is not dead", async () => {
    const said: string[] = [];
    const about = { store: undefined, stack: undefined, elsewhere, say: (text: string) => void said.push(text) };
    assert.equal((await takeAwayDead(locks, about)).length, 1);
    assert.deepEqual(said, []);
    assert.deepEqual([await takeAwayDead(locks.slice(0, 1), about), said], [[], ["gone."]]);
  });
});

describe("the locks in a backend of files", () => {
  const folder = mkdtempSync(join(tmpdir(), "locks-"));
  const stack = join(folder, ".pulumi", "locks", "organization", "secret-rotation", "sandbox");
  const gone = spawnSync(process.execPath, ["--version"]).pid;
  const write = (name: string, host: string, pid: number): void =>
    writeFileSync(
      join(stack, `${name}.json`),
      JSON.stringify({ pid, username: "ops", hostname: host, timestamp: lock.at }),
    );
  before(() => mkdirSync(stack, { recursive: true }));
  after(() => rmSync(folder, { recursive: true }));

  it("go when their processes are gone; those of runs that live and of other machines stay", async () => {
    write("dead", hostname(), gone);
    write("elsewhere", `not-${hostname()}`, gone);
    assert.equal(await clearDeadLocks(fileStore(folder)), 1);
    assert.deepEqual(readdirSync(stack), ["elsewhere.json"]);
    assert.equal(await clearDeadLocks(fileStore(folder)), 0);
    assert.equal(await clearDeadLocks(fileStore(join(folder, "absent"))), 0);
  });
  it("go one at a time, and not when another process has made one there since", async () => {
    write("1-2", "there", 7);
    const store = fileStore(folder);
    assert.deepEqual(
      (await locksOf(store, "secret-rotation", "sandbox")).find(({ host }) => host === "there"),
      lock,
    );
    for (const other of [
      { ...lock, pid: 8 },
      { ...lock, host: "here" },
      { ...lock, key: "" },
    ])
      await removeLock(store, other);
    assert.deepEqual(readdirSync(stack).sort(), ["1-2.json", "elsewhere.json"]);
    await removeLock(store, lock);
    assert.deepEqual(readdirSync(stack), ["elsewhere.json"]);
    await removeLock(store, lock);
  });
});
