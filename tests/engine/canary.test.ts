// No token and no value of a secret is left in plain sight by any kind of run.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { configFile, pulumi } from "../../sandbox/stack.ts";
import { Canaries } from "../support/traces.ts";
import { World, type Run } from "../support/world.ts";

const overlap = { graceHours: 1 };
const secrets = [
  { name: "JWT_SECRET", overlap, destinations: ["vault", "render", "github", "github@production"] },
  { name: "CRON_SECRET", overlap, class: "MEDIUM", destinations: ["vault", "render", "vercel"] },
];

describe("canaries on the real engine", () => {
  let world: World;
  const canaries = new Canaries();
  const said: [where: string, text: string][] = [];

  before(async function () {
    this.timeout(1_800_000);
    // Close enough to see processes that live for a moment.
    world = await World.start({ watchEveryMs: 40 });
    world.program = "declared";
    world.journaled = false;
    world.configure({ "secret-rotation:declared": { secrets } });
    for (const [name, value] of Object.entries(world.sandbox.secrets))
      if (!name.endsWith("Id")) canaries.plant(name, value);
    const { VAULT_TOKEN: token } = world.sandbox.env;
    canaries.plant("VAULT_TOKEN", token);
  });
  after(async () => {
    await world.stop();
  });
  beforeEach(() => {
    world.sandbox.simulators.render.faults.clear();
    world.sandbox.simulators.vercel.faults.clear();
  });

  /** Notes what a run said, and every value that exists after it. */
  async function noted(what: string, running: Promise<Run>): Promise<Run> {
    const run = await running;
    said.push([`stdout of ${what}`, run.stdout], [`stderr of ${what}`, run.stderr], [`events of ${what}`, run.events]);
    const { render, vercel, github } = world.sandbox.simulators;
    const { RENDER_SERVICE_ID: service = "", VERCEL_PROJECT_ID: project = "" } = world.sandbox.env;
    for (const name of ["JWT_SECRET", "JWT_SECRET_PREVIOUS", "CRON_SECRET", "CRON_SECRET_PREVIOUS"]) {
      canaries.plant(`${name} after ${what}`, render.envVar(service, name));
      canaries.plant(`${name} in Vault after ${what}`, await world.vaultField(`visapi/${name}`, "value"));
    }
    canaries.plant(`CRON_SECRET at Vercel after ${what}`, vercel.envVar(project, "CRON_SECRET"));
    await world.gate.collect();
    for (const environment of [undefined, "production"])
      try {
        canaries.plant(
          `JWT_SECRET at GitHub after ${what}`,
          github.secretValue("visanet", "visapi", "JWT_SECRET", environment),
        );
      } catch {
        // Not there yet.
      }
    return run;
  }

  async function good(what: string, running: Promise<Run>): Promise<void> {
    const run = await noted(what, running);
    assert.equal(run.code, 0, run.output);
  }

  async function bad(what: string, running: Promise<Run>): Promise<void> {
    const run = await noted(what, running);
    assert.notEqual(run.code, 0, run.output);
  }

  it("runs of every kind, good and bad", async function () {
    this.timeout(600_000);
    const { render, vercel } = world.sandbox.simulators;
    const brisk = { ROTATION_PATIENCE_SECONDS: "3" };
    await good("a creation", world.up());
    await good("an idle run", world.up());
    await good("a preview", world.preview({ now: world.later(31), args: ["--show-replacement-steps"] }));
    await good("a rotation", world.up({ now: world.later(31) }));
    await good(
      "a detailed rotation",
      world.up({ now: world.later(93), args: ["--diff", "--show-config", "--show-reads"] }),
    );

    world.now = world.later(124);
    // A vendor that echoes what it was sent in its error.
    const echo = { message: "invalid value", value: "", request: {} };
    render.faults.add({ kind: "status", status: 400, body: echo, match: { method: "PUT" }, times: 2 });
    vercel.faults.add({ kind: "status", status: 500, match: { method: "PATCH" }, times: 100 });
    await bad("a run that vendors refuse", world.up({ env: brisk }));
    await bad("a run in which Vault refuses", world.up({ env: { VAULT_TOKEN: "hvs.not-the-right-one" } }));
    await world.sandbox.vault.seal();
    await bad("a run with a sealed Vault", world.up());
    await world.sandbox.vault.unseal();
    vercel.faults.clear();
    const stop = world.sandbox.simulators.effects.subscribe(({ kind }) => {
      if (kind === "deploy.live") void world.setRenderVariable("UNRELATED", "1");
    });
    render.failBuilds(world.sandbox.env["RENDER_SERVICE_ID"] ?? "", 1);
    await bad("a run whose deploy fails", world.up());
    stop();
    world.configure({ "secret-rotation:declared": { secrets }, "secret-rotation:verificationSeconds": 2 });
    await bad("a run that cannot be verified", world.up({ env: { VISAPI_API_URL: "http://127.0.0.1:2" } }));
    await good("the run that finishes it", world.up());

    await world.setRenderVariable("JWT_SECRET", "canary-set-by-somebody-on-the-dashboard");
    await good("a refresh that finds a change", world.refresh({ args: ["--diff"] }));
    canaries.plant("JWT_SECRET of somebody", "canary-set-by-somebody-on-the-dashboard");
    await good("the run after it", world.up());
    await good("a verbose run", world.up({ args: ["--debug"], now: world.later(31) }));
    await bad("a run with a wrong token", world.up({ env: { RENDER_API_KEY: "rnd_canaryThatIsWrong0000000000" } }));
    canaries.plant("a wrong token", "rnd_canaryThatIsWrong0000000000");
    for (const args of [
      ["stack", "export"],
      ["stack", "output", "--json"],
      ["stack", "history", "--json"],
      ["config"],
    ]) {
      const ran = await pulumi([...args, "--non-interactive"], { env: world.sandbox.env, cwd: world.cwd() });
      said.push([`pulumi ${args.join(" ")}`, ran.stdout + ran.stderr]);
    }
  });

  it("leave no canary in what they print, in the engine's events or in the state with its backups and history", () => {
    assert.ok(canaries.count > 30, `only ${canaries.count} canaries`);
    for (const [where, text] of said) canaries.search(where, text);
    const files = canaries.searchFolder(join(world.dir, "state"));
    assert.ok(files > 20, `only ${files} files of state`);
    canaries.search("the stack's configuration", readFileSync(configFile(world.dir), "utf8"));
    assert.deepEqual([...canaries.found], []);
  });

  it("leave none in what they tell people", () => {
    const { messages } = world.sandbox.simulators.slack;
    assert.ok(messages.some(({ payload }) => String(payload["text"]).includes("FAILED")));
    canaries.search("Slack", JSON.stringify(messages));
    canaries.search("the vendors' effects", world.sandbox.simulators.effects.lines().join("\n"));
    const { github, render, vercel, slack } = world.sandbox.simulators;
    for (const { vendor, journal } of [github, render, vercel, slack])
      canaries.search(`addresses called at ${vendor}`, journal.map(({ path, query }) => path + query).join("\n"));
    assert.deepEqual([...canaries.found], []);
  });

  it("leave none in the arguments of any process, and in the environment of a run's only what the run was given", async () => {
    assert.ok([...world.gate.watch.arguments].some((line) => line.includes("pulumi")));
    assert.ok([...world.gate.watch.environments].some((variable) => variable.startsWith("ROTATION_NOW=")));
    canaries.search("the arguments of a process", [...world.gate.watch.arguments].join("\n"));
    assert.deepEqual([...canaries.found], []);
    assert.ok(world.gate.count > 10, `only ${world.gate.count} values`);
    assert.deepEqual(await world.gate.sweep(), []);
  });

  it("would be found, in every form", () => {
    const probe = new Canaries();
    const value = "3f9a+/7c=5d~canary value";
    probe.plant("probe", value);
    for (const text of [
      value,
      encodeURIComponent(value),
      Buffer.from(value).toString("hex"),
      ...["", "x", "xy"].map((before) => Buffer.from(`${before}${value}tail`).toString("base64")),
      Buffer.from(`x${value}`).toString("base64url"),
      [...value].reverse().join(""),
      [...value].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join(""),
      [...value].map((letter) => `\\u00${letter.charCodeAt(0).toString(16)}`).join(""),
    ]) {
      probe.found.clear();
      probe.search("here", `some ${text} text`);
      assert.equal(probe.found.size, 1, text);
    }
  });
});
