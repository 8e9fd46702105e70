import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Row } from "../../cli/inventory.ts";
import type { Plan } from "../../cli/digest.ts";
import { configFile } from "../../sandbox/stack.ts";
import { signIn, use } from "../support/client.ts";
import { Typist, type Typed } from "../support/type.ts";
import { World } from "../support/world.ts";

const wrong = "xoxb-000000000000-0000000000000-wrongwrongwrongwrongwron";
const fresh = "xoxb-111111111111-1111111111111-freshfreshfreshfreshfres";

describe("rotate, on the real engine", () => {
  let world: World;
  let api: string;
  let typist: Typist;
  const rotate = (now: string, args: string[], input = ""): Promise<Typed> => typist.type(now, args, { input });
  const rows = (now: string): Promise<Map<string, Row>> => typist.rows(now);
  const variable = (name: string): string =>
    world.sandbox.simulators.render.envVar(world.sandbox.env["RENDER_SERVICE_ID"] ?? "", name) ?? "";
  const config = (): string => readFileSync(configFile(world.dir), "utf8");

  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    typist = new Typist(world);
    api = world.sandbox.env["VISAPI_API_URL"] ?? "";
    const first = await world.up();
    assert.equal(first.code, 0, first.output);
  });
  after(async () => world.stop());

  it("shows every secret with its class, due date, state and place", async () => {
    const { code, out } = await rotate(world.now, ["status"]);
    assert.ok([0, 3].includes(code));
    for (const name of ["JWT_SECRET", "DATABASE_URL", "SLACK_WEBHOOK_URL", "CODECOV_TOKEN"])
      assert.match(out, new RegExp(`^${name} `, "m"));
    const known = await rows(world.now);
    const jwt = known.get("JWT_SECRET");
    assert.deepEqual(
      [jwt?.class, jwt?.state, jwt?.generation, jwt?.destinations, jwt?.consumers],
      ["HIGH", "ok", 1, ["vault:secret", "render:api"], ["api 2/2"]],
    );
    assert.equal(known.get("SLACK_WEBHOOK_URL")?.handedOver, true);
  });

  it("changes nothing for a name that does not exist, and lists the nearest", async () => {
    const before = [config(), variable("JWT_SECRET")];
    world.sandbox.simulators.effects.clear();
    const { code, said } = await rotate(world.later(31), ["run", "JWT_SECRT"]);
    assert.equal(code, 2, said);
    assert.match(said, /Did you mean visapi\/JWT_SECRET\? Nothing was changed/);
    assert.deepEqual([config(), variable("JWT_SECRET")], before);
    assert.deepEqual(world.sandbox.simulators.effects.lines(), []);
  });

  it("plans one secret, and runs exactly that", async () => {
    const now = world.later(31);
    const old = { jwt: variable("JWT_SECRET"), cron: variable("CRON_SECRET") };
    const planned = await rotate(now, ["plan", "JWT_SECRET", "--json", "--exit-code"]);
    assert.equal(planned.code, 3, planned.said);
    const plan = JSON.parse(planned.out) as Plan;
    assert.deepEqual(
      plan.secrets.filter(({ what }) => what === "rotated").map(({ name, to }) => [name, to]),
      [["visapi/JWT_SECRET", now]],
    );
    assert.deepEqual(
      plan.consumers.map(({ rollout }) => rollout),
      ["render:api"],
    );
    assert.equal(variable("JWT_SECRET"), old.jwt, "a plan changes nothing");

    const ran = await rotate(now, ["run", "JWT_SECRET"]);
    assert.equal(ran.code, 0, ran.said);
    assert.match(ran.said, /visapi\/JWT_SECRET: verified: api 2\/2/);
    assert.notEqual(variable("JWT_SECRET"), old.jwt);
    assert.equal(variable("CRON_SECRET"), old.cron);
    world.now = now;
  });

  it("goes back to the previous value, which consumers then use and prove", async () => {
    const [current, previous] = [variable("JWT_SECRET"), variable("JWT_SECRET_PREVIOUS")];
    const before = await rows(world.now);
    const now = world.later(0, 0.2);
    const { code, said } = await rotate(now, ["rollback", "JWT_SECRET", "--reason", "clients cannot sign in"]);
    assert.equal(code, 0, said);
    assert.equal(variable("JWT_SECRET"), previous, "the old value is live again");
    assert.equal(variable("JWT_SECRET_PREVIOUS"), current, "and what was signed meanwhile stays valid");
    assert.equal(await world.vaultField("visapi/JWT_SECRET", "value"), previous);
    const after = (await rows(now)).get("JWT_SECRET");
    assert.deepEqual([after?.generation, after?.state, after?.consumers], [3, "ok", ["api 2/2"]]);
    assert.equal(after?.dueAt, before.get("JWT_SECRET")?.dueAt, "the due date stays");
    assert.deepEqual((await use(api, await signIn(api))).token, 200);

    const idle = await rotate(world.later(0, 0.3), ["run", "JWT_SECRET"]);
    assert.equal(idle.code, 0, idle.said);
    assert.equal(variable("JWT_SECRET"), previous, "and the next run leaves it so");
    const unknown = await rotate(now, ["rollback", "--run", "yesterday"]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.said, new RegExp(`there are .*${world.now}`));
  });

  it("goes back to an issued credential while its service accepts it, and refuses when it is dead", async () => {
    const old = variable("DATABASE_URL");
    const forced = ["emergency", "--secret", "DATABASE_URL", "--reason", "a test of going back"];
    const kept = await rotate(world.later(0, 0.4), [...forced, "--grace"]);
    assert.equal(kept.code, 0, kept.said);
    const made = variable("DATABASE_URL");
    assert.notEqual(made, old);
    const back = await rotate(world.later(0, 0.5), ["rollback", "DATABASE_URL"]);
    assert.equal(back.code, 0, back.said);
    assert.equal(variable("DATABASE_URL"), old, "the login before is live again");
    const row = (await rows(world.later(0, 0.5))).get("DATABASE_URL");
    assert.deepEqual([row?.generation, row?.consumers], [3, ["api 2/2"]]);

    const ended = await rotate(world.later(0, 0.6), forced);
    assert.equal(ended.code, 0, ended.said);
    const refused = await rotate(world.later(0, 0.6), ["rollback", "DATABASE_URL"]);
    assert.equal(refused.code, 2, refused.said);
    assert.match(refused.said, /does not accept it any more/);
  }).timeout(400_000);

  it("in an emergency makes a new value at once, and sessions under the old one end", async () => {
    const [old, session] = [variable("SESSION_SECRET"), await signIn(api)];
    assert.equal((await use(api, session)).cookie, 200);
    const now = world.later(0, 1);
    const { code, said } = await rotate(now, ["emergency", "--secret", "SESSION_SECRET", "--reason", "laptop stolen"]);
    assert.equal(code, 0, said);
    assert.notEqual(variable("SESSION_SECRET"), old);
    assert.equal(variable("SESSION_SECRET_PREVIOUS"), "");
    assert.equal((await use(api, session)).cookie, 401, "a session under the old value");
    assert.match(config(), /reason: laptop stolen/);

    const back = await rotate(now, ["rollback", "SESSION_SECRET"]);
    assert.equal(back.code, 2);
    assert.match(back.said, /was revoked in an emergency/);
    assert.notEqual(variable("SESSION_SECRET"), old);
  });

  it("rotates what a service has held, once, and goes on where it stopped", async () => {
    const old = variable("CRON_SECRET");
    const now = world.later(0, 2);
    const typed = ["touched", "vercel:frontend", "--reason", "breach notice", "--json"];
    const first = await rotate(now, typed);
    assert.equal(first.code, 0, first.said);
    const { rotated } = JSON.parse(first.out) as { rotated: string[] };
    assert.ok(rotated.includes("visapi/CRON_SECRET"));
    assert.notEqual(variable("CRON_SECRET"), old);
    const between = variable("CRON_SECRET");
    const again = await rotate(world.later(0, 2.1), typed);
    assert.equal(again.code, 0, again.said);
    assert.match(again.said, /0 to rotate/);
    assert.equal(variable("CRON_SECRET"), between, "not rotated twice");
  }).timeout(400_000);

  it("stores nothing of a value that the vendor refuses", async () => {
    const before = [config(), variable("SLACK_BOT_TOKEN")];
    const refused = await rotate(world.later(0, 3), ["hand-over", "SLACK_BOT_TOKEN"], `${wrong}\n`);
    assert.equal(refused.code, 1);
    assert.match(refused.said, /Slack says invalid_auth. Nothing was stored/);
    const misshapen = await rotate(world.later(0, 3), ["hand-over", "SLACK_BOT_TOKEN"], "hello\n");
    assert.equal(misshapen.code, 1);
    assert.deepEqual([config(), variable("SLACK_BOT_TOKEN")], before);
  });

  it("proves a value that a person brings, hands it out, and tells whether the old one is dead", async () => {
    const { slackApi } = world.sandbox.simulators;
    slackApi.addKey("visapi-2", fresh);
    const old = variable("SLACK_BOT_TOKEN");
    const now = world.later(0, 3);
    const { code, said } = await rotate(now, ["hand-over", "SLACK_BOT_TOKEN"], `${fresh}\n`);
    assert.equal(code, 0, said);
    assert.match(said, /proven: Slack knows it as visapi-2/);
    assert.equal(variable("SLACK_BOT_TOKEN"), fresh);
    assert.equal(await world.vaultField("visapi/SLACK_BOT_TOKEN", "value"), fresh);
    const row = (await rows(now)).get("SLACK_BOT_TOKEN");
    assert.deepEqual([row?.generation, row?.rotatedAt, row?.consumers], [2, now, ["api 2/2"]]);
    assert.ok(!config().includes(fresh), "the config holds it encrypted");

    assert.equal((await rotate(now, ["hand-over", "SLACK_BOT_TOKEN", "--check-old"])).code, 3, "still alive");
    slackApi.revokeKey(old);
    const dead = await rotate(now, ["hand-over", "SLACK_BOT_TOKEN", "--check-old"]);
    assert.equal(dead.code, 0);
    assert.match(dead.out, /is dead: Slack says token_revoked/);
  });

  it("never prints a value", () => {
    const printed = typist.everything.join("\n");
    const { render } = world.sandbox.simulators;
    const service = world.sandbox.env["RENDER_SERVICE_ID"] ?? "";
    const names = ["JWT_SECRET", "SESSION_SECRET", "CRON_SECRET", "SLACK_BOT_TOKEN", "CGB_API_KEY", "DATABASE_URL"];
    const values = names.flatMap((name) => [render.envVar(service, name), render.envVar(service, `${name}_PREVIOUS`)]);
    for (const value of [...values, wrong, fresh])
      if (value) assert.ok(!printed.includes(value), `a value of ${value.length} characters was printed`);
    assert.ok(printed.length > 5000);
  });
});
