// Logins at the real PostgreSQL and Redis: what a consumer can do with each, and what is dead when it is said to be.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import type { CredentialKind, Issue } from "../../provider/credentials/kind.ts";
import { postgresLogin } from "../../provider/credentials/postgres-login.ts";
import { redisAclUser } from "../../provider/credentials/redis-acl-user.ts";
import { upstashPassword } from "../../provider/credentials/upstash-password.ts";
import { vaultStaticRole } from "../../provider/credentials/vault-static-role.ts";
import { Settings } from "../../provider/settings.ts";
import type { Properties } from "../../provider/wire/contract.ts";
import { Secret } from "../../provider/wire/values.ts";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { UpstashSimulator } from "../../sandbox/simulators/upstash.ts";
import { buildTimeoutMs, discard, newDir, toolchain } from "./support.ts";

const family = "rotation-test-shop-url";

function issueOf(args: Properties, generation: number, current?: string): Issue {
  const log = { info: () => undefined, warn: (said: string) => assert.fail(said) };
  return { args, name: `${family}-g${generation}`, family, slot: generation % 2 ? "a" : "b", generation, current, log };
}

async function rotate(kind: CredentialKind, args: Properties, generation: number) {
  const issued = await kind.issue(issueOf(args, generation));
  await kind.prove(args, issued);
  return issued;
}

async function logIn(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: "shop" });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

function redisAt(url: string): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectionName: "shop",
    enableReadyCheck: false,
  });
  redis.on("error", () => undefined);
  return redis;
}

