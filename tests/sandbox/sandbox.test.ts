// The whole sandbox: what runs in it is real, it ends without a trace, and it comes back as it was.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import pg from "pg";
import { Sandbox, SandboxBusy } from "../../sandbox/sandbox.ts";
import { proofOf } from "../../sandbox/consumers/proof.ts";
import { leftovers } from "../../sandbox/servers/process.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { allGone, buildTimeoutMs, discard, newDir, toolchain } from "./support.ts";

const challenge = "5a".repeat(32);

/** What a server on a port answers first. */
function ask(port: number, question: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(question));
    socket.once("error", reject);
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString());
    });
  });
}

describe("sandbox", function () {
  this.timeout(60_000);
  const dir = newDir();
  let sandbox: Sandbox;
  let startedMs = 0;

  before(async function () {
    this.timeout(buildTimeoutMs);
    const programs = await toolchain();
    const began = performance.now();
    sandbox = await Sandbox.start({ dir, toolchain: programs });
    startedMs = performance.now() - began;
  });
  after(async () => {
    await sandbox?.stop();
    await discard(dir);
  });

  const get = async (url: string, headers: Record<string, string> = {}): Promise<[number, Record<string, unknown>]> => {
    const response = await fetch(url, { headers });
    return [response.status, (await response.json()) as Record<string, unknown>];
  };
  const env = (name: string): string => sandbox.env[name] ?? assert.fail(`${name} is not in the environment`);

  it("is up within ten seconds", () => {
    assert.ok(startedMs < 10_000, `${Math.round(startedMs)} ms`);
  });

  it("serves the API from two healthy instances", async () => {
    const [status, body] = await get(`${env("VISAPI_API_URL")}/api/v1/healthz`);
    assert.deepEqual([status, body.status], [200, "ok"]);
    const seen = new Set<unknown>();
    await waitFor(
      async () => {
        seen.add((await get(`${env("VISAPI_API_URL")}/health/liveness`))[1].instance);
        return seen.size === 2;
      },
      { what: "both instances to answer", everyMs: 1 },
    );
  });

  it("reaches PostgreSQL and Redis under the application's own logins", async () => {
    const [, database] = await get(`${env("VISAPI_API_URL")}/api/v1/healthz/database`);
    const [, redis] = await get(`${env("VISAPI_API_URL")}/api/v1/healthz/redis`);
    assert.deepEqual([database.user, redis.user], ["visapi_app", "visapi_app"]);
    const headers = { "x-api-key": sandbox.secrets.adminApiKey };
    const [status, body] = await get(`${env("VISAPI_API_URL")}/api/v1/workflows?limit=2`, headers);
    assert.deepEqual([status, (body.workflows as unknown[]).length], [200, 2]);
  });

  it("refuses wrong and absent passwords", async () => {
    const url = new URL(sandbox.postgres.applicationUrl);
    url.password = "wrong";
    await assert.rejects(new pg.Client({ connectionString: url.href }).connect(), { code: "28P01" });
    assert.match(await ask(sandbox.redis.port, "PING\r\n"), /^-NOAUTH/);
    assert.match(await ask(sandbox.redis.port, "AUTH visapi_app wrong\r\n"), /^-WRONGPASS/);
  });

  it("processes a job of the queue", async () => {
    const headers = { "x-api-key": sandbox.secrets.adminApiKey };
    const response = await fetch(`${env("VISAPI_API_URL")}/api/v1/test/queue`, { method: "POST", headers });
    assert.equal(response.status, 200, await response.text());
  });

  it("gives the front end and the API the same cron secret", async () => {
    assert.equal((await get(`${env("VISAPI_APP_URL")}/api/cron`))[0], 200);
    const path = `secrets/CRON_SECRET?challenge=${challenge}`;
    const [, api] = await get(`${env("VISAPI_API_URL")}/api/v1/healthz/${path}`);
    const [, app] = await get(`${env("VISAPI_APP_URL")}/health/${path}`);
    const proof = proofOf("CRON_SECRET", sandbox.secrets.cronSecret, challenge);
    assert.deepEqual([api.proof, app.proof], [proof, proof]);
  });

  it("has a Vault that can be sealed and unsealed", async () => {
    await sandbox.vault.call("POST", "secret/data/test", { data: { word: "kept" } });
    await sandbox.vault.seal();
    await assert.rejects(sandbox.vault.call("GET", "secret/data/test"), /Vault answered 503/);
    await sandbox.vault.unseal();
    const read = await sandbox.vault.call<{ data: { data: { word: string } } }>("GET", "secret/data/test");
    assert.equal(read.data.data.word, "kept");
  });

  it("keeps its secrets in files that only their owner reads, and out of process arguments", () => {
    for (const file of ["secrets.json", "vault-keys.json", "env.sh", "redis/users.acl", "vendors/render.json"]) {
      assert.equal(statSync(join(dir, file)).mode & 0o077, 0, file);
    }
    const values = Object.entries(sandbox.secrets).filter(([name]) => !/Id$/.test(name));
    for (const pid of sandbox.supervisor.pids) {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      for (const [name, value] of values) assert.ok(!line.includes(value), `${name} in the arguments of ${pid}`);
    }
  });

  it("lets nobody else have its folder", async () => {
    await assert.rejects(Sandbox.start({ dir, toolchain: await toolchain() }), (error: Error) => {
      assert.ok(error instanceof SandboxBusy);
      assert.match(error.message, /already running\. Stop it with: npm run stop/);
      return true;
    });
  });

  it("leaves no process behind when stopped, and comes back with its ports and its data", async () => {
    const before = { ...sandbox.env };
    const pids = leftovers(dir);
    assert.ok(pids.length >= 7, `guard, three servers and three instances: ${pids.length}`);
    await sandbox.postgres.query("insert into workflows values (99, 'kept', true)");
    await sandbox.stop();
    await allGone(pids, 1_000);

    sandbox = await Sandbox.start({ dir, toolchain: await toolchain() });
    // Each start logs in to Vault anew.
    assert.deepEqual({ ...sandbox.env, VAULT_TOKEN: "" }, { ...before, VAULT_TOKEN: "" });
    const rows = await sandbox.postgres.query<{ name: string }>("select name from workflows where id = 99");
    assert.deepEqual(rows, [{ name: "kept" }]);
    const read = await sandbox.vault.call<{ data: { data: { word: string } } }>("GET", "secret/data/test");
    assert.equal(read.data.data.word, "kept");
    assert.equal((await get(`${env("VISAPI_API_URL")}/api/v1/healthz`))[0], 200);
  });

  it("says what failed to start, and leaves nothing behind", async () => {
    const other = newDir();
    const broken = { ...(await toolchain()), vault: "/bin/false" };
    await assert.rejects(Sandbox.start({ dir: other, toolchain: broken }), /vault did not start: it ended with code 1/);
    assert.deepEqual(leftovers(other), []);
    await discard(other);
  });
});
