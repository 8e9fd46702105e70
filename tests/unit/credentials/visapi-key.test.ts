import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import type { CredentialKind } from "../../../provider/credentials/kind.ts";
import { visapiKey } from "../../../provider/credentials/visapi-key.ts";
import type { ApiKey, ApiKeys } from "../../../sandbox/consumers/visapi/api-key-store.ts";
import { buildApp } from "../../../sandbox/consumers/visapi/app.ts";
import { readConfig } from "../../../sandbox/consumers/visapi/config.ts";
import { family, issueOf, rotate, settingsOf } from "./vendors.ts";

/** "both": any number of keys work. "neither": none does as soon as there are two. "newest": the last one alone. */
type Version = "both" | "neither" | "newest";

/** Keys in memory, in place of the table. */
class Memory implements ApiKeys {
  version: Version = "both";
  rows: (ApiKey & { key: string })[] = [];
  async check(key: string) {
    const row = this.rows.find((known) => known.key === key);
    if (this.version === "neither" && this.rows.length > 1) return undefined;
    return this.version === "newest" && row !== this.rows.at(-1) ? undefined : row;
  }
  async list() {
    return this.rows.map((row) => ({ ...row, key: undefined }));
  }
  async create(name: string, scopes: string[], created_by: string) {
    const [key, at] = [`vapi_${randomBytes(32).toString("hex")}`, new Date()];
    const dates = { expires_at: at, created_at: at, updated_at: at, last_used_at: null };
    const row = { id: randomUUID(), name, prefix: "vapi_", scopes, created_by, ...dates };
    this.rows.push({ ...row, key });
    return { row, key };
  }
  async remove(id: string) {
    const before = this.rows.length;
    this.rows = this.rows.filter((row) => row.id !== id);
    return this.rows.length < before;
  }
  async close() {}
}

describe("credentials: VisAPI keys", () => {
  let app: FastifyInstance;
  let keys: Memory;
  let url: string;
  /** Makes the answers to so many POSTs get lost after their effect. */
  let lost = 0;
  /** The kind in a run that was given this key. */
  const run = (key = "vapi_admin"): CredentialKind => visapiKey(settingsOf({ visapiAdminKey: key }));
  const args = (given: object = {}) => ({ url, quietMinutes: 60, ...given });
  const opens = (key: string) =>
    fetch(`${url}/api/v1/api-keys`, { headers: { "x-api-key": key } }).then(({ status }) => status);

  beforeEach(async () => {
    keys = new Memory();
    lost = 0;
    app = buildApp({ config: readConfig({ ADMIN_API_KEY: "vapi_admin" }), apiKeys: keys });
    app.addHook("onSend", async (request) => {
      if (request.method === "POST" && lost-- > 0) request.raw.socket.destroy();
    });
    url = await app.listen({ host: "127.0.0.1", port: 0 });
  });
  afterEach(() => app.close());

  it("rotates: two keys of one owner work at once, the old one is dead when it is revoked", async () => {
    const first = await rotate(run(), args());
    assert.match(first.value, /^vapi_[0-9a-f]{64}$/);
    assert.match(first.reference, /^[0-9a-f-]{36}#[0-9a-f]{12}$/);
    const second = await rotate(run(first.value), args(), 2, first.value);
    assert.deepEqual([await opens(first.value), await opens(second.value)], [200, 200]);
    await run(second.value).revoke(args(), first.reference);
    await run(second.value).revoke(args(), first.reference);
    assert.deepEqual([await opens(first.value), await opens(second.value)], [401, 200]);
    assert.equal(await run().valid(args(), first.reference), false);
    assert.equal(await run().valid(args(), second.reference), true);
  });

  it("never ends the key that the run works with", async () => {
    const first = await rotate(run(), args());
    const second = await rotate(run(first.value), args(), 2, first.value);
    assert.equal((await run(first.value).users(args(), first.reference))?.count, 1);
    await assert.rejects(run(first.value).revoke(args(), first.reference), /is the one that this run works with/);
    assert.equal(await opens(first.value), 200);
    assert.equal((await run(second.value).users(args(), first.reference))?.count, 0);
  });

  for (const [version, which] of [
    ["neither", "both stop working|the new one does not work"],
    ["newest", "the old one stops working"],
  ] as const)
    it(`takes the new key back where ${version} works beside another, and fails`, async () => {
      const first = await rotate(run(), args());
      keys.version = version;
      const issue = run().issue(issueOf(args(), 2, first.value));
      await assert.rejects(issue, new RegExp(`(${which}).*was taken back\\. Nothing was handed out`));
      assert.deepEqual(
        keys.rows.map(({ name }) => name),
        [`${family}-g1`],
      );
      assert.equal(await opens(first.value), 200, "the old key works again");
    });

  it("takes it back with the new key itself where the run's own has stopped working", async () => {
    const first = await rotate(run(), args());
    keys.version = "newest";
    const issue = run(first.value).issue(issueOf(args(), 2, first.value));
    await assert.rejects(issue, /the old one stops working.*was taken back/);
    assert.equal(await opens(first.value), 200);
  });

  it("says what to do by hand where no key works any more", async () => {
    const first = await rotate(run(), args());
    keys.version = "neither";
    const issue = run(first.value).issue(issueOf(args(), 2, first.value));
    await assert.rejects(issue, /delete from api_keys where id = '[0-9a-f-]{36}'/);
  });

  it("makes one key when the answer is lost, and deletes what a killed run left", async () => {
    lost = 1;
    await rotate(run(), args());
    const again = await rotate(run(), args());
    assert.deepEqual(
      keys.rows.map(({ name, key }) => [name, key]),
      [[`${family}-g1`, again.value]],
    );
  });

  it("does not delete a key that has been in use, though its state is lost", async () => {
    const { value } = await rotate(run(), args());
    for (const row of keys.rows) {
      row.created_at = new Date(Date.now() - 86_400_000);
      row.last_used_at = new Date();
    }
    await assert.rejects(run().issue(issueOf(args())), /unknown to this stack's state and last used/);
    assert.equal(await opens(value), 200);
  });

  it("makes keys with the scopes that were asked for, and proves no dead one", async () => {
    const { value } = await rotate(run(), args({ scopes: ["workflows:read"] }));
    assert.equal(await opens(value), 403, "may not list keys");
    await assert.rejects(run().prove(args(), { value: "vapi_dead", reference: "id#mark" }), /does not accept key id\./);
  });
});
