import assert from "node:assert/strict";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fingerprint } from "../../provider/proof.ts";
import { Load, signIn, use } from "../support/client.ts";
import { touched, World } from "../support/world.ts";

/** Every place where a value may legitimately be: the consumers' variables, as the vendors hold them. */
function values(world: World): Record<string, string> {
  const { render, vercel } = world.sandbox.simulators;
  const { RENDER_SERVICE_ID: service = "", VERCEL_PROJECT_ID: project = "" } = world.sandbox.env;
  const names = [
    "JWT_SECRET",
    "JWT_SECRET_PREVIOUS",
    "SESSION_SECRET",
    "SESSION_SECRET_PREVIOUS",
    "CRON_SECRET",
    "CRON_SECRET_PREVIOUS",
    "API_KEY_PREFIX",
  ];
  const found = Object.fromEntries(names.map((name) => [name, render.envVar(service, name) ?? ""]));
  return { ...found, "frontend:CRON_SECRET": vercel.envVar(project, "CRON_SECRET") ?? "" };
}

describe("rotation on the real engine", () => {
  let world: World;
  let api: string;
  const unhealthy = (): string => join(world.dir, "unhealthy");

  before(async function () {
    this.timeout(1_800_000);
    world = await World.start({ policies: true });
    world.program = "signing";
    api = world.sandbox.env["VISAPI_API_URL"] ?? "";
    await world.setRenderVariable("SIMULATE_UNHEALTHY_FILE", unhealthy());
  });
  after(async () => world.stop());

  it("hands out every secret, and proves that the consumers use it", async () => {
    const run = await world.up();
    assert.equal(run.code, 0, run.output);
    const rows = await world.inventory();
    assert.deepEqual([...rows.keys()], ["JWT_SECRET", "SESSION_SECRET", "CRON_SECRET", "API_KEY_PREFIX"]);
    const now = values(world);
    for (const [name, row] of rows)
      assert.equal(
        row.fingerprint,
        fingerprint(world.sandbox.env["ROTATION_FINGERPRINT_KEY"] ?? "", `visapi/${name}`, now[name] ?? ""),
        name,
      );
    assert.match(now["JWT_SECRET"] ?? "", /^[0-9a-f]{64}$/);
    assert.match(now["CRON_SECRET"] ?? "", /^[0-9a-f]{32}$/);
    assert.equal(now["frontend:CRON_SECRET"], now["CRON_SECRET"]);
    assert.deepEqual(rows.get("CRON_SECRET")?.consumers, ["api 2/2", "frontend 1/1"]);
    assert.equal(await world.vaultField("visapi/JWT_SECRET", "value"), now["JWT_SECRET"]);
  });

  it("changes nothing when nothing is due", async () => {
    const before = values(world);
    const run = await world.up({ now: world.later(1) });
    assert.equal(run.code, 0, run.output);
    assert.deepEqual(run.steps, []);
    assert.deepEqual(values(world), before);
  });

  it("shows in a plain preview what is due, with old and new date and no value", async () => {
    const now = world.later(31);
    const run = await world.preview({ now });
    assert.equal(run.code, 0, run.output);
    assert.deepEqual(
      touched(run),
      ["CRON_SECRET", "JWT_SECRET"],
      "the pair's second waits, the prefix is changed on request only",
    );
    const rows = await world.inventory();
    for (const name of ["CRON_SECRET", "JWT_SECRET"]) {
      const old = rows.get(name)?.rotatedAt ?? "?";
      assert.ok(run.output.includes(`"${old}" => "${now}"`), `${name}: ${old} => ${now} is not in the preview`);
    }
    assert.match(run.output, /held because the other one of its pair rotates in this run/);
    for (const [name, value] of Object.entries(values(world)))
      if (value.length > 20) assert.ok(!run.output.includes(value), `${name} is in the preview`);
  });

  it("rotates exactly what is due, and a client's session outlives it", async () => {
    const [old, rows] = [values(world), await world.inventory()];
    const session = await signIn(api);
    world.sandbox.simulators.effects.clear();
    const load = new Load(api, session);
    const run = await world.up({ now: world.later(31) });
    const after = await use(api, session);
    await load.stop();
    assert.equal(run.code, 0, run.output);
    assert.deepEqual(touched(run), ["CRON_SECRET", "JWT_SECRET"]);

    const now = values(world);
    assert.notEqual(now["JWT_SECRET"], old["JWT_SECRET"]);
    assert.equal(now["JWT_SECRET_PREVIOUS"], old["JWT_SECRET"], "the previous value is still accepted");
    assert.notEqual(now["CRON_SECRET"], old["CRON_SECRET"]);
    assert.equal(now["frontend:CRON_SECRET"], now["CRON_SECRET"]);
    assert.equal(now["SESSION_SECRET"], old["SESSION_SECRET"]);
    assert.equal(now["API_KEY_PREFIX"], old["API_KEY_PREFIX"]);
    assert.equal(await world.vaultField("visapi/JWT_SECRET", "value"), now["JWT_SECRET"]);

    assert.deepEqual([load.failures, after], [[], { token: 200, cookie: 200 }]);
    assert.ok(load.requests > 100, `only ${load.requests} requests`);
    const next = await world.inventory();
    assert.equal(next.get("JWT_SECRET")?.generation, (rows.get("JWT_SECRET")?.generation ?? 0) + 1);
    assert.deepEqual(next.get("JWT_SECRET")?.consumers, ["api 2/2"]);

    const lines = world.sandbox.simulators.effects.lines();
    assert.equal(
      lines.filter((line) => line.startsWith("render deploy.create")).length,
      1,
      `one restart for all:\n${lines.join("\n")}`,
    );
    const [deploy, ...writes] = [
      lines.findIndex((line) => line.startsWith("render deploy.create")),
      ...lines.flatMap((line, at) => (line.startsWith("render env-var.") ? [at] : [])),
    ];
    assert.equal(writes.length, 4, "current and previous of both");
    for (const write of writes) assert.ok(write < (deploy ?? -1), "every variable is written before the restart");
    const messages = world.sandbox.simulators.slack.messages.map(({ payload }) => String(payload["text"]));
    assert.ok(
      messages.some((text) => text.startsWith("Secret rotation: starting") && text.includes("visapi/JWT_SECRET")),
    );
    assert.ok(
      messages.some(
        (text) => text.startsWith("Secret rotation: done and verified") && text.includes("visapi/CRON_SECRET"),
      ),
    );
  });

  it("rotates the pair's second in the next run, and ends previous values after their grace", async () => {
    const old = values(world);
    const before = await world.up({ now: world.later(31, 0.5) });
    assert.equal(before.code, 0, before.output);
    assert.deepEqual(touched(before), ["SESSION_SECRET"]);
    assert.equal(values(world)["JWT_SECRET_PREVIOUS"], old["JWT_SECRET_PREVIOUS"], "half an hour is within the grace");

    const preview = await world.preview({ now: world.later(31, 2) });
    assert.match(preview.output, /holds\s*: true => false/);
    const run = await world.up({ now: world.later(31, 2) });
    assert.equal(run.code, 0, run.output);
    const now = values(world);
    assert.deepEqual(
      [now["JWT_SECRET_PREVIOUS"], now["SESSION_SECRET_PREVIOUS"], now["CRON_SECRET_PREVIOUS"]],
      ["", "", ""],
    );
    assert.equal(now["JWT_SECRET"], old["JWT_SECRET"], "only the previous value ended");
    assert.equal((await world.inventory()).get("JWT_SECRET")?.previousUntil, "");
  });

  it("ends the old value at the service itself", async () => {
    const session = await signIn(api);
    assert.deepEqual(await use(api, session), { token: 200, cookie: 200 });
    const rotated = await world.up({ now: world.later(62) });
    assert.equal(rotated.code, 0, rotated.output);
    assert.deepEqual(await use(api, session), { token: 200, cookie: 200 });
    const ended = await world.up({ now: world.later(62, 2) });
    assert.equal(ended.code, 0, ended.output);
    assert.equal((await use(api, session)).token, 401, "a token under the old value");
  });

  it("rotates one secret by --target, and nothing else", async () => {
    const old = values(world);
    world.now = world.later(100);
    const run = await world.up({ args: ["--target", "**::visapi/JWT_SECRET/**"] });
    assert.equal(run.code, 0, run.output);
    assert.deepEqual(touched(run), ["JWT_SECRET"]);
    const now = values(world);
    assert.notEqual(now["JWT_SECRET"], old["JWT_SECRET"]);
    assert.equal(now["SESSION_SECRET"], old["SESSION_SECRET"]);
    assert.equal(now["CRON_SECRET"], old["CRON_SECRET"]);
    const rest = await world.up({ now: world.later(1) });
    assert.equal(rest.code, 0, rest.output);
    assert.ok(
      !rest.steps.some(({ name, op }) => name === "visapi/JWT_SECRET/value" && op !== "same"),
      "and the rest catches up without it",
    );
  });

  it("rotates a secret that is not due when a person asks, with a reason", async () => {
    const old = values(world);
    world.now = world.later(3);
    world.configure({
      "secret-rotation:forced": {
        "visapi/SESSION_SECRET": { generation: 2, reason: "laptop stolen", by: "ops", at: world.now },
      },
    });
    const run = await world.up({ args: ["--target", "**::visapi/SESSION_SECRET/**"] });
    assert.equal(run.code, 0, run.output);
    assert.deepEqual(touched(run), ["SESSION_SECRET"]);
    assert.notEqual(values(world)["SESSION_SECRET"], old["SESSION_SECRET"]);
    const again = await world.up();
    assert.equal(values(world)["SESSION_SECRET_PREVIOUS"], old["SESSION_SECRET"], again.output);
    const idle = await world.up();
    assert.deepEqual(idle.steps, [], "asked once, rotated once");
  });

  it("fails when a consumer does not prove the new value, and finishes in the next run without rotating twice", async () => {
    world.now = world.later(45);
    const idle = await world.up({ args: ["--target", "**::visapi/CRON_SECRET/**"] });
    assert.equal(idle.code, 0, idle.output);
    const [session, old] = [await signIn(api), values(world)];
    const stop = world.sandbox.simulators.effects.subscribe(({ kind }) => {
      if (kind === "env-var.put") writeFileSync(unhealthy(), "");
    });
    const run = await world.up({ args: ["--target", "**::visapi/JWT_SECRET/**"] });
    stop();
    assert.notEqual(run.code, 0, "a consumer that is not well must fail the run");
    assert.match(
      run.output,
      /visapi\/JWT_SECRET is handed out but not proven in use: .*\/api\/v1\/healthz answered 503/,
    );
    assert.equal((await use(api, session)).token, 200, "the old value is still accepted");
    const between = values(world);
    assert.notEqual(between["JWT_SECRET"], old["JWT_SECRET"]);
    assert.ok(
      world.sandbox.simulators.slack.messages.some(({ payload }) =>
        String(payload["text"]).startsWith("Secret rotation: FAILED"),
      ),
    );

    rmSync(unhealthy());
    const next = await world.up({ now: world.later(0, 0.1), args: ["--target", "**::visapi/JWT_SECRET/**"] });
    assert.equal(next.code, 0, next.output);
    assert.equal(values(world)["JWT_SECRET"], between["JWT_SECRET"], "not rotated twice");
    assert.ok(!next.steps.some(({ name, op }) => name === "visapi/JWT_SECRET/value" && op.includes("create")));
    assert.equal((await use(api, session)).token, 200);
    assert.ok(!existsSync(unhealthy()));
  });

  it("keeps the old value beyond its grace while no consumer has the new one, and heals", async () => {
    world.now = world.later(50);
    const [session, old] = [await signIn(api), values(world)];
    world.sandbox.simulators.render.failBuilds(world.sandbox.env["RENDER_SERVICE_ID"] ?? "");
    const target = ["--target", "**::visapi/JWT_SECRET/**"];
    const failed = await world.up({ args: target });
    assert.match(failed.output, /ended as "build_failed"\. The old instances serve on/);
    assert.equal((await use(api, session)).token, 200);

    world.now = world.later(1);
    const healed = await world.up({ args: target });
    assert.equal(healed.code, 0, healed.output);
    assert.match(healed.output, /The previous value of visapi\/JWT_SECRET stays valid, since its end is not safe/);
    const now = values(world);
    assert.equal(now["JWT_SECRET_PREVIOUS"], old["JWT_SECRET"]);
    assert.equal((await use(api, session)).token, 200, "through the whole of it");

    const ended = await world.up({ args: target });
    assert.equal(ended.code, 0, ended.output);
    assert.deepEqual([values(world)["JWT_SECRET"], values(world)["JWT_SECRET_PREVIOUS"]], [now["JWT_SECRET"], ""]);
    assert.equal((await use(api, session)).token, 401, "now that every instance has the new value");
  });
});
