// A run's journal on the real engine: what it spares the state, and what is left when engine, command or both die.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pulumi } from "../../sandbox/stack.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { withEnvironment } from "../matrix/processes.ts";
import { makeStack } from "../support/backends.ts";
import { Typist, type Typed } from "../support/type.ts";
import { World } from "../support/world.ts";

const overlap = { graceHours: 1 };
const secrets = [
  { name: "JWT_SECRET", overlap, destinations: ["vault", "render"] },
  { name: "CRON_SECRET", overlap, class: "MEDIUM", destinations: ["vault", "render", "vercel"] },
];

describe("a run's journal on the real engine", function () {
  this.timeout(180_000);
  let world: World;
  let typist: Typist;
  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    world.program = "declared";
    world.configure({ "secret-rotation:declared": { secrets } });
    typist = new Typist(world);
  });
  after(async () => world.stop());

  const rotate = (now: string, args: string[], onStart?: (pid: number) => void): Promise<Typed> =>
    typist.type(now, args, { env: { PULUMI_OPTION_CWD: world.cwd() }, ...(onStart ? { onStart } : {}) });
  async function succeeded(typed: Promise<Typed>): Promise<Typed> {
    const ran = await typed;
    assert.equal(ran.code, 0, ran.said + ran.out);
    return ran;
  }
  const below = (...path: string[]): string => join(world.dir, "state", ".pulumi", ...path);
  const state = (): string => readFileSync(below("stacks", "secret-rotation", "sandbox.json"), "utf8");
  const journals = (): string[] => {
    const folder = below("secret-rotation", "secret-rotation", "sandbox.journal");
    return existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  };
  const atRender = (name = "JWT_SECRET"): string =>
    world.sandbox.simulators.render.envVar(world.sandbox.env["RENDER_SERVICE_ID"] ?? "", name) ?? "";
  const generations = async (now: string): Promise<number[]> => {
    const { out } = await rotate(now, ["status", "--json"]);
    return (JSON.parse(out) as { secrets: { generation: number }[] }).secrets.map(({ generation }) => generation);
  };
  const processes = (): { pid: number; command: string }[] =>
    withEnvironment(`PULUMI_OPTION_CONFIG_FILE=${world.dir}/`);

  /** Runs what is due until a variable is written at Render, then kills whoever matches. @returns what was killed */
  async function cut(now: string, victims: RegExp): Promise<{ ran: Typed; killed: string[] }> {
    let killed: string[] = [];
    const stop = world.sandbox.simulators.effects.subscribe(({ kind }) => {
      if (killed.length > 0 || kind !== "env-var.put") return;
      const found = processes().filter(({ command }) => victims.test(command));
      for (const { pid } of found) process.kill(pid, "SIGKILL");
      killed = found.map(({ command }) => command);
    });
    const ran = await rotate(now, ["run"]);
    stop();
    assert.notEqual(ran.code, 0, ran.out);
    return { ran, killed };
  }

  it("is all that is written on the way, and the state has it at the end; pulumi alone finds nothing to change", async () => {
    await succeeded(rotate(world.now, ["run"]));
    const [first, old] = [state(), atRender()];
    let between: { state: string; journals: number } | undefined;
    const stop = world.sandbox.simulators.effects.subscribe(({ kind }) => {
      if (kind === "deploy.create") between ??= { state: state(), journals: journals().length };
    });
    world.now = world.later(31);
    await succeeded(rotate(world.now, ["run"]));
    stop();
    assert.equal(between?.state, first, "the state was left alone");
    assert.ok((between?.journals ?? 0) > 10, `there were ${between?.journals} batches`);
    assert.deepEqual(journals(), []);
    assert.notEqual(state(), first);
    assert.notEqual(atRender(), old);
    const idle = await world.up();
    assert.deepEqual([idle.code, idle.steps], [0, []], idle.output);
    const { stdout } = await pulumi(["stack", "history", "--json"], { env: world.sandbox.env, cwd: world.cwd() });
    const updates = JSON.parse(stdout) as { kind: string; result: string; resourceChanges?: Record<string, number> }[];
    assert.deepEqual(
      updates.map(({ kind, result }) => `${kind} ${result}`),
      ["update succeeded", "update succeeded", "update succeeded"],
    );
    assert.ok((updates[1]?.resourceChanges?.["update"] ?? 0) > 0, stdout);
  });

  it("hides no other stack: a program may refer to it by its full name", async () => {
    const config = { "secret-rotation:reads": "organization/secret-rotation/sandbox" };
    const file = await makeStack(join(world.dir, "reader"), "reader", config, world.sandbox.env);
    const env = { PULUMI_STACK: "reader", PULUMI_OPTION_CONFIG_FILE: file };
    const ran = await world.up({ program: "reader", env });
    assert.deepEqual([ran.code, ran.errors], [0, []], ran.output);
    const own = { env: { ...world.sandbox.env, ...env }, cwd: world.cwd("reader") };
    const { stdout } = await pulumi(["stack", "output", "names", "--json"], own);
    assert.deepEqual((JSON.parse(stdout) as string[]).sort(), ["CRON_SECRET", "JWT_SECRET"]);
    writeFileSync(file, readFileSync(file, "utf8").replace("secret-rotation/sandbox", "secret-rotation/nowhere"));
    const none = await world.up({ program: "reader", env });
    assert.notEqual(none.code, 0);
    assert.match(none.errors.join("\n"), /unknown stack "organization\/secret-rotation\/nowhere"/);
  });

  it("is gone on from when engine and command die, and what they did is known before that", async () => {
    world.now = world.later(31);
    const [before, old] = [state(), atRender()];
    const { killed } = await cut(world.now, /cli\/main\.ts run|^\S*pulumi up /);
    assert.ok(killed.length >= 2, killed.join("\n"));
    await waitFor(() => processes().length === 0, { what: "the run's processes to end", timeoutMs: 20_000 });
    const half = [atRender(), atRender("CRON_SECRET")];
    assert.ok(journals().length > 0);
    assert.equal(state(), before);
    assert.deepEqual(await generations(world.now), [3, 3], "who asks is told what was done");
    const refused = await world.up();
    assert.match(
      refused.stderr,
      /the stack is currently locked by 1 lock\(s\)/,
      "pulumi alone does not go on from an old state",
    );
    const next = await succeeded(rotate(world.now, ["run"]));
    assert.match(next.said, /The lock of a run that died \(process \d+ on this machine\) is taken away\./);
    assert.notEqual(atRender(), old);
    for (const [index, value] of [atRender(), atRender("CRON_SECRET")].entries())
      if (half[index] !== value) assert.equal(half[index], [old][index] ?? half[index], "not rotated twice");
    assert.equal(atRender(), await world.vaultField("visapi/JWT_SECRET", "value"));
    assert.deepEqual(await generations(world.now), [3, 3]);
    assert.deepEqual(journals(), []);
  });

  it("stops an engine whose command is gone: it begins nothing more, and holds the stack until it has ended", async () => {
    world.now = world.later(31);
    const { killed } = await cut(world.now, /cli\/main\.ts run/);
    assert.ok(killed.length > 0);
    const engines = (): string[] =>
      processes().flatMap(({ command }) => (/^\S*pulumi up /.test(command) ? [command] : []));
    if (engines().length > 0) {
      const early = await rotate(world.now, ["run"]);
      if (early.code !== 0) assert.match(early.said, /That process of this machine lives\.|is taken away/);
    }
    await waitFor(() => processes().length === 0, { what: "the engine and its plugins to end", timeoutMs: 90_000 });
    await succeeded(rotate(world.now, ["run"]));
    assert.equal(atRender(), await world.vaultField("visapi/JWT_SECRET", "value"));
    assert.deepEqual(await generations(world.now), [4, 4], "once more, and no more than once");
  });

  it("that cannot be written stops the run before its first effect, and says why", async () => {
    world.now = world.later(31);
    const folder = below("secret-rotation", "secret-rotation", "sandbox.journal");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(below("secret-rotation", "secret-rotation"), { recursive: true });
    // Where a folder has to be there is a file.
    writeFileSync(folder, "");
    world.sandbox.simulators.effects.clear();
    const ran = await rotate(world.now, ["run"]);
    assert.notEqual(ran.code, 0);
    assert.match(ran.said, /ENOTDIR|EEXIST/);
    assert.deepEqual(
      world.sandbox.simulators.effects.lines().filter((line) => /put|create|post/.test(line)),
      [],
    );
    rmSync(folder);
    await succeeded(rotate(world.now, ["run"]));
    assert.deepEqual(await generations(world.now), [5, 5]);
  });
});
