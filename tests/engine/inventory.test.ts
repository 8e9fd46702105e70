import assert from "node:assert/strict";
import { touched, World } from "../support/world.ts";

/** The runbook's inventory, and VisAPI's own administrator key. */
const secrets = {
  generated: ["JWT_SECRET", "SESSION_SECRET", "CRON_SECRET"],
  "on request": ["API_KEY_PREFIX"],
  issued: [
    "DATABASE_URL",
    "REDIS_URL",
    "SUPABASE_SERVICE_ROLE_KEY",
    "SUPABASE_ANON_KEY",
    "RESEND_API_KEY",
    "VERCEL_API_TOKEN",
    "ADMIN_API_KEY",
  ],
  "handed over": [
    "CGB_API_KEY",
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_WEBHOOK_URL",
    "RENDER_API_KEY",
    "UPSTASH_API_KEY",
    "CODECOV_TOKEN",
  ],
};

describe("the whole inventory of VisAPI", () => {
  let world: World;
  before(async function () {
    this.timeout(1_800_000);
    world = await World.start({ policies: true, leastRights: true });
  });
  after(async () => world.stop());

  it("is handed out in one run, every row with how it is handled", async () => {
    const run = await world.up();
    assert.equal(run.code, 0, run.output);
    const rows = await world.inventory();
    assert.deepEqual([...rows.keys()].sort(), Object.values(secrets).flat().sort());
    for (const [handling, names] of Object.entries(secrets))
      for (const name of names)
        assert.ok(rows.get(name)?.handling.includes(handling), `${name}: ${rows.get(name)?.handling}`);
    const idle = await world.up();
    assert.equal(idle.code, 0, idle.output);
    assert.deepEqual(idle.steps, []);
  });

  it("rotates in one run whatever can be, after a season without any", async () => {
    const before = await world.inventory();
    world.now = world.later(100);
    const run = await world.up();
    assert.equal(run.code, 0, run.output);
    // The second of each pair waits for the next run, and people's requests are nobody else's to make.
    const due = ["JWT_SECRET", "CRON_SECRET", ...secrets.issued.filter((name) => name !== "REDIS_URL")].sort();
    const after = await world.inventory();
    const rotated = [...after.values()].filter(
      ({ secret, generation }) => generation !== before.get(secret)?.generation,
    );
    assert.deepEqual(rotated.map(({ secret }) => secret).sort(), due);
    // What only a person can fetch is asked for, and not touched.
    for (const name of secrets["handed over"])
      for (const { name: resource } of run.steps)
        if (resource.startsWith(`visapi/${name}/`)) assert.match(resource, /\/notice-/);
    for (const name of due) {
      assert.notEqual(after.get(name)?.fingerprint, before.get(name)?.fingerprint, name);
      assert.equal(after.get(name)?.generation, (before.get(name)?.generation ?? 0) + 1, name);
    }
  });

  it("finishes the rest, and ends what is over", async () => {
    world.now = world.later(0, 2);
    const run = await world.up();
    assert.equal(run.code, 0, run.output);
    assert.ok(["SESSION_SECRET", "REDIS_URL"].every((name) => touched(run).includes(name)));
    const rows = await world.inventory();
    assert.equal(rows.get("JWT_SECRET")?.previousUntil, "");
  });

  it("rotates one of them by --target, and leaves a state that the next run can read", async () => {
    world.now = world.later(40);
    const one = await world.up({ args: ["--target", "**::visapi/JWT_SECRET/**"] });
    assert.equal(one.code, 0, one.output);
    assert.deepEqual(touched(one), ["JWT_SECRET"]);
    const rest = await world.up();
    assert.equal(rest.code, 0, rest.output);
  });
});
