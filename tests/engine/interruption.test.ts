// Runs that get in each other's way, and runs that are killed: the next one goes on from there and rotates nothing twice.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pulumi } from "../../sandbox/stack.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import type { Effect } from "../../sandbox/simulators/index.ts";
import { signIn, use } from "../support/client.ts";
import { Typist } from "../support/type.ts";
import { World, type Run } from "../support/world.ts";

const overlap = { graceHours: 1 };
const secrets = [
  { name: "JWT_SECRET", overlap, destinations: ["vault", "render"] },
  { name: "CRON_SECRET", overlap, class: "MEDIUM", destinations: ["vault", "render", "vercel"] },
];
const names = secrets.map(({ name }) => name);
const locked = /the stack is currently locked by 1 lock\(s\)\. .*`pulumi cancel`/;

describe("interrupted runs on the real engine", () => {
  let world: World;
  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    world.program = "declared";
    world.journaled = false;
    world.configure({ "secret-rotation:declared": { secrets } });
  });
  after(async () => world.stop());

  const values = (): Record<string, string> =>
    Object.fromEntries(
      names.map((name) => [
        name,
        world.sandbox.simulators.render.envVar(world.sandbox.env["RENDER_SERVICE_ID"] ?? "", name) ?? "",
      ]),
    );
  const deploys = (): number =>
    world.sandbox.simulators.effects.lines().filter((line) => line.startsWith("render deploy.create")).length;

  /** Processes that a run of this world has started: numbers and command lines. */
  function processes(): { pid: number; command: string }[] {
    return readdirSync("/proc").flatMap((entry) => {
      if (!/^\d+$/.test(entry)) return [];
      try {
        const env = readFileSync(`/proc/${entry}/environ`, "utf8");
        if (!env.includes(`PULUMI_OPTION_CONFIG_FILE=${world.dir}/`)) return [];
        return [{ pid: Number(entry), command: readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " ") }];
      } catch {
        return [];
      }
    });
  }

  /** Runs until an effect that `matches`, then kills what `victims` names. */
  async function killed(matches: (effect: Effect) => boolean, victims: RegExp | "engine"): Promise<Run> {
    world.sandbox.simulators.effects.clear();
    let engine = 0;
    let killed = 0;
    const stop = world.sandbox.simulators.effects.subscribe((effect) => {
      if (killed || !matches(effect)) return;
      const pids =
        victims === "engine"
          ? [engine]
          : processes().flatMap(({ pid, command }) => (victims.test(command) ? [pid] : []));
      for (const pid of pids) process.kill(pid, "SIGKILL");
      killed = pids.length;
    });
    const run = await world.up({ onStart: (pid) => (engine = pid) });
    stop();
    assert.ok(killed > 0, `nothing was killed:\n${run.output}`);
    assert.notEqual(run.code, 0, run.output);
    await waitFor(() => processes().length === 0, { what: "the run's processes to end", timeoutMs: 15_000 }).catch(() =>
      assert.fail(
        `left behind: ${processes()
          .map(({ command }) => command)
          .join("; ")}`,
      ),
    );
    return run;
  }

  /** What a person types, or `rotate run` does by itself where the lock's owner is a dead process of this machine. */
  async function cancel(): Promise<void> {
    world.sandbox.simulators.effects.clear();
    const refused = await world.up();
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, locked);
    assert.match(refused.stderr, /created by \S+@\S+ \(pid \d+\)/);
    const ours = world.sandbox.simulators.effects.list().filter(({ kind }) => /\.(put|delete|create|post)$/.test(kind));
    assert.deepEqual(ours, [], "no effect beside the lock; what the platforms had begun goes on");
    const cancelled = await pulumi(["cancel", "--yes", "--non-interactive"], {
      env: world.sandbox.env,
      cwd: world.cwd(),
    });
    assert.equal(cancelled.code, 0, cancelled.stderr);
  }

  async function succeeded(run: Promise<Run>): Promise<Run> {
    const ran = await run;
    assert.equal(ran.code, 0, ran.output);
    return ran;
  }

  it("goes on after the engine was killed while it handed out secrets for the first time", async () => {
    await killed(({ kind }) => kind === "env-var.put", "engine");
    await cancel();
    const next = await succeeded(world.up());
    assert.match(next.output, /pending operations from previous deployment/);
    const now = values();
    for (const name of names) {
      assert.equal(await world.vaultField(`visapi/${name}`, "value"), now[name]);
    }
    // Pulumi keeps unfinished creations until they are cleared by name; ours are idempotent, so clearing them is safe.
    const clear = [
      "refresh",
      "--clear-pending-creates",
      "--yes",
      "--skip-preview",
      "--target",
      "**::nothing",
      "--non-interactive",
    ];
    const cleared = await pulumi(clear, { env: world.sandbox.env, cwd: world.cwd() });
    assert.equal(cleared.code, 0, cleared.stdout + cleared.stderr);
    const idle = await succeeded(world.up());
    assert.doesNotMatch(idle.output, /pending operations/);
    assert.deepEqual(idle.steps, []);
    assert.deepEqual(values(), now);
  });

  it("lets one of two runs at once through", async () => {
    world.now = world.later(31);
    const old = values();
    const generation = (await world.inventory("inventory")).get("JWT_SECRET")?.generation ?? 0;
    world.sandbox.simulators.effects.clear();
    const first = world.up();
    await world.sandbox.simulators.effects.waitFor(({ kind }) => kind === "message.post", 30_000);
    const second = await world.up();
    assert.notEqual(second.code, 0);
    assert.match(second.stderr, locked);
    assert.deepEqual([second.steps, second.events], [[], ""], "it ended before its engine began");
    await succeeded(first);
    assert.notEqual(values()["JWT_SECRET"], old["JWT_SECRET"]);
    assert.equal((await world.inventory("inventory")).get("JWT_SECRET")?.generation, generation + 1);
    const rest = await succeeded(world.up({ now: world.later(0, 2) }));
    assert.ok(!rest.steps.some(({ name }) => name === "visapi/JWT_SECRET/value"));
  });

  for (const [what, victims] of [
    ["the engine", "engine"],
    ["our provider", /provider\/bin\/\.\.\/main\.ts/],
  ] as const)
    it(`finishes a rotation whose rollout was cut off when ${what} was killed, with one restart`, async () => {
      world.now = world.later(45);
      const [old, before] = [values(), await world.inventory("inventory")];
      const session = await signIn(world.sandbox.env["VISAPI_API_URL"] ?? "");
      const cut = await killed(({ kind }) => kind === "deploy.create", victims);
      if (victims !== "engine")
        for (const error of cut.errors) assert.match(error, /rpc error|transport|plugin|error reading from server/i);
      const half = values();
      assert.notEqual(half["JWT_SECRET"], old["JWT_SECRET"]);
      const begun = deploys();
      if (victims === "engine") await cancel();
      else world.sandbox.simulators.effects.clear();
      await succeeded(world.up({ now: world.later(0, 0.2) }));
      const now = values();
      assert.equal(now["JWT_SECRET"], half["JWT_SECRET"], "not rotated twice");
      assert.equal(await world.vaultField("visapi/JWT_SECRET", "value"), now["JWT_SECRET"]);
      const rows = await world.inventory("inventory");
      assert.equal(rows.get("JWT_SECRET")?.generation, (before.get("JWT_SECRET")?.generation ?? 0) + 1);
      assert.deepEqual(rows.get("JWT_SECRET")?.consumers, ["api 2/2"]);
      assert.deepEqual([begun, deploys()], [1, 0], "the restart that had begun is the only one");
      const { token } = await use(world.sandbox.env["VISAPI_API_URL"] ?? "", session);
      assert.equal(token, 200, "a session under the old value goes on");
      const idle = await succeeded(world.up({ now: world.later(0, 0.3) }));
      assert.ok(!idle.steps.some(({ name }) => name.endsWith("/value")), JSON.stringify(idle.steps));
    });

  it("goes on with a state whose file of metadata was cut off by a kill", async () => {
    const state = join(world.dir, "state");
    const file = join(state, ".pulumi", "stacks", "secret-rotation", "sandbox.json.attrs");
    writeFileSync(file, "");
    // As somebody has it who knows nothing of `metadata=skip`.
    const env = { PULUMI_BACKEND_URL: `file://${state}`, PULUMI_OPTION_CWD: world.cwd() };
    const ran = await new Typist(world).type(world.now, ["metrics"], { env });
    assert.equal(ran.code, 0, ran.said);
    assert.match(ran.said, /a run was killed while it wrote a file of metadata beside it\. That is mended\./);
  });
});
