// IntelliFlow's own steps with a fault at every call that they make at Vault and PostgreSQL, kills of the process
// included (the cluster: kubernetes-faults.test.ts). What consumers see is looked at after each run, failed ones too. Each
// call that changes something once, with the fault that its name gives by chance (a rotation of the transit key, which may
// not be repeated, with all of them); with MATRIX=all in the environment every fault at every call.
import assert from "node:assert/strict";
import { createLocalJWKSet, importPKCS8, jwtVerify, SignJWT, type JSONWebKeySet } from "jose";
import pg from "pg";
import { number, text } from "../../provider/resources/inputs.ts";
import { Secret, type Properties } from "../../provider/wire/values.ts";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { OpenAiSimulator } from "../../sandbox/simulators/openai.ts";
import { changes, Flow, tryFlow, type Moment } from "../matrix/flow.ts";
import type { FlowState } from "../matrix/flows.ts";
import { Lone, tell, tryCells } from "../matrix/lone.ts";
import { startProxies, type Proxies } from "../matrix/proxies.ts";
import { Wire } from "../matrix/wire.ts";
import { decryptAll, fillTable, makeTransitKey, encryptAll, versionOf } from "../support/transit.ts";
import { buildTimeoutMs, discard, newDir, toolchain } from "./support.ts";

const all = process.env["MATRIX"] === "all";