describe("issued credentials at the services themselves", function () {
  this.timeout(60_000);
  const dir = newDir();
  let sandbox: Sandbox;
  before(async function () {
    this.timeout(buildTimeoutMs);
    sandbox = await Sandbox.start({ dir, toolchain: await toolchain(), limitScale: 60 });
  });
  after(async () => {
    await sandbox?.stop();
    await discard(dir);
  });

  describe("postgres-login", () => {
    const kind = postgresLogin();
    const args = (more: Properties = {}): Properties => ({
      adminUrl: new Secret(sandbox.postgres.adminUrl()),
      application: "shop",
      owner: "shop_owner",
      withoutTemporary: true,
      ...more,
    });

    before(() =>
      sandbox.postgres.query(
        "create role shop_owner nologin; grant connect, temporary on database visapi to shop_owner",
      ),
    );

    it("gives two logins that work side by side as the owner role, and ends exactly one", async () => {
      const first = await rotate(kind, args(), 1);
      const second = await rotate(kind, args({ withoutTemporary: false }), 2);
      assert.deepEqual([first.reference, second.reference], ["shop_a#1", "shop_b#2"]);
      const [one, two] = [await logIn(first.value), await logIn(second.value)];
      const { rows } = await two.query("select session_user, current_user");
      assert.deepEqual(rows, [{ session_user: "shop_b", current_user: "shop_owner" }]);
      assert.deepEqual(await kind.users(args(), first.reference), { count: 1, who: ["shop@127.0.0.1"] });

      await kind.revoke(args(), first.reference);
      assert.equal(await kind.valid(args(), first.reference), false);
      await assert.rejects(one.query("select 1"), "its session is ended");
      await assert.rejects(logIn(first.value), { code: "28P01" });
      await two.query("select 1");
      await two.end();
      await kind.revoke(args(), first.reference);
    });

    it("tells generations of one login apart: an old reference neither is valid nor ends the new one", async () => {
      const third = await rotate(kind, args(), 3);
      assert.deepEqual([await kind.valid(args(), "shop_a#1"), await kind.valid(args(), "shop_a#3")], [false, true]);
      await kind.revoke(args(), "shop_a#1");
      await (await logIn(third.value)).end();
      const again = await rotate(kind, args(), 3);
      await assert.rejects(logIn(third.value), { code: "28P01" }, "a repeated attempt replaces what it finds");
      await (await logIn(again.value)).end();
    });

    it("keeps the password out of the server: a verifier is all that it ever sees", async () => {
      const { value } = await rotate(kind, args(), 4);
      const { password } = new URL(value);
      assert.match(password, /^[\w-]{40}$/);
      const [row] = await sandbox.postgres.query<{ rolpassword: string }>(
        "select rolpassword from pg_authid where rolname = 'shop_b'",
      );
      assert.match(row?.rolpassword ?? "", /^SCRAM-SHA-256\$4096:/);
    });

    it("leaves a role alone that it did not make", async () => {
      await sandbox.postgres.query("create role byhand_a login");
      await assert.rejects(
        kind.issue(issueOf(args({ application: "byhand" }), 1)),
        /byhand_a was not made by this stack/,
      );
      const other = {
        ...issueOf(args(), 5),
        name: "rotation-staging-shop-url-g5",
        family: "rotation-staging-shop-url",
      };
      await assert.rejects(
        kind.issue(other),
        /not made by this stack, but by another one \(rotation-test-shop-url-g3\)/,
      );
    });

    it("makes the owner role where there is none, and says what a new login may not do", async () => {
      const own = args({ application: "mail", owner: "mail_owner" });
      const issued = await kind.issue(issueOf(own, 1));
      await assert.rejects(kind.prove(own, issued), /permission denied for database/);
      await sandbox.postgres.query("grant connect on database visapi to mail_owner");
      await kind.prove(own, issued);
      const checks = { ...own, checks: ["select 1 from workflows limit 1"] };
      await assert.rejects(kind.prove(checks, issued), /"select 1 from workflows limit 1" failed: permission denied/);
      await assert.rejects(
        kind.prove({ ...own, withoutTemporary: false }, issued),
        /permission denied to create temporary/,
      );
      const wrong = { ...issued, value: issued.value.replace(/:[^:@]+@/, ":wrong@") };
      await assert.rejects(kind.prove(own, wrong), /cannot log in: password authentication failed .*28P01/);
    });

    it("says of an administrator that may not create roles what is missing", async () => {
      const weak = args({ adminUrl: new Secret(sandbox.postgres.applicationUrl), application: "weak" });
      await assert.rejects(
        kind.issue(issueOf(weak, 1)),
        /permission denied.*\(42501\)\. The administrator's role may not do this/,
      );
    });

    it("asks for settings that make sense", () => {
      const reasons = kind
        .validate({ adminUrl: "mysql://x", application: "No", owner: "" })
        .map(({ property }) => property);
      assert.deepEqual(reasons, ["args.adminUrl", "args.application", "args.owner"]);
      assert.deepEqual(kind.validate(args()), []);
    });
  });

  describe("vault-static-role", () => {
    const settings = new Settings();
    const kind = vaultStaticRole(settings);
    const args = (more: Properties = {}): Properties => ({
      roles: ["desk-a", "desk-b"],
      consumerUrl: sandbox.postgres.applicationUrl.replace(/\/\/[^@]*@/, "//"),
      owner: "desk_owner",
      withoutTemporary: true,
      ...more,
    });
    const staticRole = (name: string, username: string, period: string): Promise<unknown> =>
      sandbox.vault.call("POST", `database/static-roles/${name}`, {
        ...{ db_name: "visapi", username, rotation_period: period },
      });

    before(async () => {
      settings.configure({ vaultAddress: sandbox.vault.address, vaultToken: sandbox.vault.rootToken });
      await sandbox.postgres.query(
        `create role desk_owner nologin; grant connect, temporary on database visapi to desk_owner;
         create role desk_a login in role desk_owner; alter role desk_a set role = 'desk_owner';
         create role desk_b login in role desk_owner; alter role desk_b set role = 'desk_owner'`,
      );
      const admin = new URL(sandbox.postgres.adminUrl());
      await sandbox.vault.call("POST", "sys/mounts/database", { type: "database" });
      await sandbox.vault.call("POST", "database/config/visapi", {
        plugin_name: "postgresql-database-plugin",
        allowed_roles: "*",
        connection_url: `postgresql://{{username}}:{{password}}@${admin.host}${admin.pathname}?sslmode=disable`,
        username: decodeURIComponent(admin.username),
        password: decodeURIComponent(admin.password),
      });
      await staticRole("desk-a", "desk_a", "87600h");
      await staticRole("desk-b", "desk_b", "87600h");
    });

    it("has Vault set the passwords of two logins, counts their sessions, and ends exactly one", async () => {
      const first = await rotate(kind, args(), 1);
      const second = await rotate(kind, args({ withoutTemporary: false }), 2);
      assert.match(first.reference, /^desk-a#20\d\d-/);
      const [one, two] = [await logIn(first.value), await logIn(second.value)];
      assert.equal((await kind.users(args(), first.reference))?.count, 1);
      assert.equal(await kind.valid(args(), first.reference), true);

      await kind.revoke(args(), first.reference);
      assert.equal(await kind.valid(args(), first.reference), false);
      assert.deepEqual(await kind.users(args(), first.reference), { count: 0, who: [] });
      await assert.rejects(one.query("select 1"), "its session is ended");
      await assert.rejects(logIn(first.value), { code: "28P01" });
      await two.query("select 1");
      await kind.revoke(args(), first.reference);

      const third = await rotate(kind, args(), 3);
      await kind.revoke(args(), first.reference);
      await (await logIn(third.value)).end();
      await two.query("select 1");
      await two.end();
    });

    it("refuses a role that Vault rotates by itself, and one that is not there", async () => {
      await staticRole("desk-b", "desk_b", "24h");
      await assert.rejects(
        kind.issue(issueOf(args(), 4)),
        /every 1 days, behind its consumers.*rotation_period=87600h/,
      );
      await assert.rejects(
        kind.issue(issueOf(args({ roles: ["desk-c", "desk-a"] }), 5)),
        /no static role "desk-c" at database\/\. Make it with: vault write/,
      );
      const wrong = kind.validate({ roles: ["one", "one"], consumerUrl: "postgresql://me@h/n", owner: "" });
      assert.deepEqual(
        wrong.map(({ property }) => property),
        ["args.roles", "args.consumerUrl", "args.owner"],
      );
      assert.deepEqual(kind.validate(args()), []);
    });
  });

  describe("redis-acl-user", () => {
    const kind = redisAclUser();
    const args = (more: Properties = {}): Properties => ({
      adminUrl: new Secret(sandbox.redis.adminUrl),
      application: "shop",
      rules: ["~shop:*", "+@all", "-@admin", "-@dangerous"],
      checks: ["llen shop:queue"],
      ...more,
    });

    it("gives two users that work side by side within their rules, and ends exactly one with its connections", async () => {
      const first = await rotate(kind, args(), 1);
      const second = await rotate(kind, args(), 2);
      const [one, two] = [redisAt(first.value), redisAt(second.value)];
      await one.set("shop:x", "1");
      assert.equal(await two.get("shop:x"), "1");
      await assert.rejects(two.get("other:x"), /NOPERM/);
      assert.deepEqual(await kind.users(args(), first.reference), { count: 1, who: ["shop@127.0.0.1"] });
      const ended = new Promise((resolve) => one.once("close", resolve));
      await kind.revoke(args(), first.reference);
      await ended;
      assert.equal(await kind.valid(args(), first.reference), false);
      await assert.rejects(
        redisAt(first.value)
          .connect()
          .then(() => one.ping()),
      );
      assert.equal(await two.ping(), "PONG");
      two.disconnect();
      await kind.revoke(args(), first.reference);
    });

    it("tells generations of one user apart, and keeps users over a restart", async () => {
      const third = await rotate(kind, args(), 3);
      const again = await rotate(kind, args(), 3);
      assert.deepEqual(
        [await kind.valid(args(), third.reference), await kind.valid(args(), again.reference)],
        [false, true],
      );
      await kind.revoke(args(), third.reference);
      assert.equal(await kind.valid(args(), again.reference), true);
      const saved = readFileSync(join(dir, "redis", "users.acl"), "utf8");
      assert.match(saved, /^user shop_a on /m);
      assert.ok(!saved.includes(new URL(again.value).password));
    });

    it("says what a new user may not do, and what is wrong with rules", async () => {
      const issued = await kind.issue(issueOf(args(), 5));
      await assert.rejects(kind.prove(args({ checks: ["get other:x"] }), issued), /"get other:x" failed: NOPERM/);
      assert.deepEqual(
        kind.validate(args({ rules: ["~x", ">password"] })).map(({ reason }) => reason.includes("password)")),
        [true],
      );
    });
  });

  describe("upstash-password", () => {
    const kind = upstashPassword();
    const id = "1c9f3a52-7c1d-4a0e-9c1b-0d6c0a3c7e11";
    let upstash: UpstashSimulator;
    const args = (more: Properties = {}): Properties => ({
      ...{ databaseId: id, email: "ops@visanet.com", apiKey: new Secret("upstash-key"), user: "upstash", plain: true },
      baseUrl: `${upstash.url}/v2`,
      ...more,
    });

    before(async () => {
      const admin = redisAt(sandbox.redis.adminUrl);
      const apply = async (password: string): Promise<void> => {
        await admin.call("ACL", "SETUSER", "upstash", "reset", "on", `>${password}`, "~*", "+@all");
      };
      await apply("made-by-hand");
      upstash = await new UpstashSimulator({
        ...{ email: "ops@visanet.com", apiKey: "upstash-key" },
        databases: [{ id, name: "visapi", endpoint: "127.0.0.1", port: sandbox.redis.port, password: "made-by-hand" }],
        onReset: ({ password }) => apply(password),
      }).start();
    });
    after(() => upstash?.stop());
    const resets = (): number => upstash.effects.list().filter(({ kind }) => kind === "password.reset").length;

    it("takes over what is in use, and resets only in a rotation", async () => {
      const first = await rotate(kind, args(), 1);
      assert.equal(new URL(first.value).password, "made-by-hand");
      assert.equal(resets(), 0);
      const second = await kind.issue(issueOf(args(), 2, first.value));
      await kind.prove(args(), second);
      assert.equal(resets(), 1);
      assert.notEqual(second.value, first.value);
      await assert.rejects(kind.prove(args(), first), /WRONGPASS/, "the old one is dead");
      assert.equal(await kind.valid(args(), second.reference), true);
      assert.equal(await kind.valid(args(), first.reference), false);
    });

    it("does not reset twice when the reply is lost or the run is killed", async () => {
      const current = (await rotate(kind, args(), 1)).value;
      const before = resets();
      upstash.faults.add({ match: { method: "POST" }, kind: "lost-reply" });
      const attempt = await kind.issue(issueOf(args(), 3, current));
      await kind.prove(args(), attempt);
      assert.equal(resets(), before + 1, "the lost reply is looked up");
      const next = await kind.issue(issueOf(args(), 3, current));
      assert.equal(next.value, attempt.value, "as after a kill: what is there is taken over");
      assert.equal(resets(), before + 1);
    });

    it("says so when the key is wrong", async () => {
      await assert.rejects(kind.issue(issueOf(args({ apiKey: new Secret("wrong") }), 9, "x")), /Upstash answered 401/);
    });
  });
});
