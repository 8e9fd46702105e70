// IntelliFlow through its first run and its rotations, by what its users, PostgreSQL, Vault and a verifier of tokens see.
import assert from "node:assert/strict";
import { createLocalJWKSet, createRemoteJWKSet, type JSONWebKeySet } from "jose";
import { Engine } from "../../cli/engine.ts";
import { ensureStack, pulumi } from "../../sandbox/stack.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { believed, connect, mountedJwks, refused, restarts } from "../support/intelliflow.ts";
import { IntelliflowLoad } from "../support/intelliflow-load.ts";
import { previewShipped } from "../support/shipped.ts";
import { versionOf } from "../support/transit.ts";
import { Typist } from "../support/type.ts";
import { prepareVaultDatabase } from "../support/vault-database.ts";
import { touched, World, type Run } from "../support/world.ts";

const [databaseUrl, signingKey, dataKey] = ["DATABASE_URL", "JWT_SIGNING_KEY", "DATA_ENCRYPTION_KEY"];

describe("IntelliFlow on the real engine", function () {
  this.timeout(900_000);
  let world: World;
  let [api, web, adminUrl] = ["", "", ""];
  /** The login before the last rotation. */
  let former = "";
  let load: IntelliflowLoad;
  let typist: Typist;
  const seen = new Set<string>();
  const outputs: string[] = [];

  const up = async (now: string, more: Parameters<World["up"]>[0] = {}): Promise<Run> => {
    const run = await world.up({ now, ...more });
    outputs.push(run.output);
    return run;
  };
  const good = async (now: string, more: Parameters<World["up"]>[0] = {}): Promise<Run> => {
    const run = await up(now, more);
    if (run.code !== 0) console.error(run.output);
    assert.equal(run.code, 0, run.errors.join("\n"));
    return run;
  };
  const field = async (entry: string, name: string): Promise<string> => {
    const text = (await world.vaultField(`intelliflow/${entry}`, name)) ?? "";
    if (["url", "password", "private_key"].includes(name)) seen.add(text);
    return text;
  };
  const generation = async (secret: string): Promise<number> =>
    (await world.inventory("intelliflow")).get(secret)?.generation ?? 0;
  /** Hours from the first run to a time at which the secret is due. */
  const dueIn = async (secret: string): Promise<number> => {
    const { dueAt = "" } = (await world.inventory("intelliflow")).get(secret) ?? {};
    return Math.ceil((Date.parse(dueAt) - Date.parse(world.now)) / 3_600_000);
  };
  const jwks = async (): Promise<JSONWebKeySet> => JSON.parse(await field("jwt-jwks", "jwks")) as JSONWebKeySet;
  /** Which login the web service works with. */
  const login = async (): Promise<string> => ((await (await fetch(web)).json()) as { user: string }).user;
  /** What a person types. */
  const rotate = async (hours: number, ...args: string[]): Promise<void> => {
    const { code, said } = await typist.type(world.later(0, hours), args);
    outputs.push(said);
    assert.equal(code, 0, said);
  };
  /** Asks for a rotation as a person does, without running it. */
  const ask = async (secret: string): Promise<void> => {
    const engine = new Engine({ ...process.env, ...world.sandbox.env }, undefined, () => undefined);
    const known = (await engine.config<{ generation: number }>("forced"))[`intelliflow/${secret}`];
    const generation = (known?.generation ?? 1) + 1;
    const entry = { generation, reason: "test", by: "ops", at: world.now, revoke: false };
    await engine.setEntry("forced", `intelliflow/${secret}`, entry);
  };

  before(async function () {
    this.timeout(3_600_000);
    world = await World.start({ kubernetes: "intelliflow", policies: true, leastRights: true });
    const { env } = world.sandbox;
    // The stack that `npm start` has, with the vendors' keys handed over.
    Object.assign(env, await ensureStack(world.dir, env, "intelliflow"));
    typist = new Typist(world);
    [api = "", web = "", adminUrl = ""] = ["API_URL", "WEB_URL", "DATABASE_ADMIN_URL"].map(
      (name) => env[`INTELLIFLOW_${name}`],
    );
  });
  after(async () => world?.stop());

  it("makes everything in its first run, beside the login that was made by hand", async () => {
    assert.equal(await login(), "intelliflow_app");
    await good(world.now);
    const url = new URL(await field("database", "url"));
    assert.equal(await field("database", "username"), "intelliflow_a");
    assert.equal(url.username, "intelliflow_a");
    assert.equal(decodeURIComponent(url.password), await field("database", "password"));
    assert.equal(await login(), "intelliflow_a");
    assert.deepEqual(await restarts(world.sandbox), [1, 1]);

    assert.equal(await field("jwt", "version"), "1");
    assert.match(await field("jwt", "private_key"), /^-----BEGIN PRIVATE KEY-----/);
    assert.match(await field("jwt", "public_key"), /^-----BEGIN PUBLIC KEY-----/);
    const document = await jwks();
    assert.equal(document.keys.length, 2, "the key that signs, and the next one");
    assert.ok(
      document.keys.every(({ n = "" }) => Buffer.from(n, "base64url").length === 512),
      "RSA-4096",
    );
    assert.deepEqual(await mountedJwks(world.sandbox), document);

    const rows = await world.inventory("intelliflow");
    assert.deepEqual(rows.get(databaseUrl)?.consumers, ["api 2/2", "web 2/2"]);
    assert.deepEqual(rows.get(signingKey)?.consumers, ["api 2/2"]);
    assert.equal(rows.get(dataKey)?.fingerprint, "v1");
    for (const [secret, { state, generation }] of await typist.rows(world.now))
      assert.deepEqual([state, generation], ["ok", 1], secret);
    load = new IntelliflowLoad(api, web);

    const confirms = await good(world.later(0, 2));
    assert.deepEqual(touched(confirms), [signingKey], "the next key is seen to be published");
    assert.deepEqual((await good(world.later(0, 2))).steps, [], "nothing is due");
    assert.deepEqual(await restarts(world.sandbox), [1, 1]);
  });

  it("rotates login and signing key in one run with one restart each, and ends the old ones once nobody uses them", async () => {
    const due = await dueIn(databaseUrl);
    const old = await field("database", "url");
    const [cached, token] = [createLocalJWKSet(await jwks()), await load.signIn()];
    const report = await connect(old, "monthly report");

    await good(world.later(0, due));
    assert.deepEqual(await restarts(world.sandbox), [2, 2]);
    assert.equal(await login(), "intelliflow_b");
    assert.equal(await field("jwt", "version"), "2");
    const published = createRemoteJWKSet(new URL(`${api}/.well-known/jwks.json`));
    assert.equal(await believed(await load.signIn(), cached), "ada@example.com", "by a verifier with an old key set");
    assert.equal(await believed(token, published), "ada@example.com", "a token from before is good");

    const [left, signed] = [await load.signIn(), await field("jwt", "private_key")];
    await rotate(due + 1, "rollback", signingKey);
    // It comes from Vault's versions, and tokens of both keys are good.
    assert.equal(await field("jwt", "version"), "3");
    assert.notEqual(await field("jwt", "private_key"), signed);
    assert.deepEqual(await restarts(world.sandbox), [3, 2], "only who signs is restarted");

    const held = await good(world.later(0, due + 2));
    assert.match(held.output, /1 session uses intelliflow_a#1 still: monthly report@127\.0\.0\.1/);
    assert.equal((await report.query("select 1")).rows.length, 1, "the report goes on");
    await report.end();
    for (const each of [token, left, await load.signIn()])
      assert.equal(await believed(each, createLocalJWKSet(await jwks())), "ada@example.com", "within its life");

    await good(world.later(0, due + 4));
    await refused(old);
    assert.equal(await believed(left, createLocalJWKSet(await jwks())), undefined, "its key has ended after its life");
    assert.equal(await believed(token, createLocalJWKSet(await jwks())), "ada@example.com", "its key signs again");
    assert.deepEqual(await restarts(world.sandbox), [3, 2], "to end is no reason to restart");
    await waitFor(() => load.total >= 10_000, { what: "10,000 requests", timeoutMs: 180_000 });
    assert.deepEqual(load.failures, []);
    world.now = world.later(0, due + 4);
  });

  it("ends a stolen login in the run that is asked to, with its sessions, and without a failed request", async () => {
    const old = await field("database", "url");
    const thief = await connect(old, "thief");
    const ended = new Promise((resolve) => thief.once("error", resolve));
    await rotate(0, "emergency", "--secret", databaseUrl, "--reason", "Potential compromise detected");
    await ended;
    await refused(old);
    assert.deepEqual(load.failures, []);
    console.log(`      ${load.total} requests, ${load.failures.length} failed: ${JSON.stringify(load.requests)}`);
    await load.stop();
  });

  it("removes a stolen signing key at once", async () => {
    const stolen = await load.signIn();
    await rotate(0, "emergency", "--secret", signingKey, "--reason", "laptop stolen");
    assert.equal(await believed(stolen, createLocalJWKSet(await jwks())), undefined);
    const wanted = { headers: { authorization: `Bearer ${await load.signIn()}` } };
    assert.equal((await fetch(`${web}/me`, wanted)).status, 200);
    const thief = { headers: { authorization: `Bearer ${stolen}` } };
    await waitFor(async () => (await fetch(`${web}/me`, thief)).status === 401, { what: "the stolen token's end" });
  });

  for (const outage of ["Vault", "the API server"] as const)
    it(`says clearly that ${outage} is gone in the middle of a run, and the next run converges`, async () => {
      const number = await generation(databaseUrl);
      former = await field("database", "url");
      await ask(databaseUrl);
      const { vault, kubernetes: cluster } = world.sandbox;
      let back: Promise<void> | undefined;
      const over = Promise.withResolvers<void>();
      const env = { ROTATION_PATIENCE_SECONDS: "2" };
      const failed = await up(world.now, {
        env,
        onOutput: (text) => {
          if (!/DATABASE_URL\/credential updating/.test(text)) return;
          back ??=
            outage === "Vault" ? vault.restart(() => over.promise) : cluster?.restartApiServer(() => over.promise);
        },
      });
      over.resolve();
      await back;
      assert.notEqual(failed.code, 0);
      const said = failed.errors.join("\n");
      assert.match(said, outage === "Vault" ? /Is Vault running at http/ : /Kubernetes cluster is unreachable/);
      await good(world.now);
      assert.equal(await generation(databaseUrl), number + 1, "rotated once");
      assert.notEqual(await field("database", "url"), former);
      assert.equal(await login(), new URL(await field("database", "url")).username);
    });

  it("goes back to the login before", async () => {
    const counts = await restarts(world.sandbox);
    await rotate(0.5, "rollback", databaseUrl);
    assert.equal(await field("database", "url"), former);
    assert.equal(await login(), new URL(former).username);
    assert.deepEqual(
      await restarts(world.sandbox),
      counts.map((count) => count + 1),
      "restarted and verified",
    );
    const rows = await world.inventory("intelliflow");
    assert.deepEqual(rows.get(databaseUrl)?.consumers, ["api 2/2", "web 2/2"]);
    world.now = world.later(0, 0.5);
  });

  it("finds what somebody changed or deleted in the cluster, and puts it back without a rotation", async () => {
    const { client } = world.sandbox.kubernetes ?? assert.fail("no cluster");
    const at = (kind: string, name: string): string => `/api/v1/namespaces/intelliflow/${kind}/${name}`;
    const read = async (kind: string, name: string): Promise<Record<string, string>> =>
      ((await client.call("GET", at(kind, name))).body as { data: Record<string, string> }).data;
    const change = (kind: string, name: string, data: Record<string, string>): Promise<unknown> =>
      client.call("PATCH", at(kind, name), { body: { data }, contentType: "application/merge-patch+json" });
    const drift = async (...more: string[]): Promise<string[]> => {
      const ran = await typist.type(world.later(0, 0.1), ["drift", "--json", ...more]);
      outputs.push(ran.said);
      type Found = { place: string; what: string }[];
      const { drifted, pushed } = JSON.parse(ran.out) as { drifted: Found; pushed?: Found };
      assert.equal(ran.code, drifted.length ? 3 : 0, ran.said);
      return (pushed ?? drifted).map(({ place, what }) => `${place} ${what}`).sort();
    };
    assert.deepEqual(await drift(), []);
    const [database, key, keys, row] = [
      await read("secrets", "database"),
      await read("secrets", "jwt"),
      await read("configmaps", "jwks"),
      (await typist.rows(world.later(0, 0.1))).get(databaseUrl),
    ];
    await change("secrets", "database", { DATABASE_PASSWORD: Buffer.from("guessed").toString("base64") });
    await client.call("DELETE", at("secrets", "jwt"));
    // Whoever gets a key of his own into the set signs tokens that everybody believes.
    await change("configmaps", "jwks", { "jwks.json": '{"keys":[]}' });

    const found = [
      "kubernetes:intelliflow-database was changed by somebody else",
      "kubernetes:intelliflow-jwks was changed by somebody else",
      "kubernetes:intelliflow-jwt is gone",
    ];
    assert.deepEqual(await drift(), found);
    assert.equal((await typist.rows(world.later(0, 0.1))).get(databaseUrl)?.state, "drifted");
    assert.deepEqual(await drift("--push"), found);
    assert.deepEqual(
      [await read("secrets", "database"), await read("secrets", "jwt"), await read("configmaps", "jwks")],
      [database, key, keys],
    );
    assert.deepEqual(await drift(), []);
    const after = (await typist.rows(world.later(0, 0.1))).get(databaseUrl);
    assert.deepEqual([after?.generation, after?.state], [row?.generation, row?.state], "nothing was rotated");
    assert.equal(await login(), new URL(await field("database", "url")).username);
  });

  it("rotates the encryption key after a year and re-encrypts beside live writes", async () => {
    const key = async (): Promise<Record<string, number>> =>
      (await world.sandbox.vault.call<{ data: Record<string, number> }>("GET", "transit/keys/intelliflow-data")).data;
    const due = await dueIn(dataKey);
    const live = new IntelliflowLoad(api, web);
    const args = ["--target", `**::intelliflow/${dataKey}/**`];
    const run = await good(world.later(0, due), { args });
    assert.match(run.output, /customers\.card: re-encrypted [\d,]+ rows/);
    const ended = await good(world.later(0, due + 25), { args });
    assert.deepEqual(touched(ended), [dataKey]);
    await live.stop();
    assert.deepEqual(live.failures, []);
    const { latest_version, min_decryption_version } = await key();
    assert.deepEqual([latest_version, min_decryption_version], [2, 2]);
    const client = await connect(adminUrl);
    const { rows } = await client.query<{ card: string }>("select card from customers");
    await client.end();
    assert.ok(rows.length > 200, "written to meanwhile");
    assert.ok(rows.every(({ card }) => versionOf(card) === 2));
    assert.equal(versionOf(await field("integrations", "crm_token")), 2);
    const reader = { headers: { authorization: `Bearer ${await load.signIn()}` } };
    const { customers } = (await (await fetch(`${api}/customers`, reader)).json()) as { customers: { card: string }[] };
    assert.deepEqual(
      customers.map(({ card }) => card),
      customers.map((_, index) => `card ${index + 1}`),
    );
  });

  it("lets Vault's database engine set the passwords, where it is declared", async () => {
    const { roles, url } = await prepareVaultDatabase(world.sandbox);
    const settings = [...roles.map((role, index) => `vaultDatabaseRoles[${index}]=${role}`), `databaseUrl=${url}`];
    const plain = settings.flatMap((each) => ["--plaintext", `intelliflow:${each}`]);
    const { env } = world.sandbox;
    const set = await pulumi(["config", "set-all", "--path", ...plain, "--non-interactive"], { env });
    assert.equal(set.code, 0, set.stderr);
    await good(world.now, { args: ["--target", `**::intelliflow/${databaseUrl}/**`] });
    assert.equal(await login(), "intelliflow_vault_a");
    const { data } = await world.sandbox.vault.call<{ data: Record<string, string> }>(
      "GET",
      "database/static-creds/intelliflow-a",
    );
    assert.equal(await field("database", "password"), data["password"]);
    assert.deepEqual((await world.inventory("intelliflow")).get(databaseUrl)?.consumers, ["api 2/2", "web 2/2"]);
  });

  for (const stack of ["production", "staging"])
    it(`previews its stack ${stack} with the pack, as it is in the repository`, async () => {
      const { env } = world.sandbox;
      const shown = await previewShipped(world, `${stack}-intelliflow`, {
        "vault:address": env["VAULT_ADDR"] ?? "",
        "rotation:kubeContext": env["ROTATION_KUBE_CONTEXT"] ?? "sandbox",
        "intelliflow:apiUrl": api,
        "intelliflow:webUrl": web,
        "intelliflow:openaiProject": env["OPENAI_PROJECT_ID"] ?? "",
      });
      assert.match(shown, new RegExp(`environment *: "${stack}"`));
      assert.equal(/noticeHours *: 24\b/.test(shown), stack === "production");
      assert.equal(/minimumReplicas *: 2\b/.test(shown), stack === "production");
    });

  it("told the security channel of each rotation, and no value to anyone", () => {
    const messages = JSON.stringify(world.sandbox.simulators.slack.messages);
    for (const secret of [databaseUrl, signingKey, dataKey])
      assert.match(messages, new RegExp(`intelliflow/${secret}`));
    assert.ok(seen.size >= 5);
    for (const text of seen) {
      const part = text.includes("\n")
        ? (text.split("\n")[3] ?? "")
        : text.includes("//")
          ? new URL(text).password
          : text;
      for (const place of [messages, ...outputs]) assert.ok(!place.includes(part), "a value is shown");
    }
  });
});
