// Vendors as they are on a bad day: a rotation gets through or fails with one error, and is finished, never repeated.
import assert from "node:assert/strict";
import type { Fault } from "../../sandbox/simulators/index.ts";
import { signIn, use } from "../support/client.ts";
import { World, type Run, type RunSettings } from "../support/world.ts";

const overlap = { graceHours: 1 };
const secrets = [
  { name: "JWT_SECRET", overlap, destinations: ["vault", "render"] },
  { name: "CRON_SECRET", overlap, class: "MEDIUM", destinations: ["vault", "render", "vercel"] },
];
const names = secrets.map(({ name }) => name);

describe("faults of vendors on the real engine", () => {
  let world: World;
  let api: string;
  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    world.program = "declared";
    world.configure({ "secret-rotation:declared": { secrets } });
    api = world.sandbox.env["VISAPI_API_URL"] ?? "";
  });
  after(async () => world.stop());
  afterEach(() => {
    for (const { faults } of [world.sandbox.simulators.render, world.sandbox.simulators.vercel]) faults.clear();
  });

  const values = (): Record<string, string> => {
    const { render, vercel } = world.sandbox.simulators;
    const { RENDER_SERVICE_ID: service = "", VERCEL_PROJECT_ID: project = "" } = world.sandbox.env;
    const held = names.map((name) => [name, render.envVar(service, name) ?? ""]);
    return { ...Object.fromEntries(held), frontend: vercel.envVar(project, "CRON_SECRET") ?? "" } as Record<
      string,
      string
    >;
  };
  const count = (start: string): number =>
    world.sandbox.simulators.effects.lines().filter((line) => line.startsWith(start)).length;
  const generation = async (): Promise<number> =>
    (await world.inventory("inventory")).get("JWT_SECRET")?.generation ?? 0;
  const brisk = { env: { ROTATION_PATIENCE_SECONDS: "5" } };

  function render(...faults: Fault[]): void {
    for (const fault of faults) world.sandbox.simulators.render.faults.add(fault);
  }
  function vercel(...faults: Fault[]): void {
    for (const fault of faults) world.sandbox.simulators.vercel.faults.add(fault);
  }

  /** A run in which both secrets are due; nothing may be left of what was injected. */
  async function rotates(settings: RunSettings = {}): Promise<Run> {
    const old = values();
    world.sandbox.simulators.effects.clear();
    const run = await world.up(settings);
    assert.equal(run.code, 0, run.output);
    for (const { faults } of [world.sandbox.simulators.render, world.sandbox.simulators.vercel])
      assert.deepEqual(
        faults.list().filter(({ left }) => left !== "unlimited"),
        [],
        "every fault was met",
      );
    const now = values();
    for (const name of names) {
      assert.notEqual(now[name], old[name], name);
      assert.equal(await world.vaultField(`visapi/${name}`, "value"), now[name]);
    }
    assert.equal(now["frontend"], now["CRON_SECRET"]);
    assert.deepEqual((await world.inventory("inventory")).get("CRON_SECRET")?.consumers, ["api 2/2", "frontend 1/1"]);
    assert.equal(count("render deploy.create"), 1, "one restart of the API");
    assert.equal(count("vercel deployment.create"), 1, "one deployment of the front end");
    return run;
  }

  /** A run that must end with exactly one error. */
  async function fails(expected: RegExp, settings: RunSettings = {}): Promise<void> {
    world.sandbox.simulators.effects.clear();
    const run = await world.up(settings);
    assert.notEqual(run.code, 0, run.output);
    assert.equal(run.errors.length, 1, run.errors.join("\n---\n"));
    assert.match(run.errors[0] ?? "", expected);
  }

  it("takes variables over although replies to their making are lost or cut in half", async () => {
    vercel(
      { kind: "lost-reply", match: { method: "POST", path: /\/env/ } },
      { kind: "half-body", match: { method: "POST", path: /\/env/ } },
      { kind: "lost-reply", match: { method: "POST", path: /\/deployments/ } },
    );
    render(
      { kind: "lost-reply", match: { method: "PUT", path: /\/env-vars\/JWT_SECRET$/ } },
      { kind: "half-body", match: { method: "PUT", path: /\/env-vars\/CRON_SECRET$/ } },
      { kind: "lost-reply", match: { method: "POST", path: /\/deploys/ } },
    );
    await rotates();
  });

  it("waits for limits and gets through errors of the server, slow answers and halves of them", async () => {
    world.now = world.later(31);
    render(
      { kind: "rate-limited", resetSeconds: 2, match: { method: "PUT" } },
      { kind: "status", status: 503, match: { method: "PUT" }, times: 2 },
      { kind: "rate-limited", resetSeconds: 1, class: "deploy", match: { method: "POST", path: /\/deploys/ } },
      { kind: "half-body", match: { method: "POST", path: /\/deploys/ } },
      { kind: "drop-before", match: { method: "GET", path: /\/deploys\/dep-/ } },
      { kind: "slow", ms: 40 },
    );
    vercel(
      { kind: "rate-limited", resetSeconds: 2, match: { method: "PATCH" } },
      { kind: "status", status: 500, match: { method: "PATCH" } },
      { kind: "half-body", match: { method: "PATCH" } },
      { kind: "status", status: 502, match: { method: "POST", path: /\/deployments/ } },
      { kind: "half-body", match: { method: "POST", path: /\/deployments/ } },
    );
    await rotates();
  });

  for (const [what, expected, broken] of [
    ["Render", /Nothing was changed.*\n- Render answered 503 to: look up service srv-/, render],
    ["Vercel", /Nothing was changed.*\n- Vercel at http:\S+ gave no answer \(\S+\) to: look up project prj_/, vercel],
  ] as const)
    it(`changes nothing while ${what} is down, and rotates once when it is up again`, async () => {
      world.now = world.later(31);
      const [old, vault, before] = [values(), await world.vaultVersions(), await generation()];
      broken(what === "Render" ? { kind: "status", status: 503, times: 1000 } : { kind: "drop-before", times: 1000 });
      await fails(expected, brisk);
      assert.deepEqual(world.sandbox.simulators.effects.lines(), []);
      assert.deepEqual([values(), await world.vaultVersions()], [old, vault]);
      world.sandbox.simulators.render.faults.clear();
      world.sandbox.simulators.vercel.faults.clear();
      await rotates();
      assert.equal(await generation(), before + 1);
    });

  it("finishes what Render's outage in the middle of a run left, without rotating twice", async () => {
    world.now = world.later(31);
    const [old, before, session] = [values(), await generation(), await signIn(api)];
    render({ kind: "status", status: 500, times: 1000, match: { method: "PUT", path: /\/env-vars\/JWT_SECRET$/ } });
    await fails(/Render answered 500 to: set JWT_SECRET on service srv-\w+\./, brisk);
    world.sandbox.simulators.render.faults.clear();
    const fresh = await world.vaultField("visapi/JWT_SECRET", "value");
    assert.notEqual(fresh, old["JWT_SECRET"], "the system of record was written first");
    assert.equal(values()["JWT_SECRET"], old["JWT_SECRET"]);
    assert.equal((await use(api, session)).token, 200);
    const run = await world.up({ now: world.later(0, 0.1) });
    assert.equal(run.code, 0, run.output);
    assert.equal(values()["JWT_SECRET"], fresh, "the value that was made then, not another one");
    assert.equal(await generation(), before + 1);
    assert.equal((await use(api, session)).token, 200);
  });

  it("leaves the old value in use when the deploy fails, and finishes with the next run", async () => {
    world.now = world.later(31);
    const [before, session] = [await generation(), await signIn(api)];
    world.sandbox.simulators.render.failBuilds(world.sandbox.env["RENDER_SERVICE_ID"] ?? "", 1);
    const run = await world.up({ args: ["--target", "**::visapi/JWT_SECRET/**"] });
    assert.notEqual(run.code, 0);
    assert.equal(run.errors.length, 1, run.errors.join("\n---\n"));
    assert.match(
      run.errors[0] ?? "",
      /Render service srv-\w+: deploy dep-\w+ ended as "build_failed"\. The old instances serve on/,
    );
    assert.equal((await use(api, session)).token, 200, "a session under the old value");
    assert.equal((await use(api, await signIn(api))).token, 200, "and a new one");
    const half = values();
    world.sandbox.simulators.effects.clear();
    const next = await world.up({ now: world.later(0, 0.1), args: ["--target", "**::visapi/JWT_SECRET/**"] });
    assert.equal(next.code, 0, next.output);
    assert.equal(values()["JWT_SECRET"], half["JWT_SECRET"], "not rotated twice");
    assert.deepEqual([await generation(), count("render deploy.create")], [before + 1, 1]);
    assert.equal((await use(api, session)).token, 200);
  });
});
