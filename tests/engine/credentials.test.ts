// DATABASE_URL and REDIS_URL through rotation and revocation on the real engine, PostgreSQL and Redis, by what their
// consumers see.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { below } from "../support/processes.ts";
import { openDatabase, openRedis, StoresLoad } from "../support/stores-load.ts";
import { World, type Run } from "../support/world.ts";

const program = "stores";

describe("issued credentials on the real engine", function () {
  this.timeout(600_000);
  let world: World;
  /** Every connection string that was in use. */
  const seen = new Set<string>();
  const outputs: string[] = [];

  const urls = async (): Promise<{ database: string; redis: string }> => {
    const [database = "", redis = ""] = await Promise.all(
      ["DATABASE_URL", "REDIS_URL"].map((name) => world.vaultField(`visapi/${name}`, "value")),
    );
    for (const url of [database, redis]) if (url) seen.add(url);
    return { database, redis };
  };
  /** Logins that PostgreSQL accepts, with what they were made for. */
  const logins = async (): Promise<string[]> => {
    const rows = await world.sandbox.postgres.query<{ login: string }>(
      `select rolname || coalesce(' ' || substring(shobj_description(oid, 'pg_authid') from '-g[0-9]+$'), '') as login
       from pg_roles where rolcanlogin and rolname like 'visapi%' order by 1`,
    );
    return rows.map(({ login }) => login);
  };
  const up = async (now: string, more: Parameters<World["up"]>[0] = {}): Promise<Run> => {
    const run = await world.up({ now, program, ...more });
    outputs.push(run.output, run.events);
    return run;
  };
  const good = async (now: string): Promise<Run> => {
    const run = await up(now);
    assert.equal(run.code, 0, run.output);
    return run;
  };

  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
  });
  after(async () => world.stop());

  it("begins beside what was made by hand, which stays as it is", async () => {
    await good(world.now);
    assert.deepEqual(await logins(), ["visapi_a -g1", "visapi_app"]);
    const { database, redis } = await urls();
    assert.equal(new URL(database).username, "visapi_a");
    assert.equal(new URL(redis).username, "visapi_a");
    await (await openDatabase(world.sandbox.postgres.applicationUrl)).close();
    await (await openRedis(world.sandbox.redis.applicationUrl)).close();
    assert.deepEqual((await world.inventory()).get("DATABASE_URL")?.consumers, ["api 2/2"]);
  });

  it("rotates and revokes both under load, without one failed request", async () => {
    const old = await urls();
    const { VISAPI_API_URL: api = "" } = world.sandbox.env;
    const load = new StoresLoad({ api, apiKey: world.sandbox.secrets.adminApiKey, urls });
    const report = new pg.Client({ connectionString: old.database, application_name: "monthly report" });
    report.on("error", () => undefined);
    await report.connect();

    const first = await good(world.later(80));
    assert.match(first.output, /held because the other one of its pair rotates in this run/);
    assert.deepEqual(await logins(), ["visapi_a -g1", "visapi_app", "visapi_b -g2"]);
    await good(world.later(80, 0.25));
    const next = await urls();
    assert.notEqual(next.database, old.database);
    assert.notEqual(next.redis, old.redis);

    const preview = await world.preview({ now: world.later(80, 2), program });
    assert.match(preview.output, /visapi\/DATABASE_URL\/revocation/);
    assert.match(preview.output, /due\s*: false => true/);
    const held = await good(world.later(80, 2));
    assert.match(
      held.output,
      /visapi\/DATABASE_URL: visapi_a#1 is not revoked yet: 1 session uses visapi_a#1 still: monthly report@127\.0\.0\.1\. It is tried again in the next run/,
    );
    assert.equal((await report.query("select 1")).rows.length, 1, "the report goes on");
    await assert.rejects(
      openRedis(old.redis).then((redis) => redis.use()),
      "the old Redis user is gone",
    );

    await report.end();
    const done = await good(world.later(80, 3));
    assert.deepEqual(
      done.steps.map(({ name }) => name),
      ["visapi/DATABASE_URL/revocation"],
    );
    await assert.rejects(openDatabase(old.database), { code: "28P01" });
    assert.deepEqual(await logins(), ["visapi_app", "visapi_b -g2"]);
    assert.equal((await world.inventory()).get("DATABASE_URL")?.previousUntil, "");

    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.ok(load.total > 1000, `${load.total}; ten thousand over everything that overlaps are load.test.ts's`);
    console.log(`      ${load.total} requests, 0 failed: ${JSON.stringify(load.requests)}`);
    assert.deepEqual((await good(world.later(80, 4))).steps, [], "nothing is left to do");
  });

  it("converges after the provider was killed between a new login and the state", async () => {
    const now = world.later(175);
    const admin = new pg.Client({ connectionString: world.sandbox.postgres.adminUrl() });
    admin.on("error", () => undefined);
    await admin.connect();
    // The login's proof reads this table: it waits, so the kill comes after the effect and before its state is saved.
    await admin.query("begin; lock table workflows in access exclusive mode");
    let pulumi = 0;
    const running = up(now, { onStart: (pid) => (pulumi = pid) });
    await waitFor(async () => (await logins()).includes("visapi_a -g3"), { what: "the new login", timeoutMs: 120_000 });
    const [provider, ...others] = below(pulumi, "provider/bin/../main.ts");
    assert.deepEqual(others, []);
    process.kill(provider ?? assert.fail("no provider runs"), "SIGKILL");
    const killed = await running;
    await admin.query("rollback");
    await admin.end();
    assert.notEqual(killed.code, 0);
    assert.deepEqual(await logins(), ["visapi_a -g3", "visapi_app", "visapi_b -g2"]);
    const between = (await urls()).database;
    assert.equal(new URL(between).username, "visapi_b", "what is in use is still what is handed out");
    await (await openDatabase(between)).close();

    await good(now);
    assert.deepEqual(await logins(), ["visapi_a -g3", "visapi_app", "visapi_b -g2"], "no third login");
    assert.equal((await world.inventory()).get("DATABASE_URL")?.generation, 3, "no double rotation");
    await (await openDatabase((await urls()).database)).close();
    await good(world.later(175, 2));
    assert.deepEqual(await logins(), ["visapi_a -g3", "visapi_app"]);
    await assert.rejects(openDatabase(between), { code: "28P01" });
  });

  it("ends the old login at once when a person says so, sessions and all", async () => {
    const old = await urls();
    const thief = new pg.Client({ connectionString: old.database, application_name: "thief" });
    const ended = new Promise((resolve) => thief.once("error", resolve));
    thief.on("error", () => undefined);
    await thief.connect();
    world.configure({
      "secret-rotation:forced": {
        "visapi/DATABASE_URL": {
          generation: 2,
          reason: "in a public log",
          by: "ops",
          at: world.later(176),
          revoke: true,
        },
      },
    });
    await good(world.later(176));
    await ended;
    await assert.rejects(openDatabase(old.database), { code: "28P01" });
    assert.deepEqual(await logins(), ["visapi_app", "visapi_b -g4"]);
    assert.equal((await urls()).redis, old.redis);
  });

  it("never wrote a password where it can be read", () => {
    const state = readFileSync(
      join(world.dir, "state", ".pulumi", "stacks", "secret-rotation", "sandbox.json"),
      "utf8",
    );
    const admin = [world.sandbox.postgres.adminUrl(), world.sandbox.redis.adminUrl];
    assert.ok(seen.size >= 6);
    for (const url of [...seen, ...admin]) {
      const { password } = new URL(url);
      for (const [place, text] of [
        ["state", state],
        ["output", outputs.join("\n")],
      ] as const) {
        const at = text.indexOf(password);
        const around = (): string => text.slice(Math.max(0, at - 300), at + 300).replaceAll(password, "[password]");
        assert.ok(at < 0, `the password of ${new URL(url).username} is in the ${place}: ${around()}`);
      }
    }
  });
});
