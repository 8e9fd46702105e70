// Everything of VisAPI that overlaps through its rotation and its revocation, under load over HTTP, PostgreSQL and
// Redis: no request fails, and the old values are dead afterwards.
import assert from "node:assert/strict";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { VisapiLoad } from "../support/visapi-load.ts";
import { ci, generated, live, stores, valuesOf, vendorKeys, works } from "../support/visapi-secrets.ts";
import { touched, World, type Run } from "../support/world.ts";

const all = [...generated, ...stores, ...vendorKeys];
const least = 10_000;

describe("a full rotation under load", function () {
  this.timeout(900_000);
  let world: World;
  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    const first = await world.up();
    assert.equal(first.code, 0, first.output);
  });
  after(async () => world.stop());

  it("fails no request of ten thousand while everything is replaced and the old values end", async () => {
    const old = await valuesOf(world, all);
    const load = await VisapiLoad.start(world);
    const step = async (now: string, held: Record<string, string>): Promise<Run> => {
      const run = await world.up({ now, env: ci(held) });
      assert.equal(run.code, 0, run.output);
      assert.deepEqual(load.failures, [], `at ${now}`);
      return run;
    };
    await step(world.later(100), old);
    // The second of each pair, in the next run.
    await step(world.later(100, 0.25), old);
    const made = await valuesOf(world, all);
    for (const name of all) assert.notEqual(made[name], old[name], name);
    const tried = Object.keys(await works(world, old));
    assert.deepEqual(await works(world, old), Object.fromEntries(tried.map((name) => [name, true])), "both are valid");

    await load.hourPasses();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const ending = await step(world.later(100, 2), made);
    assert.deepEqual(touched(ending), [...all].sort(), "the end of every old value is in this run");
    assert.deepEqual(await works(world, old), Object.fromEntries(tried.map((name) => [name, false])), "dead");
    assert.deepEqual(await works(world, made), Object.fromEntries(tried.map((name) => [name, true])));
    assert.deepEqual(await live(world), { postgres: 1, supabase: 2, resend: 1, vercel: 1, visapi: 1 });

    await waitFor(() => load.total >= least, { what: `${least} requests`, timeoutMs: 180_000 });
    await load.stop();
    assert.deepEqual(load.failures, []);
    for (const kind of ["http", "database", "redis", "session", "cron", "email", "supabase", "admin key", "vercel"])
      assert.ok((load.requests[kind] ?? 0) > 50, `${kind}: ${load.requests[kind]}`);
    console.log(`      ${load.total} requests, 0 failed: ${JSON.stringify(load.requests)}`);
    assert.deepEqual((await step(world.later(100, 3), made)).steps, [], "nothing is left to do");
  });
});
