import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { calculateJwkThumbprint, createLocalJWKSet, createRemoteJWKSet, importPKCS8, jwtVerify, SignJWT } from "jose";
import type { JSONWebKeySet } from "jose";
import { keySet } from "../../../provider/resources/key-set.ts";
import { Settings } from "../../../provider/settings.ts";
import type { Properties } from "../../../provider/wire/contract.ts";
import { reveal, Secret, unknown } from "../../../provider/wire/values.ts";

const urn = "urn:pulumi:t::t::rotation:index:KeySet::app/JWT/keys";
const declared: Properties = {
  secret: "app/JWT",
  window: "w1",
  forced: 1,
  algorithm: "ES256",
  cacheSeconds: 3600,
  tokenSeconds: 3600,
  skewSeconds: 300,
  handoverSeconds: 600,
  entry: { mount: "secret", path: "app/jwt" },
  published: [{ mount: "secret", path: "app/jwt-jwks" }],
};

/** The resource through several runs, with what the engine and the destinations do around it. */
class Engine {
  now = "2027-01-01T03:00:00Z";
  inputs: Properties | undefined;
  outputs: Properties = {};
  readonly said: string[] = [];
  readonly vault = new Map<string, Record<string, unknown>>();
  /** Every version of the entry that signers read, oldest first. */
  readonly versions: [entry: string, data: Record<string, unknown>][] = [];

  #parts() {
    const settings = new Settings();
    settings.configure({ now: this.now, fingerprintKey: "k" });
    const read = async (mount: string, path: string, version = 0) => {
      const kept = this.versions.filter(([entry]) => entry === `${mount}/${path}`);
      if (version) return kept[version - 1] && { data: kept[version - 1]![1], version };
      const data = this.vault.get(`${mount}/${path}`);
      return data && { data, version: kept.length };
    };
    const said = (message: string): void => void this.said.push(message);
    const call = { urn, name: "app/JWT/keys", log: { info: said, warn: said }, timeout: 0 };
    return { resource: keySet(settings, () => ({ read })), call };
  }

  /** One run. @returns what changed */
  async run(given: Properties = {}, { deliver = true, preview = false } = {}): Promise<string[]> {
    const { resource, call } = this.#parts();
    const { inputs, failures } = await resource.check!({
      ...call,
      inputs: { ...declared, ...this.inputs, ...given },
      oldInputs: this.inputs,
    });
    assert.deepEqual(failures, []);
    const [oldInputs, oldOutputs] = [this.inputs, this.outputs];
    if (!oldInputs) {
      const { outputs } = await resource.create({ ...call, inputs, preview });
      if (preview) return Object.keys(outputs);
      [this.inputs, this.outputs] = [inputs, outputs];
      if (deliver) this.deliver();
      return [];
    }
    const at = { ...call, id: "app/JWT", inputs, oldInputs, oldOutputs };
    const { changed } = await resource.diff!({ ...at, ignoreChanges: [] });
    if (preview) {
      if (changed.length) await resource.update!({ ...at, preview: true });
      return changed;
    }
    if (changed.length) this.outputs = await resource.update!({ ...at, preview: false });
    if (changed.length) this.inputs = inputs;
    if (deliver) this.deliver();
    return changed;
  }

  deliver(): void {
    const { kid, jwks, version } = this.outputs;
    const [private_key, public_key] = [this.privateKey, this.outputs["publicKey"]];
    this.vault.set("secret/app/jwt-jwks", { jwks });
    const entry = { version: `${version as number}`, private_key, public_key, kid, jwks };
    this.vault.set("secret/app/jwt", entry);
    this.versions.push(["secret/app/jwt", entry]);
  }

  get privateKey(): string {
    return reveal(this.outputs["privateKey"]) as string;
  }
  get jwks(): JSONWebKeySet {
    return JSON.parse(this.outputs["jwks"] as string) as JSONWebKeySet;
  }
  async token(): Promise<string> {
    const alg = this.jwks.keys.find(({ kid }) => kid === this.outputs["kid"])?.alg ?? "";
    const key = await importPKCS8(this.privateKey, alg);
    return new SignJWT({ sub: "ada" })
      .setProtectedHeader({ alg, kid: this.outputs["kid"] as string })
      .setExpirationTime("1 hour")
      .sign(key);
  }
}

