// The guides of docs/recovery.md, step by step on the real engine: after each loss the running services go on with the
// values that they have, and rotation goes on from there.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configFile, pulumi, repository, type Ran } from "../../sandbox/stack.ts";
import { Load, signIn, use } from "../support/client.ts";
import { Typist, type Typed } from "../support/type.ts";
import { all, ci, each, live, tried, valuesOf, works, type Values } from "../support/visapi-secrets.ts";
import { World, type Run } from "../support/world.ts";

const handedOver = ["CGB_API_KEY", "SLACK_BOT_TOKEN", "RENDER_API_KEY"];

describe("recovery", function () {
  this.timeout(600_000);
  let world: World;
  let typist: Typist;
  let api = "";
  /** The stack's passphrase; a test changes it. */
  let passphrase: Record<string, string> = {};
  const held = (): Promise<Values> => valuesOf(world, [...all, ...handedOver]);
  const env = (values: Values): Record<string, string> => ({ ...ci(values), ...passphrase });
  const type = (now: string, args: string[], values: Values): Promise<Typed> =>
    typist.type(now, args, { env: env(values) });
  const run = (args: string[]): Promise<Ran> =>
    pulumi([...args, "--non-interactive"], { env: { ...world.sandbox.env, ...passphrase } });
  /** What writes `Pulumi.<stack>.yaml` beside the program: here in a folder of its own, never the repository's. */
  async function beside(args: string[], input?: string): Promise<void> {
    const scratch = mkdtempSync(join(tmpdir(), "recovery-"));
    const file = join(scratch, "Pulumi.sandbox.yaml");
    cpSync(join(repository, "Pulumi.yaml"), join(scratch, "Pulumi.yaml"));
    cpSync(configFile(world.dir), file);
    const rest: Record<string, string> = { ...world.sandbox.env, ...passphrase };
    for (const name of ["PULUMI_STACK", "PULUMI_OPTION_CONFIG_FILE", "PULUMI_OPTION_POLICY_PACK"]) delete rest[name];
    const given = input === undefined ? {} : { input };
    const ran = await pulumi([...args, "--non-interactive"], { env: rest, cwd: scratch, ...given });
    assert.equal(ran.code, 0, ran.stderr);
    writeFileSync(configFile(world.dir), readFileSync(file));
    rmSync(scratch, { recursive: true });
  }
  /** Runs while the API is in use: nobody may notice. */
  async function unnoticed(now: string, values: Values): Promise<Run> {
    const load = new Load(api, await signIn(api), 2);
    const done = await world.up({ now, env: env(values) });
    await load.stop();
    assert.equal(done.code, 0, done.output);
    assert.ok(load.requests > 100);
    assert.deepEqual(load.failures, []);
    return done;
  }

  before(async function () {
    this.timeout(1_800_000);
    world = await World.start({ policies: true });
    typist = new Typist(world);
    api = world.sandbox.env["VISAPI_API_URL"] ?? "";
    const first = await world.up();
    assert.equal(first.code, 0, first.output);
    // One rotation, so that the second slots are the live ones.
    const second = await world.up({ now: world.later(100), env: env(await held()) });
    assert.equal(second.code, 0, second.output);
  });
  after(async () => world.stop());

  it("lost state: a new stack takes over what Vault holds, and nobody notices", async () => {
    const [values, before] = [await held(), await world.inventory()];
    rmSync(join(world.dir, "state"), { recursive: true });
    mkdirSync(join(world.dir, "state"), { mode: 0o700 });
    await beside(["stack", "init", "sandbox"]);
    const now = world.later(101);
    const blind = await world.up({ now, env: env(values) });
    assert.notEqual(blind.code, 0);
    assert.match(
      blind.output,
      /visapi\/\w+ is not made anew: secret\/visapi\/\w+ in Vault holds its generation \d.*rotate adopt \w+ --from-vault/,
    );
    assert.deepEqual(await held(), values, "nothing was changed");
    const adopted = await type(now, ["adopt", "--from-vault"], values);
    assert.equal(adopted.code, 0, adopted.said);
    assert.match(adopted.said, /visapi\/DATABASE_URL: generation 2 of 2027-06-09T03:00:00Z/);

    const done = await unnoticed(now, values);
    assert.match(done.output, /DATABASE_URL: this is visapi_b#2, which a stack of this name has made/);
    assert.deepEqual(await held(), values);
    const after = await world.inventory();
    for (const name of all) {
      const [row, was] = [after.get(name), before.get(name)];
      assert.deepEqual(
        [row?.generation, row?.rotatedAt, row?.dueAt, row?.consumers, row?.fingerprint],
        [was?.generation, was?.rotatedAt, was?.dueAt, was?.consumers, was?.fingerprint],
        name,
      );
    }
    const again = await type(now, ["adopt", "--from-vault"], values);
    assert.equal(again.code, 2);
    assert.match(again.said, /The stack knows all of its secrets/);
  });

  it("lost state: the next rotation goes on where the lost stack stood, and ends what that had made", async () => {
    const old = await held();
    const due = world.later(200);
    await unnoticed(due, old);
    const made = await held();
    assert.match(made["DATABASE_URL"] ?? "", /^postgresql:\/\/visapi_a:/);
    const rotated = all.filter((name) => made[name] !== old[name]);
    assert.ok(rotated.length >= 8, rotated.join());
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await unnoticed(world.later(202), made);
    assert.deepEqual(await live(world), { postgres: 1, supabase: 2, resend: 1, vercel: 1, visapi: 1 });
    const now = await held();
    const dead = rotated.filter((name) => tried.includes(name) && name !== "CRON_SECRET");
    assert.deepEqual(
      await works(world, Object.fromEntries(dead.map((name) => [name, old[name] ?? ""]))),
      each(dead, false),
    );
    assert.deepEqual(await works(world, now), { ...each(tried, true) });
  });

  it("lost Vault: a new one is filled from the state, without a rotation", async () => {
    const values = await held();
    const { VAULT_ADDR: address = "", VAULT_TOKEN: token = "" } = world.sandbox.env;
    const ask = (method: string, body?: object): Promise<Response> =>
      fetch(`${address}/v1/sys/mounts/secret`, {
        method,
        headers: { "x-vault-token": token },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
    assert.ok((await ask("DELETE")).ok);
    assert.ok((await ask("POST", { type: "kv", options: { version: "2" } })).ok);
    assert.equal((await held())["JWT_SECRET"], "");
    const now = world.later(203);
    const drift = await type(now, ["drift"], values);
    assert.equal(drift.code, 3, drift.said);
    const session = await signIn(api);
    const pushed = await type(now, ["drift", "--push"], values);
    assert.equal(pushed.code, 0, pushed.said + pushed.out);
    assert.deepEqual(await held(), values);
    assert.deepEqual(await use(api, session), { token: 200, cookie: 200 });
  });

  it("lost passphrase: a new stack takes over what Vault holds, hand-overs too", async () => {
    const values = await held();
    passphrase = { PULUMI_CONFIG_PASSPHRASE: "another passphrase" };
    const locked = await run(["stack", "export", "--show-secrets"]);
    assert.notEqual(locked.code, 0);
    assert.match(locked.stderr + locked.stdout, /incorrect passphrase/);
    const removed = await run(["stack", "rm", "sandbox", "--force", "--preserve-config", "--yes"]);
    assert.equal(removed.code, 0, removed.stderr);
    // What a person does in an editor: out with the salt, and with every value that nobody can read any more.
    const file = configFile(world.dir);
    const kept = readFileSync(file, "utf8")
      .replace(/^encryptionsalt: .*\n/m, "")
      .replace(/^ {2}\S+:\n {4}secure: .*\n/gm, "");
    writeFileSync(file, kept);
    await beside(["stack", "init", "sandbox"]);
    const now = world.later(204);
    const adopted = await type(now, ["adopt", "--from-vault"], values);
    assert.equal(adopted.code, 0, adopted.said);
    await unnoticed(now, values);
    assert.deepEqual(await held(), values);
    const status = await type(now, ["status", "--json"], values);
    assert.equal((JSON.parse(status.out) as { secrets: unknown[] }).secrets.length, 18, status.said);
  });

  it("leaked state: its key is changed, and everything in it is rotated and dead", async () => {
    const old = await held();
    const change = ["stack", "change-secrets-provider", "passphrase", "--stack", "sandbox"];
    await beside(change, "a third passphrase\na third passphrase\n");
    const stale = await run(["config", "get", "visapi:CGB_API_KEY"]);
    assert.notEqual(stale.code, 0, "the old passphrase opens nothing");
    passphrase = { PULUMI_CONFIG_PASSPHRASE: "a third passphrase" };
    const session = await signIn(api);
    const done = await type(world.later(205), ["emergency", "--all", "--reason", "the state was readable"], old);
    assert.equal(done.code, 3, done.said);
    assert.match(done.said, /for a person: rotate hand-over SLACK_BOT_TOKEN/);
    const made = await held();
    for (const name of all) assert.notEqual(made[name], old[name], name);
    const pick = (values: Values): Values => Object.fromEntries(tried.map((name) => [name, values[name] ?? ""]));
    assert.deepEqual(await works(world, pick(made)), each(tried, true));
    assert.deepEqual(await works(world, pick(old)), each(tried, false));
    assert.deepEqual(await live(world), { postgres: 1, supabase: 2, resend: 1, vercel: 1, visapi: 1 });
    assert.deepEqual(await use(api, session), { token: 401, cookie: 401 });
    for (const [name, value] of Object.entries({ ...old }))
      assert.ok(!typist.everything.join("").includes(value), `${name} was printed`);
  });
});
