// Keys that vendors issue, over the whole of their lives: made beside the old ones, handed out, proven in use, and the
// old ones dead at the service itself, with nothing left over at any vendor.
import assert from "node:assert/strict";
import { visapiKey } from "../../provider/credentials/visapi-key.ts";
import { accepted } from "../../provider/vendors/supabase.ts";
import { Secret } from "../../provider/wire/values.ts";
import { openApiKeys } from "../../sandbox/consumers/visapi/api-key-store.ts";
import { buildApp } from "../../sandbox/consumers/visapi/app.ts";
import { readConfig } from "../../sandbox/consumers/visapi/config.ts";
import { pulumi } from "../../sandbox/stack.ts";
import {
  ci,
  live as liveNow,
  valuesOf,
  vendorKeys as rows,
  works as tried,
  type Values,
} from "../support/visapi-secrets.ts";
import { World, type Run } from "../support/world.ts";
import { issueOf, settingsOf } from "../unit/credentials/vendors.ts";

describe("keys that vendors issue, on the real engine", () => {
  let world: World;
  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    world.program = "vendor-keys";
  });
  after(async () => world.stop());

  const env = (name: string): string => world.sandbox.env[name] ?? "";
  const values = (): Promise<Values> => valuesOf(world, rows);
  const works = (held: Values): Promise<Record<string, boolean>> => tried(world, held);
  const all = (good: boolean): Record<string, boolean> => Object.fromEntries(rows.map((row) => [row, good]));
  /** How many keys of ours each vendor accepts. */
  async function live(): Promise<Record<string, number>> {
    const { supabase = 0, resend = 0, vercel = 0, visapi = 0 } = await liveNow(world);
    return { supabase, resend, vercel, visapi };
  }
  function handedOut(held: Values): void {
    const { render, vercel, github } = world.sandbox.simulators;
    const [service, project] = [env("RENDER_SERVICE_ID"), env("VERCEL_PROJECT_ID")];
    for (const row of ["SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_ANON_KEY", "RESEND_API_KEY"])
      assert.equal(render.envVar(service, row), held[row], row);
    assert.equal(vercel.envVar(project, "SUPABASE_SERVICE_KEY"), held["SUPABASE_SERVICE_ROLE_KEY"]);
    assert.equal(vercel.envVar(project, "NEXT_PUBLIC_SUPABASE_ANON_KEY"), held["SUPABASE_ANON_KEY"]);
    for (const row of ["VERCEL_API_TOKEN", "ADMIN_API_KEY"])
      assert.equal(github.secretValue("visanet", "visapi", row), held[row], row);
  }
  /** No value in what was printed, nor in the engine's events; the SDK's own debug messages, which only such a log has, are left out. */
  function silent(run: Run, ...held: Values[]): void {
    const events = run.events.split("\n").filter((line) => !line.includes('"severity":"debug"'));
    const written = run.output + events.join("\n");
    for (const each of held)
      for (const [row, value] of Object.entries(each)) assert.ok(!written.includes(value), `${row} is in the output`);
  }

  it("makes keys of its own beside the hand-made ones, and proves that consumers use them", async () => {
    const { supabase } = world.sandbox.simulators;
    const run = await world.up();
    assert.equal(run.code, 0, run.output);
    const held = await values();
    handedOut(held);
    silent(run, held);
    assert.deepEqual(await works(held), all(true));
    assert.deepEqual(await live(), { supabase: 2, resend: 1, vercel: 1, visapi: 1 });
    const inventory = await world.inventory();
    assert.deepEqual([...inventory.keys()], rows);
    assert.deepEqual(inventory.get("SUPABASE_SERVICE_ROLE_KEY")?.consumers, ["api 2/2", "frontend 1/1"]);
    assert.deepEqual(inventory.get("RESEND_API_KEY")?.consumers, ["api 2/2"]);

    const { secrets } = world.sandbox;
    const byHand = {
      SUPABASE_SERVICE_ROLE_KEY: secrets.supabaseServiceRoleKey,
      SUPABASE_ANON_KEY: secrets.supabaseAnonKey,
      RESEND_API_KEY: secrets.resendApiKey,
      VERCEL_API_TOKEN: secrets.vercelApiToken,
      ADMIN_API_KEY: secrets.adminApiKey,
    };
    assert.deepEqual(await works(byHand), all(true), "what a person made stays until a person ends it");
    assert.deepEqual((supabase.names() as { legacyEnabled: boolean }[])[0]?.legacyEnabled, true);
    const idle = await world.up({ now: world.later(0, 1) });
    assert.deepEqual([idle.code, idle.steps], [0, []], idle.output);
  });

  it("rotates with two valid at once, then ends the old ones, its own tokens by a run that has the new ones", async () => {
    const old = await values();
    const first = world.later(91);
    const rotated = await world.up({ now: first, env: ci(old) });
    assert.equal(rotated.code, 0, rotated.output);
    const held = await values();
    handedOut(held);
    silent(rotated, old, held);
    for (const row of rows) assert.notEqual(held[row], old[row], row);
    assert.deepEqual([await works(old), await works(held)], [all(true), all(true)]);
    assert.deepEqual(await live(), { supabase: 4, resend: 2, vercel: 2, visapi: 2 });

    const early = await world.up({ now: world.later(91, 0.5), env: ci(held) });
    assert.deepEqual([early.code, early.steps], [0, []], "within the grace period nothing ends");

    await new Promise((resolve) => setTimeout(resolve, 3000));
    const late = await world.up({ now: world.later(91, 2), env: ci(old) });
    assert.equal(late.code, 0, late.output);
    const own = { ...all(false), VERCEL_API_TOKEN: true, ADMIN_API_KEY: true };
    assert.deepEqual(await works(old), own, "a run that was queued with its old tokens does not end them");
    assert.match(late.output, /VERCEL_API_TOKEN: \S+ is not revoked yet: .*this run itself, by VERCEL_API_TOKEN/);
    assert.match(late.output, /ADMIN_API_KEY: \S+ is not revoked yet: .*this run itself, by VISAPI_ADMIN_API_KEY/);

    await new Promise((resolve) => setTimeout(resolve, 3000));
    const next = await world.up({ now: world.later(91, 3), env: ci(held) });
    assert.equal(next.code, 0, next.output);
    assert.deepEqual([await works(old), await works(held)], [all(false), all(true)]);
    assert.deepEqual(await live(), { supabase: 2, resend: 1, vercel: 1, visapi: 1 });
    silent(next, old, held);
    const idle = await world.up({ now: world.later(91, 4), env: ci(held) });
    assert.deepEqual([idle.code, idle.steps], [0, []], idle.output);
    world.now = world.later(92);
  });

  it("holds what is still in use at the vendor, and ends it once that is over", async () => {
    const old = await values();
    const rotated = await world.up({ now: world.later(91), env: ci(old) });
    assert.equal(rotated.code, 0, rotated.output);
    const held = await values();
    let using = true;
    const use = (async () => {
      while (using) {
        await works({ RESEND_API_KEY: old["RESEND_API_KEY"] ?? "" });
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    })();
    const blocked = await world.up({ now: world.later(91, 2), env: ci(held) });
    using = false;
    await use;
    assert.equal(blocked.code, 0, blocked.output);
    assert.match(blocked.output, /RESEND_API_KEY: \S+ is not revoked yet: .*last used/);
    assert.equal((await works(old))["RESEND_API_KEY"], true);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const ended = await world.up({ now: world.later(91, 3), env: ci(held) });
    assert.equal(ended.code, 0, ended.output);
    assert.deepEqual(await works(old), all(false));
    world.now = world.later(92);
  });

  it("makes one key at each vendor though every answer to a creation is lost", async () => {
    const old = await values();
    const { supabase, resend, vercel } = world.sandbox.simulators;
    supabase.faults.add({ kind: "lost-reply", times: 2, match: { method: "POST", path: /api-keys/ } });
    resend.faults.add({ kind: "lost-reply", match: { method: "POST", path: /api-keys/ } });
    vercel.faults.add({ kind: "lost-reply", match: { method: "POST", path: /tokens/ } });
    const run = await world.up({ now: world.later(91), env: ci(old) });
    assert.equal(run.code, 0, run.output);
    const held = await values();
    assert.deepEqual([await works(old), await works(held)], [all(true), all(true)]);
    assert.deepEqual(await live(), { supabase: 4, resend: 2, vercel: 2, visapi: 2 });
  });

  it("goes on after a kill right behind a creation, with one key at each vendor and nothing handed out twice", async () => {
    const settled = await world.up({ now: world.later(92), env: ci(await values()) });
    assert.equal(settled.code, 0, settled.output);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const ended = await world.up({ now: world.later(92, 1), env: ci(await values()) });
    assert.equal(ended.code, 0, ended.output);
    const old = await values();
    world.now = world.later(184);
    let pid = 0;
    const stop = world.sandbox.simulators.effects.subscribe(({ kind }) => {
      if ((kind === "token.create" || kind === "key.create") && pid) process.kill(pid, "SIGKILL");
      if (kind === "token.create" || kind === "key.create") pid = 0;
    });
    const killed = await world.up({ env: ci(old), onStart: (started) => (pid = started) });
    stop();
    assert.notEqual(killed.code, 0);
    assert.deepEqual(await works(old), all(true), "what is in use stays valid, and the next run has a token");
    await pulumi(["cancel", "--yes"], { env: world.sandbox.env, cwd: world.cwd() });
    const next = await world.up({ env: ci(old) });
    assert.equal(next.code, 0, next.output);
    const held = await values();
    handedOut(held);
    assert.deepEqual([await works(old), await works(held)], [all(true), all(true)]);
    assert.deepEqual(await live(), { supabase: 4, resend: 2, vercel: 2, visapi: 2 });
    for (const [row, { generation }] of await world.inventory()) assert.equal(generation, 5, row);
  });

  it("switches Supabase's legacy keys off when a person asks, and on again", async () => {
    const held = await values();
    const { supabaseServiceRoleKey } = world.sandbox.secrets;
    const legacy = () => accepted(env("SUPABASE_URL"), "secret", supabaseServiceRoleKey);
    for (const [wanted, good] of [
      ["off", false],
      ["on", true],
    ] as const) {
      world.configure({ "visapi:supabaseLegacyKeys": wanted });
      const run = await world.up({ env: ci(held) });
      assert.equal(run.code, 0, run.output);
      assert.equal(await legacy(), good);
      assert.equal((await works(held))["SUPABASE_SERVICE_ROLE_KEY"], true);
    }
    world.configure({ "visapi:supabaseLegacyKeys": "no" });
    const refused = await world.up({ env: ci(held) });
    assert.match(refused.output, /visapi:supabaseLegacyKeys is "no"; give "off"/);
  });

  it("takes a key back by the database where VisAPI cannot hold two", async () => {
    const url = world.sandbox.postgres.applicationUrl;
    const options = { url, instance: "test", prefix: "vapi_" };
    const [both, one] = [openApiKeys(options), openApiKeys({ ...options, oneOnly: true })];
    const app = buildApp({ config: readConfig({}), apiKeys: one });
    try {
      for (const { id } of await both.list()) await both.remove(id);
      const own = await both.create("own", ["keys:create", "keys:read", "keys:delete"], "test");
      const args = { url: await app.listen({ host: "127.0.0.1", port: 0 }), databaseUrl: new Secret(url) };
      const kind = visapiKey(settingsOf({ visapiAdminKey: own.key }));
      const issue = () => kind.issue(issueOf(args, 2, own.key));
      const names = async () => (await both.list()).map(({ name }) => name);
      await assert.rejects(issue(), /both stop working: .*was taken back/);
      assert.deepEqual([await names(), (await one.check(own.key))?.name], [["own"], "own"]);
      await both.create(issueOf(args, 2).name, ["keys:read"], "a run that was killed");
      assert.equal(await one.check(own.key), undefined);
      await assert.rejects(issue(), /both stop working: .*was taken back/);
      assert.deepEqual([await names(), (await one.check(own.key))?.name], [["own"], "own"]);
    } finally {
      await app.close();
      await both.close();
    }
  });
});
