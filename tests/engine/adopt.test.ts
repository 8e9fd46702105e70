// Secrets that people made by hand are taken over as they are: by what users of the running service notice, which is
// nothing, and by what happens when they fall due.
import assert from "node:assert/strict";
import pg from "pg";
import { Load, signIn, use, type Session } from "../support/client.ts";
import { Typist } from "../support/type.ts";
import { World } from "../support/world.ts";

describe("adopting what is in use", function () {
  this.timeout(300_000);
  let world: World;
  let typist: Typist;
  let api = "";
  let session: Session;
  const adopt = (secret: string, input: string, ...more: string[]) =>
    typist.type(world.now, ["adopt", secret, ...more], { input: `${input}\n` });

  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    typist = new Typist(world);
    api = world.sandbox.env["VISAPI_API_URL"] ?? "";
    session = await signIn(api);
  });
  after(async () => world.stop());

  it("stores nothing for a name or a date that makes no sense", async () => {
    for (const [args, why] of [
      [["JWT_SECRET"], /--since is missing/],
      [["JWT_SECRET", "--since", "yesterday"], /which is no date/],
      [["JWT_SECRET", "--since", "2029-01-01"], /still to come/],
      [["JWT_SECRT", "--since", "2027-02-20"], /Did you mean visapi\/JWT_SECRET/],
    ] as const) {
      const typed = await typist.type(world.now, ["adopt", ...args], { input: "some-value\n" });
      assert.equal(typed.code, 2, typed.said);
      assert.match(typed.said, why);
    }
  });

  it("writes nothing of a secret when the value that was brought is not the one in use", async () => {
    const login = world.sandbox.postgres.applicationUrl;
    for (const [secret, value, since] of [
      ["JWT_SECRET", "0".repeat(64), "2027-02-20"],
      ["SESSION_SECRET", world.sandbox.secrets.sessionSecret, "2027-02-20"],
      ["DATABASE_URL", login, "2027-01-15T00:00:00Z"],
    ] as const) {
      const brought = await adopt(secret, value, "--since", since);
      assert.equal(brought.code, 0, brought.said);
    }
    const run = await world.up();
    assert.notEqual(run.code, 0);
    assert.match(
      run.errors.join("\n"),
      /JWT_SECRET is not taken over, and nothing was written: the value that was brought/,
    );
    assert.ok(!run.output.includes("0".repeat(64)));
    assert.equal(await world.vaultField("visapi/JWT_SECRET", "value"), undefined);
    assert.deepEqual(await use(api, session), { token: 200, cookie: 200 });
  });

  it("takes over signing secret and database login, and nobody's session ends", async () => {
    const { jwtSecret } = world.sandbox.secrets;
    const login = world.sandbox.postgres.applicationUrl;
    assert.equal((await adopt("JWT_SECRET", jwtSecret, "--since", "2027-02-20")).code, 0);
    const load = new Load(api, session, 2);
    const run = await world.up();
    await load.stop();
    assert.equal(run.code, 0, run.output);
    assert.ok(load.requests > 100);
    assert.deepEqual(load.failures, []);
    assert.equal(await world.vaultField("visapi/JWT_SECRET", "value"), jwtSecret);
    assert.equal(await world.vaultField("visapi/DATABASE_URL", "value"), login);
    const rows = await world.inventory();
    const dates = ["JWT_SECRET", "DATABASE_URL"].map((name) => {
      const { generation, rotatedAt, consumers } = rows.get(name) ?? assert.fail(`no ${name}`);
      return { generation, rotatedAt: rotatedAt.slice(0, 10), consumers };
    });
    assert.deepEqual(dates, [
      { generation: 1, rotatedAt: "2027-02-20", consumers: ["api 2/2"] },
      { generation: 1, rotatedAt: "2027-01-15", consumers: ["api 2/2"] },
    ]);
    const idle = await world.up({ now: world.later(0, 1) });
    assert.deepEqual([idle.code, idle.steps], [0, []], idle.output);
  });

  it("rotates each on its own date, with overlap, and leaves the login that was made by hand to its maker", async () => {
    const fresh = await signIn(api);
    const load = new Load(api, fresh, 2);
    const run = await world.up({ now: "2027-04-14T03:00:00Z", args: ["--target", "**::visapi/DATABASE_URL/**"] });
    assert.equal(run.code, 0, run.output);
    const jwt = await world.up({ now: "2027-03-22T03:00:00Z", args: ["--target", "**::visapi/JWT_SECRET/**"] });
    await load.stop();
    assert.equal(jwt.code, 0, jwt.output);
    assert.deepEqual(load.failures, []);
    assert.notEqual(await world.vaultField("visapi/JWT_SECRET", "value"), world.sandbox.secrets.jwtSecret);
    const url = (await world.vaultField("visapi/DATABASE_URL", "value")) ?? "";
    assert.match(url, /^postgresql:\/\/visapi_[ab]:/);
    const byHand = new pg.Client({ connectionString: world.sandbox.postgres.applicationUrl });
    await byHand.connect();
    await byHand.end();
    for (const value of [world.sandbox.secrets.jwtSecret, new URL(world.sandbox.postgres.applicationUrl).password])
      assert.ok(
        ![run, jwt].some(({ output }) => output.includes(value)) && !typist.everything.join("").includes(value),
      );
  });
});
