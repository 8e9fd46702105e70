// Signing keys and transit keys on the real engine: what verifiers, signers and the database see, run by run.
import assert from "node:assert/strict";
import { createLocalJWKSet, importPKCS8, jwtVerify, SignJWT, type JSONWebKeySet } from "jose";
import { connected, decryptAll, fillTable, makeTransitKey, versionOf } from "../support/transit.ts";
import { touched, World, type Run } from "../support/world.ts";

describe("signing keys and transit keys on the real engine", () => {
  let world: World;
  let url = "";
  let start = "";
  const call = <T>(method: string, path: string, body?: object): Promise<T> =>
    world.sandbox.vault.call<T>(method, path, body);
  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    world.program = "keys";
    url = world.sandbox.postgres.adminUrl();
    await makeTransitKey(call, "intelliflow-data");
    await fillTable(call, url, "cards", "intelliflow-data", 300);
    start = world.now;
  });
  after(async () => world.stop());

  const up = (days: number, more: { args?: string[] } = {}): Promise<Run> => {
    world.now = new Date(Date.parse(start) + days * 86_400_000).toISOString().replace(".000Z", "Z");
    return world.up({ env: { ENCRYPTED_DATABASE_URL: url }, ...more });
  };
  const entry = async (field: string): Promise<string> => (await world.vaultField("intelliflow/jwt", field)) ?? "";
  /** What verifiers read. */
  const jwks = async (): Promise<JSONWebKeySet> =>
    JSON.parse((await world.vaultField("intelliflow/jwt-jwks", "jwks")) ?? "") as JSONWebKeySet;
  /** What a signer issues with what it reads. */
  async function token(): Promise<string> {
    const key = await importPKCS8(await entry("private_key"), "ES256");
    const header = { alg: "ES256", kid: await entry("kid") };
    return new SignJWT({ sub: "ada" }).setProtectedHeader(header).setExpirationTime("1 hour").sign(key);
  }
  async function believed(token: string, keys: JSONWebKeySet): Promise<string | undefined> {
    return jwtVerify(token, createLocalJWKSet(keys)).then(
      ({ payload }) => payload.sub,
      () => undefined,
    );
  }
  const transitKey = async () =>
    (await call<{ data: Record<string, number> }>("GET", "transit/keys/intelliflow-data")).data;
  const nothingPlain = async (run: Run): Promise<void> => {
    const pem = (await entry("private_key")).split("\n")[1] ?? "?";
    // The Node SDK itself tells the engine every reply it gets, values and all, as messages for debugging; nobody is
    // shown them unless `--debug` is given.
    const events = run.events.split("\n").filter((line) => !line.includes('"severity":"debug"'));
    for (const text of [run.output, ...events]) {
      assert.ok(!text.includes(pem), "a private key is shown");
      assert.ok(!text.includes(url), "the connection string is shown");
    }
  };

  it("publishes two keys and signs with one, and takes the transit key over as it is", async () => {
    const run = await up(0);
    assert.equal(run.code, 0, run.output);
    await nothingPlain(run);
    assert.equal((await jwks()).keys.length, 2);
    assert.equal(await entry("version"), "1");
    assert.equal(await believed(await token(), await jwks()), "ada");
    assert.equal((await transitKey())["latest_version"], 1);
    const rows = await world.inventory("intelliflow");
    assert.equal(rows.get("JWT_KEYS")?.generation, 1);
    assert.equal(rows.get("transit-data")?.fingerprint, "v1");
    const confirms = await up(1);
    assert.equal(confirms.code, 0, confirms.output);
    assert.deepEqual(
      confirms.steps.map(({ name }) => name),
      ["intelliflow/JWT_KEYS/keys"],
      "seen to be published",
    );
    assert.deepEqual((await up(1)).steps, [], "nothing is due");
  });

  it("turns to the published key, keeps the old one until its tokens have ended, and shows both in previews", async () => {
    const dueAt = (await world.inventory("intelliflow")).get("JWT_KEYS")?.dueAt ?? "";
    const due = Math.ceil((Date.parse(dueAt) - Date.parse(start)) / 86_400_000);
    const [cached, old] = [await jwks(), await token()];
    world.now = new Date(Date.parse(start) + due * 86_400_000).toISOString().replace(".000Z", "Z");
    const preview = await world.preview({ env: { ENCRYPTED_DATABASE_URL: url } });
    assert.equal(preview.code, 0, preview.output);
    assert.match(preview.output, /begins to sign in place of/);
    const run = await up(due);
    assert.equal(run.code, 0, run.output);
    await nothingPlain(run);
    assert.deepEqual(touched(run), ["JWT_KEYS"]);
    assert.equal(await entry("version"), "2");
    assert.equal(await believed(await token(), cached), "ada", "by a verifier with last week's key set");
    assert.equal(await believed(old, await jwks()), "ada");
    const names = run.steps.map(({ name }) => name);
    assert.ok(names.indexOf("intelliflow/JWT_KEYS/vault-jwks") < names.indexOf("intelliflow/JWT_KEYS/vault"));

    assert.equal((await up(due + 1)).code, 0);
    assert.equal(await believed(old, await jwks()), "ada");
    const ended = await up(due + 2);
    assert.equal(ended.code, 0, ended.output);
    assert.equal(await believed(old, await jwks()), undefined);
    assert.equal((await world.inventory("intelliflow")).get("JWT_KEYS")?.previousUntil, "");
    assert.equal(await believed(await token(), await jwks()), "ada");
  });

  it("ends a compromised key in the run that is asked to", async () => {
    const stolen = await token();
    const forced = { generation: 2, reason: "laptop stolen", by: "ops", at: world.now, revoke: true };
    world.configure({ "secret-rotation:forced": { "intelliflow/JWT_KEYS": forced } });
    const days = (Date.parse(world.now) - Date.parse(start)) / 86_400_000;
    const run = await up(days, { args: ["--target", "**::intelliflow/JWT_KEYS/**"] });
    assert.equal(run.code, 0, run.output);
    assert.equal(await believed(stolen, await jwks()), undefined);
    assert.equal(await believed(await token(), await jwks()), "ada");
  });

  it("rotates the transit key once a year, re-encrypts, and raises the minimum a day later", async () => {
    const dueAt = (await world.inventory("intelliflow")).get("transit-data")?.dueAt ?? "";
    const due = Math.ceil((Date.parse(dueAt) - Date.parse(start)) / 86_400_000);
    const args = ["--target", "**::intelliflow/transit-data/**"];
    const run = await up(due, { args });
    assert.equal(run.code, 0, run.output);
    await nothingPlain(run);
    assert.match(run.output, /cards\.card: re-encrypted 300 rows/);
    const { latest_version, min_decryption_version } = await transitKey();
    assert.deepEqual([latest_version, min_decryption_version], [2, 1]);
    const rows = await connected(
      url,
      async (client) => (await client.query<{ card: string }>("select card from cards order by id")).rows,
    );
    assert.deepEqual([...new Set(rows.map(({ card }) => versionOf(card)))], [2]);
    const texts = await decryptAll(
      call,
      "intelliflow-data",
      rows.map(({ card }) => card),
    );
    assert.deepEqual(
      texts,
      rows.map((_, index) => `card ${index + 1}`),
    );

    world.now = new Date(Date.parse(start) + (due + 1) * 86_400_000).toISOString().replace(".000Z", "Z");
    const preview = await world.preview({ env: { ENCRYPTED_DATABASE_URL: url }, args });
    assert.match(preview.output, /minimum\s*: 0 => 2/);
    assert.equal((await transitKey())["min_decryption_version"], 1);
    const ended = await up(due + 1, { args });
    assert.equal(ended.code, 0, ended.output);
    assert.deepEqual(
      ended.steps.map(({ name }) => name),
      ["intelliflow/transit-data/minimum"],
    );
    assert.equal((await transitKey())["min_decryption_version"], 2);
    assert.deepEqual((await up(due + 1, { args })).steps, []);
  });
});
