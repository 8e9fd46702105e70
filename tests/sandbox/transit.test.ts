// Rotation of a transit key and re-encryption of what it has encrypted, against the real Vault and PostgreSQL.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { transitMinimum, transitRotation } from "../../provider/resources/transit.ts";
import { reencryption } from "../../provider/resources/reencryption.ts";
import { Settings } from "../../provider/settings.ts";
import type { Properties, Resource } from "../../provider/wire/contract.ts";
import { Secret } from "../../provider/wire/values.ts";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import {
  connected,
  decryptAll,
  encryptAll,
  fillTable,
  makeTransitKey,
  versionOf,
  Writers,
} from "../support/transit.ts";
import { buildTimeoutMs, discard, newDir, toolchain } from "./support.ts";

describe("transit keys", function () {
  this.timeout(180_000);
  let sandbox: Sandbox;
  let dir = "";
  let url = "";
  const said: string[] = [];
  const call = <T>(method: string, path: string, body?: object): Promise<T> =>
    sandbox.vault.call<T>(method, path, body);

  before(async function () {
    this.timeout(buildTimeoutMs);
    dir = newDir();
    sandbox = await Sandbox.start({ dir, toolchain: await toolchain() });
    url = sandbox.postgres.adminUrl();
  });
  after(async () => {
    await sandbox.stop();
    await discard(dir);
  });

  const settingsAt = (now: string, vaultAddress = sandbox.vault.address): Settings => {
    const settings = new Settings();
    settings.configure({ now, vaultAddress, vaultToken: sandbox.vault.rootToken, patienceSeconds: "5" });
    return settings;
  };
  const about = (resource: Resource) => {
    const say = (message: string): void => void said.push(message);
    return {
      urn: `urn:pulumi:t::t::${resource.token}::app/DATA/x`,
      name: "app/DATA/x",
      log: { info: say, warn: say },
      timeout: 0,
    };
  };
  /** Check, diff and the step that they ask for, as the engine does. */
  async function apply(
    resource: Resource,
    given: Properties,
    old?: { inputs: Properties; outputs: Properties },
  ): Promise<{ inputs: Properties; outputs: Properties; changed: string[] }> {
    const at = about(resource);
    const { inputs, failures = [] } = await resource.check!({ ...at, inputs: given, oldInputs: old?.inputs });
    assert.deepEqual(failures, []);
    if (!old)
      return { inputs, outputs: (await resource.create({ ...at, inputs, preview: false })).outputs, changed: ["new"] };
    const step = { ...at, id: "x", inputs, oldInputs: old.inputs, oldOutputs: old.outputs };
    const { changed } = await resource.diff!({ ...step, ignoreChanges: [] });
    if (changed.length === 0) return { ...old, changed };
    return { inputs, outputs: await resource.update!({ ...step, preview: false }), changed };
  }
  const key = async (name: string): Promise<Record<string, number>> =>
    (await call<{ data: Record<string, number> }>("GET", `transit/keys/${name}`)).data;

  it("is rotated once per window, whatever happens to the answer", async () => {
    await makeTransitKey(call, "once");
    const resource = transitRotation(settingsAt("2027-01-01T00:00:00Z"));
    const inputs = { secret: "app/DATA", mount: "transit", key: "once", window: "w1", forced: 1 };
    const made = await apply(resource, inputs);
    assert.equal(made.outputs["latestVersion"], 1, "taken over as it is");
    assert.deepEqual((await apply(resource, inputs, made)).changed, []);
    const second = await apply(resource, { ...inputs, window: "w2" }, made);
    assert.deepEqual([second.outputs["latestVersion"], (await key("once"))["latest_version"]], [2, 2]);
    // A run that rotated and died before its state was written: the next one finds the version.
    const again = await apply(resource, { ...inputs, window: "w2" }, made);
    assert.deepEqual([again.outputs["latestVersion"], (await key("once"))["latest_version"]], [2, 2]);
    assert.match(said.at(-1) ?? "", /has version 2 already.*not rotated twice/);

    // The call arrives, its answer does not.
    let lost = 0;
    const proxy = createServer((request, response) => {
      void (async () => {
        const body = await text(request);
        const answer = await fetch(sandbox.vault.address + request.url, {
          method: request.method ?? "GET",
          headers: { "x-vault-token": sandbox.vault.rootToken },
          ...(body ? { body } : {}),
        });
        const said = await answer.text();
        if (request.url?.endsWith("/rotate")) {
          lost++;
          request.socket.destroy();
        } else response.writeHead(answer.status, { "content-type": "application/json" }).end(said);
      })();
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    try {
      const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      const third = await apply(
        transitRotation(settingsAt("2027-01-01T00:00:00Z", address)),
        { ...inputs, window: "w3" },
        second,
      );
      assert.deepEqual([lost, third.outputs["latestVersion"], (await key("once"))["latest_version"]], [1, 3, 3]);
    } finally {
      proxy.close();
    }
  });

  it("re-encrypts 20,000 rows beside live writers, through three kills, and raises the minimum last", async () => {
    const rows = 20_000;
    await makeTransitKey(call, "data");
    const plain = await fillTable(call, url, "cards", "data", rows);
    await call("POST", "secret/data/app/settings", {
      data: {
        token: (await encryptAll(call, "data", [{ text: "kv plain" }]))[0],
        other: "kept",
        plain: "vault is a word",
      },
    });
    await call("POST", "transit/keys/data/rotate");
    const inputs: Properties = {
      ...{ secret: "app/DATA", mount: "transit", key: "data", version: 2, databaseUrl: url, rowsPerSecond: 12_000 },
      tables: [{ table: "cards", key: "id", column: "card" }],
      kv: [{ mount: "secret", path: "app/settings", fields: ["token", "absent"] }],
    };
    const old = async (): Promise<number> =>
      (await sandbox.postgres.query("select 1 from cards where card like 'vault:v1:%'")).length;
    const writers = new Writers(call, url, "cards", "data", plain);
    const start = () => {
      const child = spawn(process.execPath, [join(import.meta.dirname, "..", "support", "reencrypt-once.ts")], {
        env: { ...process.env, VAULT_ADDR: sandbox.vault.address, VAULT_TOKEN: sandbox.vault.rootToken },
        stdio: ["pipe", "pipe", "inherit"],
      });
      child.stdin.end(JSON.stringify(inputs));
      return child;
    };
    const left = [await old()];
    for (let kill = 0; kill < 3; kill++) {
      const child = start();
      const before = left.at(-1) ?? 0;
      await waitFor(async () => (await old()) < before - 2000, { what: "some rows to be done", timeoutMs: 30_000 });
      child.kill("SIGKILL");
      await once(child, "exit");
      left.push(await old());
    }
    assert.ok((left.at(-1) ?? 0) > 0, `nothing was left to do after the last kill: ${left.join(", ")}`);
    const child = start();
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, "exit") as Promise<[number]>]);
    assert.equal(code, 0, output);
    await writers.stop();
    assert.ok(writers.writes > 100, `only ${writers.writes} writes`);
    assert.match(output, /cards\.card: re-encrypted [\d,]+ rows in \d+ s, [\d,]+ rows\/s/);

    const now = await sandbox.postgres.query<{ id: string; card: string }>("select id, card from cards order by id");
    assert.equal(now.length, plain.size);
    assert.deepEqual([...new Set(now.map(({ card }) => versionOf(card)))], [2]);
    const texts = await decryptAll(
      call,
      "data",
      now.map(({ card }) => card),
    );
    for (const [index, { id }] of now.entries()) assert.equal(texts[index], plain.get(Number(id)), `row ${id}`);
    const { data: entry } = await call<{ data: { data: Record<string, string> } }>("GET", "secret/data/app/settings");
    assert.deepEqual(
      [versionOf(entry.data["token"] ?? ""), entry.data["other"], entry.data["plain"]],
      [2, "kept", "vault is a word"],
    );
    assert.deepEqual(await decryptAll(call, "data", [entry.data["token"] ?? ""]), ["kv plain"]);

    // Only now may the minimum be raised, after the grace period, in a step of its own.
    const minimum = { ...inputs, databaseUrl: new Secret(url), graceHours: 24 };
    const step = (at: string, old?: { inputs: Properties; outputs: Properties }, version = 2) =>
      apply(transitMinimum(settingsAt(at)), { ...minimum, version }, old);
    const fresh = await step("2027-01-01T00:00:00Z", undefined, 1);
    const seen = await step("2027-01-02T00:00:00Z", fresh);
    assert.deepEqual([seen.outputs["minimum"], seen.outputs["retireAt"]], [0, "2027-01-03T00:00:00.000Z"]);
    assert.deepEqual((await step("2027-01-02T23:00:00Z", seen)).changed, [], "within the grace period");
    assert.equal((await key("data"))["min_decryption_version"], 1);
    // A backup is restored in between: what it brings is brought in, not locked out.
    const stray = await call<{ data: { ciphertext: string } }>("POST", "transit/encrypt/data", {
      plaintext: Buffer.from("restored").toString("base64"),
      key_version: 1,
    });
    await sandbox.postgres.query("insert into cards values (5000000000, $1)", [stray.data.ciphertext]);
    const raised = await step("2027-01-03T00:00:00Z", seen);
    assert.deepEqual([raised.changed, raised.outputs["minimum"], raised.outputs["retireAt"]], [["minimum"], 2, ""]);
    assert.equal((await key("data"))["min_decryption_version"], 2);
    const [restored] = await sandbox.postgres.query<{ card: string }>("select card from cards where id = 5000000000");
    assert.deepEqual(await decryptAll(call, "data", [restored?.card ?? ""]), ["restored"]);
    assert.deepEqual((await step("2027-02-01T00:00:00Z", raised)).changed, []);
  });

  it("does all but the rows that Vault cannot decrypt, names those, and leaves the minimum alone", async () => {
    await makeTransitKey(call, "partial");
    const plain = await fillTable(call, url, "partials", "partial", 50);
    await sandbox.postgres.query("update partials set card = 'vault:v1:bm90IGEgY2lwaGVydGV4dA==' where id in (7, 8)");
    await sandbox.postgres.query("update partials set card = 'never encrypted' where id = 9");
    await sandbox.postgres.query("update partials set card = null where id = 10");
    await call("POST", "transit/keys/partial/rotate");
    const inputs: Properties = {
      ...{ secret: "app/DATA", mount: "transit", key: "partial", version: 2, databaseUrl: new Secret(url) },
      tables: [{ table: "public.partials", key: "id", column: "card" }],
    };
    const resource = reencryption(settingsAt("2027-01-01T00:00:00Z"));
    await assert.rejects(
      apply(resource, inputs),
      /public\.partials\.card: Vault cannot re-encrypt 2 rows, and 2 stay .*Keys of the first: 7 \(.+\), 8 \(.+\)\. Mend or remove/,
    );
    const rows = await sandbox.postgres.query<{ id: string; card: string }>(
      "select id, card from partials where card like 'vault:v2:%' order by id",
    );
    assert.equal(rows.length, 46);
    const texts = await decryptAll(
      call,
      "partial",
      rows.map(({ card }) => card),
    );
    assert.deepEqual(
      texts,
      rows.map(({ id }) => plain.get(Number(id))),
    );
    const seen = { inputs: { ...inputs, target: 2, raiseAt: "2027-01-01T00:00:00.000Z", minimum: 0 }, outputs: {} };
    await assert.rejects(
      apply(transitMinimum(settingsAt("2027-01-02T00:00:00Z")), { ...inputs, graceHours: 0 }, seen),
      /Vault cannot re-encrypt 2 rows/,
    );
    assert.equal((await key("partial"))["min_decryption_version"], 1);
    await sandbox.postgres.query("delete from partials where id in (7, 8)");
    assert.equal((await apply(resource, inputs)).outputs["rows"], 0);
  });

  it("re-encrypts under a derived key with each row's context, by a key of another type", async () => {
    await makeTransitKey(call, "derived", { derived: true });
    const people = Array.from({ length: 30 }, (_, index) => ({
      text: `secret of ${index}`,
      context: `tenant ${index % 3}`,
    }));
    const ciphertexts = await encryptAll(call, "derived", people);
    await connected(url, async (client) => {
      await client.query(
        'create table "People" (ref uuid primary key default gen_random_uuid(), "Nr" int, tenant text, secret varchar(200))',
      );
      for (const [index, { context }] of people.entries())
        await client.query('insert into "People" ("Nr", tenant, secret) values ($1, $2, $3)', [
          index,
          Buffer.from(context).toString("base64"),
          ciphertexts[index],
        ]);
    });
    await call("POST", "transit/keys/derived/rotate");
    const inputs: Properties = {
      ...{ secret: "app/DATA", mount: "transit", key: "derived", version: 2, databaseUrl: url, batchSize: 7 },
      tables: [{ table: "People", key: "ref", column: "secret", context: "tenant" }],
    };
    const { outputs } = await apply(reencryption(settingsAt("2027-01-01T00:00:00Z")), inputs);
    assert.equal(outputs["rows"], 30);
    const rows = await sandbox.postgres.query<{ secret: string }>('select secret from "People" order by "Nr"');
    assert.ok(rows.every(({ secret }) => versionOf(secret) === 2));
    const texts = await decryptAll(
      call,
      "derived",
      rows.map(({ secret }) => secret),
      people.map(({ context }) => context),
    );
    assert.deepEqual(
      texts,
      people.map(({ text }) => text),
    );
  });

  it("says what is wrong with a declaration", async () => {
    const resource = reencryption(settingsAt("2027-01-01T00:00:00Z"));
    const base = { secret: "app/DATA", mount: "transit", key: "data", version: 2, databaseUrl: url };
    await sandbox.postgres.query("create table bag (id int, secret text, number int unique)");
    const cases: [Properties, RegExp][] = [
      [{ table: "nowhere", key: "id", column: "secret" }, /There is no table nowhere/],
      [{ table: "bag", key: "id", column: "secret" }, /bag\.id has no unique index/],
      [{ table: "bag", key: "number", column: "secrets" }, /no column "secrets"; it has id, secret, number/],
      [{ table: "bag", key: "number", column: "id" }, /bag\.id is of type integer/],
    ];
    for (const [table, expected] of cases)
      await assert.rejects(apply(resource, { ...base, tables: [table] }), expected);
    await assert.rejects(
      apply(resource, {
        ...base,
        databaseUrl: "postgresql://nobody:hunter22@127.0.0.1:1/x",
        tables: [{ table: "bag", key: "number", column: "secret" }],
      }),
      (error: Error) => /cannot be used \(ECONNREFUSED\)/.test(error.message) && !error.message.includes("hunter22"),
    );
  });
});
