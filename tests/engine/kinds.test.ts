// Every kind of credential where it hurts: the service refuses what it has just issued, or the third of four places
// cannot be written. The next run finishes it: one rotation, nothing live left over, nothing in use ended.
import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { accepted } from "../../provider/vendors/supabase.ts";
import { openRedis } from "../support/stores-load.ts";
import { works, type Values } from "../support/visapi-secrets.ts";
import { World, type Run } from "../support/world.ts";

const rows = ["POSTGRES", "REDIS", "UPSTASH", "SUPABASE", "RESEND", "VERCEL", "VISAPI"];
/** The service knows one value only: the old one is dead as soon as there is a new one. */
const cutOver = "UPSTASH";
const each = (good: boolean): Record<string, boolean> => Object.fromEntries(rows.map((row) => [row, good]));

describe("every kind of credential on the real engine", function () {
  this.timeout(600_000);
  let world: World;
  let redis: Redis;
  const env = (name: string): string => world.sandbox.env[name] ?? "";
  const sql = (text: string): Promise<unknown> => world.sandbox.postgres.query(text);

  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    world.program = "kinds";
    redis = new Redis(world.sandbox.redis.adminUrl);
    await sql(
      `create role shop_owner nologin; grant connect on database visapi to shop_owner;
       create table shop_orders (id integer); grant select on shop_orders to shop_owner;`,
    );
    const first = await up(world.now);
    assert.equal(first.code, 0, first.output);
  });
  after(async () => {
    redis?.disconnect();
    await world?.stop();
  });

  function up(now: string, args: string[] = []): Promise<Run> {
    // What one secret's failure keeps the others from is another test's; here each is on its own.
    const options = { ROTATION_PATIENCE_SECONDS: "5" };
    return world.up({ now, env: options, args: ["--continue-on-error", ...args] });
  }
  const field = async (name: string): Promise<Values> => {
    const found = rows.map(async (row) => [row, String((await world.vaultField(`shop/${row}`, name)) ?? "")]);
    return Object.fromEntries(await Promise.all(found)) as Values;
  };
  const held = (): Promise<Values> => field("value");
  const generations = async (): Promise<number[]> => Object.values(await field("generation")).map(Number);

  /** Whether each service accepts its value. */
  async function valid(values: Values): Promise<Record<string, boolean>> {
    const { POSTGRES, REDIS, UPSTASH, SUPABASE, RESEND, VERCEL, VISAPI } = values as Record<string, string>;
    const login = (url = ""): Promise<boolean> =>
      openRedis(url)
        .then((client) => client.close())
        .then(() => true)
        .catch(() => false);
    const database = async (url = ""): Promise<boolean> => {
      const { Client } = (await import("pg")).default;
      const client = new Client({ connectionString: url });
      client.on("error", () => undefined);
      return client
        .connect()
        .then(() => client.query("select 1 from shop_orders"))
        .then(() => true)
        .catch(() => false)
        .finally(() => client.end().catch(() => undefined));
    };
    const known = await works(world, {
      RESEND_API_KEY: RESEND ?? "",
      VERCEL_API_TOKEN: VERCEL ?? "",
      ADMIN_API_KEY: VISAPI ?? "",
    });
    return {
      POSTGRES: await database(POSTGRES),
      REDIS: await login(REDIS),
      UPSTASH: await login(UPSTASH),
      SUPABASE: await accepted(env("SUPABASE_URL"), "secret", SUPABASE ?? ""),
      RESEND: known["RESEND_API_KEY"] === true,
      VERCEL: known["VERCEL_API_TOKEN"] === true,
      VISAPI: known["ADMIN_API_KEY"] === true,
    };
  }
  /** How many of ours each service accepts. */
  async function live(): Promise<Record<string, number>> {
    const { supabase, resend, vercel } = world.sandbox.simulators;
    const ours = (name: string): boolean => /shop.*[-_]g\d+$/.test(name);
    const { tokens } = vercel.names() as { tokens: { name: string }[] };
    const logins = await world.sandbox.postgres.query<{ name: string }>(
      "select rolname as name from pg_roles where rolcanlogin and rolname like 'shop%'",
    );
    const users = (await redis.call("ACL", "USERS")) as string[];
    const keys = await world.sandbox.postgres.query<{ name: string }>("select name from api_keys");
    return {
      POSTGRES: logins.length,
      REDIS: users.filter((user) => user.startsWith("shop")).length,
      SUPABASE: supabase.liveKeys(env("SUPABASE_PROJECT_REF")).filter(ours).length,
      RESEND: resend.liveKeys.filter(ours).length,
      VERCEL: tokens.filter(({ name }) => ours(name)).length,
      VISAPI: keys.filter(({ name }) => ours(name)).length,
    };
  }
  const counts = (count: number): Record<string, number> =>
    Object.fromEntries(rows.filter((row) => row !== cutOver).map((row) => [row, count]));
  /** What the four places hold of each. */
  function places(): Record<string, Values> {
    const { render, vercel, github } = world.sandbox.simulators;
    const of = (read: (row: string) => string | undefined): Values =>
      Object.fromEntries(rows.map((row) => [row, read(row) ?? ""]));
    return {
      github: of((row) => github.secretValue("visanet", "visapi", row)),
      render: of((row) => render.envVar(env("RENDER_SERVICE_ID"), `SHOP_${row}`)),
      vercel: of((row) => vercel.envVar(env("VERCEL_PROJECT_ID"), `SHOP_${row}`)),
    };
  }
  const effects = (pattern: RegExp): number =>
    world.sandbox.simulators.effects.lines().filter((line) => pattern.test(line)).length;

  it("hands out nothing that its service refuses, and ends nothing that is in use", async () => {
    const old = await held();
    assert.deepEqual([await valid(old), await live()], [each(true), counts(1)]);
    const { supabase, resend, vercel, effects: log } = world.sandbox.simulators;
    await sql(
      `revoke select on shop_orders from shop_owner;
       create function born_expired() returns trigger language plpgsql as
         $$ begin new.expires_at := now() - interval '1 day'; return new; end $$;
       create trigger born_expired before insert on api_keys for each row execute function born_expired();`,
    );
    await redis.set("shop:queue", "no list");
    supabase.faults.add({ kind: "status", status: 401, times: 1000, match: { path: /\/rest\/v1\// } });
    resend.faults.add({ kind: "status", status: 403, match: { method: "POST", path: /\/emails/ } });
    vercel.faults.add({ kind: "status", status: 403, match: { method: "GET", path: /\/v2\/user$/ } });
    // The new password works for nobody: the service has the login switched off.
    const user = env("VISAPI_REDIS_USER");
    const stop = log.subscribe(({ kind }) => {
      if (kind === "password.reset") void redis.call("ACL", "SETUSER", user, "off");
    });

    log.clear();
    const run = await up(world.later(91));
    stop();
    for (const { faults } of [supabase, resend, vercel]) faults.clear();
    await sql(
      `grant select on shop_orders to shop_owner; drop trigger born_expired on api_keys; drop function born_expired;`,
    );
    await redis.del("shop:queue");
    await redis.call("ACL", "SETUSER", user, "on");

    assert.notEqual(run.code, 0);
    const refused: Record<string, RegExp> = {
      POSTGRES: /shop_b#2 of shop\/POSTGRES does not work: .*permission denied/,
      REDIS: /of shop\/REDIS does not work: .*WRONGTYPE/,
      UPSTASH: /of shop\/UPSTASH does not work: .*WRONGPASS/,
      SUPABASE: /of shop\/SUPABASE does not work: .*does not accept the secret key/,
      RESEND: /of shop\/RESEND does not work: Resend refused/,
      VERCEL: /of shop\/VERCEL does not work: Vercel does not accept the token/,
      VISAPI: /the new one does not work: .*was taken back\. Nothing was handed out/,
    };
    const errors = run.errors.join("\n");
    for (const [row, words] of Object.entries(refused)) assert.match(errors, words, row);
    assert.deepEqual(await held(), old, "nothing was handed out");
    for (const values of Object.values(places())) assert.deepEqual(values, old);
    assert.deepEqual(await valid(old), { ...each(true), [cutOver]: false }, "and nothing in use has ended");
    assert.equal(effects(/deploy(ment)?\.create/), 0, "nobody was restarted");
  });

  it("rotates once when the third of four places could not be written, and finishes in the next run", async () => {
    const old = await held();
    const { render, effects: log } = world.sandbox.simulators;
    const times = rows.length;
    render.faults.add({ kind: "status", status: 422, times, match: { method: "PUT", path: /\/env-vars\/SHOP_/ } });
    const failed = await up(world.later(91, 0.1));
    assert.notEqual(failed.code, 0);
    assert.deepEqual(render.faults.list(), [], "each was refused there");
    const made = await held();
    for (const row of rows) assert.notEqual(made[row], old[row], row);
    assert.deepEqual(places()["render"], old, "Render has the old ones still");
    assert.deepEqual([await valid(old), await valid(made)], [{ ...each(true), [cutOver]: false }, each(true)]);
    assert.deepEqual(await live(), counts(2), "what was refused before is not left over");
    assert.equal(effects(/deploy(ment)?\.create/), 0, "nobody is restarted with half of it");

    log.clear();
    const run = await up(world.later(91, 0.2));
    assert.equal(run.code, 0, run.output);
    assert.deepEqual(await held(), made, "no second rotation");
    for (const [place, values] of Object.entries(places())) assert.deepEqual(values, made, place);
    assert.deepEqual(
      await generations(),
      rows.map(() => 2),
    );
    assert.deepEqual(await live(), counts(2));
    assert.equal(effects(/password\.reset/), 0);
    assert.equal(effects(/render deploy\.create/), 1, "one restart");
  });

  it("ends the old ones afterwards, and only those", async () => {
    const made = await held();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const run = await up(world.later(91, 3));
    assert.equal(run.code, 0, run.output);
    assert.deepEqual(await held(), made);
    assert.deepEqual([await valid(made), await live()], [each(true), counts(1)]);
    const idle = await up(world.later(91, 4));
    assert.deepEqual([idle.code, idle.steps], [0, []], idle.output);
  });
});