describe("faults at every call of IntelliFlow's steps", function () {
  this.timeout(all ? 3_600_000 : 180_000);
  const dir = newDir();
  const wire = new Wire();
  wire.hangMs = 3_000;
  let sandbox: Sandbox;
  let proxies: Proxies;
  const call = <T>(method: string, path: string, body?: object): Promise<T> =>
    sandbox.vault.call<T>(method, path, body);
  const entryAt = async (path: string): Promise<Record<string, string> | undefined> => {
    const answer = await call<{ data: { data: Record<string, string> } }>("GET", `secret/data/${path}`).catch(
      () => undefined,
    );
    return answer?.data.data;
  };
  const outputsOf = (state: FlowState, step: string): Properties => state[step]?.outputs ?? {};

  before(async function () {
    this.timeout(buildTimeoutMs);
    sandbox = await Sandbox.start({ dir, toolchain: await toolchain(), limitScale: 1000 });
    const { VAULT_ADDR = "" } = sandbox.env;
    proxies = await startProxies(wire, { VAULT_ADDR, MATRIX_DATABASE_URL: sandbox.postgres.adminUrl() });
  });
  after(async () => {
    await proxies?.stop();
    await sandbox?.stop();
    await discard(dir);
  });

  const settingsOf = (env: Record<string, string>): Record<string, string> => ({
    fingerprintKey: "f".repeat(64),
    patienceSeconds: "4",
    vaultAddress: env["VAULT_ADDR"] ?? "",
    vaultToken: sandbox.vault.rootToken,
  });

  it("signing keys", async () => {
    const tokenSeconds = 600;
    const seconds = ({ now }: Moment): number => Math.floor(now.getTime() / 1000);
    const issued: { token: string; until: number }[] = [];
    let [subject, version, former] = ["", 0, undefined as JSONWebKeySet | undefined];
    const accepted = async (token: string, document: JSONWebKeySet, about: Moment): Promise<boolean> =>
      jwtVerify(token, createLocalJWKSet(document), { currentDate: about.now }).then(
        () => true,
        () => false,
      );
    const flow = new Flow(wire, {
      flow: "signing keys",
      settings: settingsOf(proxies.env),
      args: { cacheSeconds: 300, tokenSeconds, skewSeconds: 0, handoverSeconds: 0 },
      phases: ["first run", "rotation", "revocation"],
      done: (phase, state) => {
        const { window, slots } = outputsOf(state, "KeySet") as Properties & {
          slots: { next: { publishedAt: string }; retired: unknown[] };
        };
        if (phase !== "revocation") return window === state["KeySet"]?.inputs["window"];
        return slots.next.publishedAt !== "" && slots.retired.length === 0;
      },
      always: async (_phase, about) => {
        if (about.subject !== subject) {
          [subject, version, former] = [about.subject, 0, undefined];
          issued.length = 0;
        }
        const [entry, jwks] = await Promise.all([entryAt(`matrix/${subject}`), entryAt(`matrix/${subject}/jwks`)]);
        if (!entry) return;
        // Whoever signs is known to verifiers, also to those that fetched the key set as long ago as they may.
        const { private_key = "", kid = "" } = entry;
        const document = JSON.parse(jwks?.["jwks"] ?? "{}") as JSONWebKeySet;
        const until = seconds(about) + tokenSeconds;
        const token = await new SignJWT({})
          .setProtectedHeader({ alg: "ES256", kid })
          .setExpirationTime(until)
          .sign(await importPKCS8(private_key, "ES256"));
        issued.push({ token, until });
        if (former) assert.ok(await accepted(token, former, about), "a new token, by a verifier with a cache");
        for (const each of issued.filter((known) => known.until > seconds(about)))
          assert.ok(await accepted(each.token, document, about), "a token within its life");
        former = document;
      },
      atEnd: async (phase, { state }) => {
        const [entry, keys] = [await entryAt(`matrix/${subject}`), outputsOf(state, "KeySet")];
        const [now, published] = [number(keys, "version", 0), await entryAt(`matrix/${subject}/jwks`)];
        if (phase !== "revocation") assert.equal(now, version + 1, "one version more");
        version = now;
        assert.deepEqual([entry?.["version"], entry?.["kid"]], [String(now), text(keys, "kid")]);
        assert.equal(entry?.["private_key"], text(keys, "privateKey"));
        assert.equal(published?.["jwks"], text(keys, "jwks"));
        const { keys: kept } = JSON.parse(text(keys, "jwks")) as JSONWebKeySet;
        assert.equal(kept.length, phase === "rotation" ? 3 : 2, `keys are published after ${phase}`);
      },
    });
    console.log(`      ${await tryFlow(flow, changes)}`);
  });

  it("a vendor's key as a pair in Vault", async () => {
    const sim = await new OpenAiSimulator({ adminKey: "sk-admin-1", project: "proj_test", limitScale: 1000 }).start();
    const path = "matrix/pair/0000000001";
    const accepts = async (key: string): Promise<boolean> =>
      (await fetch(`${sim.url}/v1/models`, { headers: { authorization: `Bearer ${key}`, connection: "close" } })).ok;
    await call("POST", `secret/data/${path}`, { data: { organization: "org-1" } });
    let generation = 0;
    const flow = new Flow(wire, {
      flow: "pair of keys",
      settings: { ...settingsOf(proxies.env), openaiUrl: `${sim.url}/v1`, openaiAdminKey: "sk-admin-1" },
      args: { project: "proj_test", quietMinutes: 0 },
      phases: ["rotation", "revocation"],
      // The vendor's clock ticks in seconds.
      quietMs: 1100,
      done: (phase, state) => phase !== "revocation" || outputsOf(state, "KeyPairEnd")["ended"] === true,
      always: async (phase) => {
        const entry = await entryAt(path);
        assert.equal(entry?.["organization"], "org-1", "what others wrote is kept");
        if (phase !== "first run" || entry["primary_key"])
          assert.ok(await accepts(entry["primary_key"] ?? ""), "the primary key is accepted");
      },
      atEnd: async (phase, { state }) => {
        const [entry, made] = [await entryAt(path), outputsOf(state, "Credential")];
        if (phase !== "revocation") generation++;
        assert.equal(number(made, "generation", 0), generation, "one generation more");
        assert.deepEqual([entry?.["primary_key"], Number(entry?.["generation"])], [text(made, "current"), generation]);
        const second = phase === "rotation";
        assert.equal(entry?.["secondary_key"], second ? text(made, "previous") : undefined);
        if (second) assert.ok(await accepts(text(made, "previous")), "the key before is accepted");
        assert.equal(sim.accounts.length, second ? 2 : 1, "none is left over at the vendor");
      },
    });
    try {
      console.log(`      ${await tryFlow(flow, changes)}`);
    } finally {
      await sim.stop();
    }
  });

  it("the transit key, what it has encrypted, and its minimum", async () => {
    await makeTransitKey(call, "matrix-data");
    const plain = await fillTable(call, sandbox.postgres.adminUrl(), "matrix_cards", "matrix-data", 30);
    const [token] = await encryptAll(call, "matrix-data", [{ text: "kv plain" }]);
    await call("POST", "secret/data/matrix/integrations", { data: { token, other: "kept" } });
    const key = async (): Promise<Record<string, number>> =>
      (await call<{ data: Record<string, number> }>("GET", "transit/keys/matrix-data")).data;
    const ciphertexts = async (): Promise<string[]> => {
      const rows = await sandbox.postgres.query<{ card: string }>("select card from matrix_cards order by id");
      return [...rows.map(({ card }) => card), (await entryAt("matrix/integrations"))?.["token"] ?? ""];
    };
    let latest = 1;
    const flow = new Flow(wire, {
      flow: "transit key",
      settings: settingsOf(proxies.env),
      args: {
        ...{ key: "matrix-data", databaseUrl: new Secret(proxies.env["MATRIX_DATABASE_URL"] ?? ""), batchSize: 10 },
        tables: [{ table: "matrix_cards", key: "id", column: "card" }],
        kv: [{ mount: "secret", path: "matrix/integrations", fields: ["token"] }],
      },
      phases: ["rotation", "revocation"],
      done: (phase, state) =>
        phase !== "revocation" ||
        outputsOf(state, "Minimum")["minimum"] === outputsOf(state, "Rotation")["latestVersion"],
      always: async () =>
        assert.deepEqual(await decryptAll(call, "matrix-data", await ciphertexts()), [...plain.values(), "kv plain"]),
      atEnd: async (phase) => {
        const { latest_version, min_decryption_version } = await key();
        if (phase === "rotation") latest++;
        assert.equal(latest_version, latest, phase === "rotation" ? "rotated once" : "not rotated");
        assert.deepEqual([...new Set((await ciphertexts()).map(versionOf))], [latest]);
        assert.equal(min_decryption_version, phase === "rotation" ? Math.max(1, latest - 1) : latest);
        assert.equal((await entryAt("matrix/integrations"))?.["other"], "kept");
      },
    });
    console.log(`      ${await tryFlow(flow, changes, ({ name }) => name.endsWith("/rotate"))}`);
  });

  it("logins whose passwords Vault's database engine sets", async () => {
    const { postgres } = sandbox;
    const admin = new URL(postgres.adminUrl());
    await call("POST", "sys/mounts/database", { type: "database" });
    await call("POST", "database/config/matrix", {
      ...{ plugin_name: "postgresql-database-plugin", allowed_roles: "*" },
      connection_url: `postgresql://{{username}}:{{password}}@${admin.host}${admin.pathname}?sslmode=disable`,
      ...{ username: decodeURIComponent(admin.username), password: decodeURIComponent(admin.password) },
    });
    for (const slot of ["a", "b"]) {
      await postgres.query(`create role matrix_vault_${slot} login in role app_owner`);
      await postgres.query(`alter role matrix_vault_${slot} set role = 'app_owner'`);
      const role = { db_name: "matrix", username: `matrix_vault_${slot}`, rotation_period: "87600h" };
      await call("POST", `database/static-roles/matrix-${slot}`, role);
    }
    const argsOf = (env: Record<string, string>): Properties => {
      const url = new URL(env["MATRIX_DATABASE_URL"] ?? "");
      const consumerUrl = `postgresql://${url.host}${url.pathname}`;
      return { roles: ["matrix-a", "matrix-b"], consumerUrl, owner: "app_owner", checks: ["select 1"] };
    };
    const direct = { VAULT_ADDR: sandbox.env["VAULT_ADDR"] ?? "", MATRIX_DATABASE_URL: postgres.adminUrl() };
    const issued = new Set<string>();
    const lone: Lone = new Lone(wire, {
      kind: "vault-static-role",
      args: argsOf(proxies.env),
      settings: settingsOf(proxies.env),
      direct: { args: argsOf(direct), settings: settingsOf(direct) },
      live: async () => {
        const { current, previous } = lone.state.credential?.outputs ?? {};
        for (const value of [current, previous]) if (value instanceof Secret) issued.add(value.reveal() as string);
        // One after the other: all at once they would be more than PostgreSQL takes.
        let open = 0;
        for (const url of issued) if (await opens(url)) open++;
        return open;
      },
    });
    console.log(`      ${tell(await tryCells(lone, all ? [] : ["time-out"]))}`);
  });
});

/** Whether PostgreSQL takes this login. @throws what else stands in the way */
async function opens(url: string): Promise<boolean> {
  if (!url) return false;
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "28P01") return false;
    throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}