/** Whom a client with this key set believes. */
async function believed(token: string, keys: JSONWebKeySet): Promise<string | undefined> {
  try {
    return (await jwtVerify(token, createLocalJWKSet(keys))).payload.sub;
  } catch {
    return undefined;
  }
}

describe("the key set resource", () => {
  it("makes RSA-4096 by default, named by thumbprint, with a next key that nobody signs with yet", async function () {
    this.timeout(60_000);
    const engine = new Engine();
    await engine.run({ algorithm: null });
    const { keys } = engine.jwks;
    assert.deepEqual(
      keys.map(({ alg, use }) => `${alg} ${use}`),
      ["RS256 sig", "RS256 sig"],
    );
    for (const { kid, alg, use, ...members } of keys) {
      assert.equal(kid, await calculateJwkThumbprint(members));
      assert.ok(alg && use);
      assert.deepEqual(Object.keys(members).sort(), ["e", "kty", "n"], "public members only");
      assert.equal(Buffer.from(members.n as string, "base64url").length, 512);
    }
    assert.equal(engine.outputs["kid"], keys[1]?.kid);
    assert.match(engine.privateKey, /^-----BEGIN PRIVATE KEY-----/);
    assert.match(engine.outputs["publicKey"] as string, /^-----BEGIN PUBLIC KEY-----/);
    assert.equal(await believed(await engine.token(), engine.jwks), "ada");
  });

  it("confirms and ends nothing while the clock runs behind, so that no token is refused once it is right", async () => {
    const engine = new Engine();
    const window = (at: string): Properties => ({ window: at });
    await engine.run(window(engine.now));
    engine.now = "2027-01-01T04:00:00Z";
    await engine.run(window("2027-01-01T03:00:00Z"));
    engine.now = "2027-01-08T03:00:00Z";
    await engine.run(window(engine.now));
    const [token, kid] = [await engine.token(), engine.outputs["kid"]];
    engine.now = "2026-01-08T03:00:00Z";
    await engine.run(window("2027-01-08T03:00:00Z"));
    assert.match(engine.said.at(-1) ?? "", /the clock shows 2026-01-08T03:00:00\.000Z, before what/);
    engine.now = "2027-01-08T03:10:00Z";
    await engine.run(window("2027-01-08T03:00:00Z"));
    assert.equal(engine.jwks.keys.length, 3, "next, current, and the one before");
    engine.now = "2027-01-08T03:20:00Z";
    await engine.run(window("2027-01-08T03:20:00Z"));
    assert.match(engine.said.at(-1) ?? "", /is due, but its next key was published 2027-01-08T03:10/);
    assert.equal(engine.outputs["kid"], kid);
    assert.equal(await believed(token, engine.jwks), "ada");
  });

  it("keeps private keys secret, and shows nothing of them", async () => {
    const engine = new Engine();
    await engine.run();
    assert.ok(engine.outputs["privateKey"] instanceof Secret && engine.outputs["nextKey"] instanceof Secret);
    const plain = JSON.stringify(engine.outputs);
    assert.doesNotMatch(plain, /PRIVATE/);
    assert.ok(!plain.includes('"d"'), "no private member of a JWK");
  });

  it("turns to the key that was published, publishes another, and drops the old one in a later run", async () => {
    const engine = new Engine();
    await engine.run();
    const [first, old] = [engine.jwks, await engine.token()];
    engine.now = "2027-01-02T03:00:00Z";
    assert.deepEqual(await engine.run(), ["slots"], "the next key is seen where verifiers look");
    assert.deepEqual(await engine.run(), [], "and then there is nothing to do");

    engine.now = "2027-01-08T03:00:00Z";
    assert.deepEqual(await engine.run({ window: "w2" }, { preview: true }), ["window"]);
    assert.match(engine.said.at(-1) ?? "", /begins to sign in place of/);
    await engine.run({ window: "w2" });
    assert.equal(engine.outputs["kid"], first.keys[0]?.kid, "the one that was next");
    assert.equal(engine.outputs["version"], 2);
    assert.equal(engine.jwks.keys.length, 3);
    const young = await engine.token();
    assert.equal(await believed(young, first), "ada", "by a client that fetched the key set a week ago");
    assert.equal(await believed(old, engine.jwks), "ada");
    assert.equal(
      engine.outputs["retireAt"],
      "2027-01-08T04:15:00.000Z",
      "600 s to take it up, 3600 s of life, 300 s of skew",
    );

    engine.now = "2027-01-09T03:00:00Z";
    await engine.run();
    assert.equal(await believed(old, engine.jwks), "ada", "counted from when the new key was seen in use");
    engine.now = "2027-01-10T03:00:00Z";
    assert.deepEqual(await engine.run({}, { preview: true }), ["slots"]);
    assert.match(engine.said.at(-1) ?? "", new RegExp(`${first.keys[1]?.kid} is published no longer`));
    await engine.run();
    assert.equal(await believed(old, engine.jwks), undefined);
    assert.deepEqual([engine.outputs["holds"], engine.outputs["retireAt"]], [false, ""]);
    assert.equal(await believed(young, engine.jwks), "ada");
  });

  it("waits, and stays due, while the next key is not published", async () => {
    const engine = new Engine();
    await engine.run({}, { deliver: false });
    const { kid } = engine.outputs;
    engine.now = "2027-01-08T03:00:00Z";
    await engine.run({ window: "w2" });
    assert.equal(engine.outputs["kid"], kid);
    assert.match(engine.said.at(-1) ?? "", /app\/JWT is due, but its next key was not seen yet where verifiers look/);
    engine.now = "2027-01-08T04:00:00Z";
    await engine.run({ window: "w2" });
    assert.match(engine.said.at(-1) ?? "", /there may be verifiers that do not know it/);
    engine.now = "2027-01-09T03:00:00Z";
    await engine.run({ window: "w2" });
    assert.notEqual(engine.outputs["kid"], kid);
    assert.deepEqual([engine.outputs["window"], engine.outputs["version"]], ["w2", 2]);
  });

  it("ends a compromised key at once, on request", async () => {
    const engine = new Engine();
    await engine.run();
    const stolen = await engine.token();
    const before = engine.jwks;
    await engine.run({ forced: 2, revoke: true });
    assert.equal(await believed(stolen, engine.jwks), undefined);
    assert.equal(engine.outputs["kid"], before.keys[0]?.kid, "the next one, which nobody was ever given");
    assert.equal(await believed(await engine.token(), engine.jwks), "ada");
    assert.deepEqual(
      await engine.run({ forced: 2, revoke: true }, { preview: true }),
      ["slots"],
      "asked once, ended once",
    );
  });

  it("goes back to the key before while that is published, once, and not to any other", async () => {
    const engine = new Engine();
    await engine.run();
    const [first, old] = [engine.privateKey, await engine.token()];
    engine.now = "2027-01-02T03:00:00Z";
    await engine.run();
    engine.now = "2027-01-08T03:00:00Z";
    await engine.run({ window: "w2" });
    engine.now = "2027-01-08T05:00:00Z";
    await engine.run();
    const left = await engine.token();
    assert.notEqual(engine.privateKey, first);
    const back = { generation: 1, at: engine.now };
    await assert.rejects(
      engine.run({ restore: { ...back, generation: 5 } }),
      /only the key before the current one, 1,/,
    );
    assert.deepEqual(await engine.run({ restore: back }, { preview: true }), ["restore"]);
    await engine.run({ restore: back });
    assert.equal(engine.privateKey, first);
    assert.equal(engine.outputs["version"], 3);
    for (const token of [old, left, await engine.token()]) assert.equal(await believed(token, engine.jwks), "ada");
    await engine.run({ restore: back });
    assert.equal(engine.privateKey, first, "asked once, done once");
    for (const hours of [6, 12]) {
      engine.now = new Date(Date.parse("2027-01-08T06:00:00Z") + hours * 3_600_000).toISOString();
      await engine.run({ restore: back });
    }
    assert.equal(await believed(left, engine.jwks), undefined, "what it took the place of has ended");
    const late = { generation: 2, at: engine.now };
    await assert.rejects(
      engine.run({ restore: late }),
      /cannot go back to generation 2: its key is published no longer/,
    );
  });

  it("takes over a key that was made by hand, with its version, and no token is lost", async () => {
    const engine = new Engine();
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const private_key = privateKey.export({ type: "pkcs1", format: "pem" }) as string;
    engine.vault.set("secret/app/jwt", { version: "41", private_key, public_key: "..." });
    await engine.run();
    assert.equal(engine.outputs["version"], 41);
    assert.deepEqual(
      engine.jwks.keys.map(({ alg }) => alg),
      ["ES256", "RS256"],
      "the next one is of the declared kind",
    );
    const token = await new SignJWT({ sub: "ada" })
      .setProtectedHeader({ alg: "RS256", kid: engine.outputs["kid"] as string })
      .sign(privateKey);
    assert.equal(await believed(token, engine.jwks), "ada");

    const broken = new Engine();
    broken.vault.set("secret/app/jwt", { private_key: "not a key" });
    await assert.rejects(broken.run(), /secret\/app\/jwt has a private_key that cannot be taken over/);
  });

  it("previews before there is anything, and refuses terms that make no sense", async () => {
    const engine = new Engine();
    assert.ok((await engine.run({ window: unknown }, { preview: true })).includes("privateKey"));
    const resource = keySet(new Settings());
    const log = { info: () => undefined, warn: () => undefined };
    const inputs = { ...declared, algorithm: "HS256", rsaBits: 1024, tokenSeconds: -1 };
    const { failures = [] } = await resource.check!({ urn, name: "x", log, inputs, oldInputs: undefined });
    assert.deepEqual(
      failures.map(({ property }) => property),
      ["algorithm", "rsaBits", "tokenSeconds"],
    );
  });

  describe("behind a URL", () => {
    let server: Server;
    let document = "";
    let url = "";
    before(async () => {
      server = createServer((_, response) => response.setHeader("content-type", "application/json").end(document));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`;
    });
    after(() => server.close());

    it("is verified by a client that fetches it and caches it, across a rotation", async () => {
      const engine = new Engine();
      await engine.run({ algorithm: "EdDSA", jwksUrls: [url] });
      document = engine.outputs["jwks"] as string;
      const client = createRemoteJWKSet(new URL(url), { cooldownDuration: 3_600_000, cacheMaxAge: 3_600_000 });
      assert.equal((await jwtVerify(await engine.token(), client)).payload.sub, "ada");
      document = "{}"; // The application serves something else for a while.
      engine.now = "2027-01-02T03:00:00Z";
      await engine.run();
      assert.match(engine.said.at(-1) ?? "", /is not published yet: http.* does not list it/);
      document = engine.outputs["jwks"] as string;
      await engine.run();
      engine.now = "2027-01-08T03:00:00Z";
      await engine.run({ window: "w2" });
      assert.equal(engine.outputs["version"], 2);
      assert.equal((await jwtVerify(await engine.token(), client)).payload.sub, "ada", "from its cache");
    });
  });
});
