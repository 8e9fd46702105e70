// A whole run taken back, and everything rotated at once, over the whole inventory of VisAPI and by what its consumers
// see: old values dead at the services, new ones in use, nothing left over at any vendor.
import assert from "node:assert/strict";
import { signIn, use } from "../support/client.ts";
import { below } from "../support/processes.ts";
import { Typist } from "../support/type.ts";
import { all, ci, each, live, tried, valuesOf, works, type Values } from "../support/visapi-secrets.ts";
import { World } from "../support/world.ts";

describe("a whole run, and everything at once", function () {
  this.timeout(600_000);
  let world: World;
  let typist: Typist;
  let api: string;
  /** When the first season's run rotated. */
  let season: string;
  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    typist = new Typist(world);
    api = world.sandbox.env["VISAPI_API_URL"] ?? "";
    const first = await world.up();
    assert.equal(first.code, 0, first.output);
    season = world.later(100);
  });
  after(async () => world.stop());

  const held = (): Promise<Values> => valuesOf(world, all);
  /** What Render gives to the API and Vercel to the front end is what Vault holds. */
  function handedOut(values: Values): void {
    const { render, vercel } = world.sandbox.simulators;
    const { RENDER_SERVICE_ID: service = "", VERCEL_PROJECT_ID: project = "" } = world.sandbox.env;
    for (const name of all.filter((each) => !["VERCEL_API_TOKEN", "ADMIN_API_KEY"].includes(each)))
      assert.equal(render.envVar(service, name), values[name], name);
    assert.equal(vercel.envVar(project, "CRON_SECRET"), values["CRON_SECRET"]);
    assert.equal(vercel.envVar(project, "SUPABASE_SERVICE_KEY"), values["SUPABASE_SERVICE_ROLE_KEY"]);
  }
  /** The API's own test of its integrations: queue, mail, Supabase, Slack. */
  async function integrated(values: Values): Promise<void> {
    for (const what of ["queue", "email", "supabase"]) {
      const headers = { "x-api-key": values["ADMIN_API_KEY"] ?? "", connection: "close" };
      const response = await fetch(`${api}/api/v1/test/${what}`, { method: "POST", headers });
      assert.equal(response.status, 200, `${what}: ${await response.text()}`);
    }
  }

  it("takes back everything that a run has rotated, while the old values are valid", async () => {
    const old = await held();
    const session = await signIn(api);
    const run = await world.up({ now: season, env: ci(old) });
    assert.equal(run.code, 0, run.output);
    const made = await held();
    const before = await typist.rows(season);
    const rotated = all.filter((name) => made[name] !== old[name]);
    assert.equal(rotated.length, 8, "all but the second of each pair");

    const now = world.later(100, 0.2);
    const back = await typist.type(now, ["rollback", "--run", season, "--reason", "clients cannot sign in"], {
      env: ci(made),
    });
    assert.equal(back.code, 0, back.said);
    for (const name of rotated) assert.match(back.said, new RegExp(`visapi/${name}: generation 1 comes back from`));
    const after = await held();
    assert.deepEqual(after, old, "every value is what it was before the run");
    handedOut(after);
    await integrated(after);
    assert.deepEqual(await use(api, session), { token: 200, cookie: 200 });
    const rows = await typist.rows(now);
    for (const name of rotated) {
      const [row, was] = [rows.get(name), before.get(name)];
      assert.deepEqual([row?.generation, row?.dueAt, row?.consumers], [3, was?.dueAt, was?.consumers], name);
      assert.equal(row?.state, "ok", `${name}: ${row?.why}`);
    }
    assert.deepEqual(await works(world, made), each(tried, true), "what was left keeps its grace period");

    const again = await typist.type(now, ["rollback", "--run", season], { env: ci(old) });
    assert.equal(again.code, 0, again.said);
    assert.deepEqual(await held(), old, "typed again it finishes, and does not go forward");
  });

  it("refuses what is dead by name, and brings back the rest when asked to", async () => {
    const old = await held();
    const next = world.later(100, 2);
    const run = await world.up({ now: next, env: ci(old) });
    assert.equal(run.code, 0, run.output);
    const made = await held();
    assert.deepEqual(
      all.filter((name) => made[name] !== old[name]),
      ["SESSION_SECRET", "REDIS_URL"],
      "the second of each pair",
    );
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const ended = await world.up({ now: world.later(100, 4), env: ci(made) });
    assert.equal(ended.code, 0, ended.output);
    assert.deepEqual(await works(world, { REDIS_URL: old["REDIS_URL"] ?? "" }), { REDIS_URL: false });
    assert.deepEqual(await live(world), { postgres: 1, supabase: 2, resend: 1, vercel: 1, visapi: 1 });

    const now = world.later(100, 5);
    const refused = await typist.type(now, ["rollback", "--run", next], { env: ci(made) });
    assert.equal(refused.code, 2, refused.said);
    assert.match(refused.said, /visapi\/REDIS_URL cannot go back to generation 1: its service does not accept it/);
    assert.match(refused.said, /These can: visapi\/SESSION_SECRET\. .*--possible\nNothing was changed/);
    assert.deepEqual(await held(), made);

    const part = await typist.type(now, ["rollback", "--run", next, "--possible"], { env: ci(made) });
    assert.equal(part.code, 3, part.said);
    assert.match(part.said, /stays as it is: visapi\/REDIS_URL cannot go back/);
    const after = await held();
    assert.deepEqual(after, { ...made, SESSION_SECRET: old["SESSION_SECRET"] });
    handedOut(after);
  });

  it("rotates everything in one run when a person says so, and every old value is dead", async () => {
    const old = await held();
    const [service = "", cgb] = [
      world.sandbox.env["RENDER_SERVICE_ID"],
      await world.vaultField("visapi/CGB_API_KEY", "value"),
    ];
    const session = await signIn(api);
    const prefix = world.sandbox.simulators.render.envVar(service, "API_KEY_PREFIX");
    assert.deepEqual(await works(world, old), each(tried, true));
    world.sandbox.simulators.effects.clear();

    const now = world.later(101);
    const typed = ["emergency", "--all", "--reason", "the build server was broken into"];
    const done = await typist.type(now, typed, { env: ci(old) });
    assert.equal(done.code, 3, done.said);
    assert.match(done.said, /everything: 10 to rotate, 0 done already/);
    assert.match(done.said, /A second run, which works with the new one, ends the old one of .*VERCEL_API_TOKEN/);
    assert.match(done.said, /for a person: rotate hand-over SLACK_BOT_TOKEN/);

    const made = await held();
    for (const name of all) assert.notEqual(made[name], old[name], name);
    handedOut(made);
    assert.deepEqual(await works(world, made), each(tried, true));
    assert.deepEqual(await works(world, old), each(tried, false), "dead at the services themselves");
    assert.deepEqual(await use(api, session), { token: 401, cookie: 401 }, "sessions under the old values have ended");
    assert.deepEqual(await use(api, await signIn(api)), { token: 200, cookie: 200 });
    await integrated(made);
    assert.deepEqual(await live(world), { postgres: 1, supabase: 2, resend: 1, vercel: 1, visapi: 1 });
    const restarts = world.sandbox.simulators.effects.lines().filter((line) => / deploy(ment)?\.create /.test(line));
    assert.equal(restarts.length, 2, `one restart of each service: ${restarts.join("; ")}`);
    assert.equal(await world.vaultField("visapi/CGB_API_KEY", "value"), cgb, "what a person fetches is nobody else's");
    assert.equal(world.sandbox.simulators.render.envVar(service, "API_KEY_PREFIX"), prefix, "a constant stays");

    const again = await typist.type(world.later(101, 1), typed, { env: ci(made) });
    assert.equal(again.code, 3, again.said);
    assert.match(again.said, /everything: 0 to rotate, 10 done already/);
    assert.deepEqual(await held(), made, "typed again it rotates nothing twice");
  });

  it("has a working token of its own at every moment of an emergency, killed or not", async () => {
    const old = await held();
    const now = world.later(102);
    const typed = ["emergency", "--secret", "VERCEL_API_TOKEN", "--reason", "token in a public log"];
    let command = 0;
    const stop = world.sandbox.simulators.effects.subscribe(({ kind }) => {
      if (kind !== "token.create" || !command) return;
      for (const pid of [...below(command, "pulumi"), command]) process.kill(pid, "SIGKILL");
      command = 0;
    });
    await typist.type(now, typed, { env: ci(old), onStart: (pid) => (command = pid) });
    stop();
    assert.equal(command, 0, "killed right behind the creation");
    const between = await held();
    assert.equal(between["VERCEL_API_TOKEN"], old["VERCEL_API_TOKEN"]);
    assert.deepEqual(await works(world, between), each(tried, true), "the next run is given a token that works");

    const done = await typist.type(now, typed, { env: ci(between) });
    assert.equal(done.code, 0, done.said);
    const made = await held();
    const token = (values: Values): Values => ({ VERCEL_API_TOKEN: values["VERCEL_API_TOKEN"] ?? "" });
    assert.notEqual(made["VERCEL_API_TOKEN"], old["VERCEL_API_TOKEN"]);
    assert.deepEqual(await works(world, token(made)), { VERCEL_API_TOKEN: true });
    assert.deepEqual(await works(world, token(old)), { VERCEL_API_TOKEN: false });
    assert.equal((await live(world))["vercel"], 1, "nothing is left over");
    assert.equal(
      world.sandbox.simulators.github.secretValue("visanet", "visapi", "VERCEL_API_TOKEN"),
      made["VERCEL_API_TOKEN"],
    );
    const refused = await typist.type(now, ["emergency", "--secret", "RENDER_API_KEY", "--reason", "leaked in a log"]);
    assert.equal(refused.code, 2);
    assert.match(refused.said, /RENDER_API_KEY comes from a person: .*rotate hand-over RENDER_API_KEY/);
  });

  it("never prints a value", async () => {
    const printed = typist.everything.join("\n");
    for (const [name, value] of Object.entries(await held())) assert.ok(!printed.includes(value), name);
    assert.ok(printed.length > 5000);
  });
});
