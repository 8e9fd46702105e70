// The server that sandbox/vault builds is a Vault: what the stack relies on, asked over the plain HTTP API.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildVault } from "../../sandbox/toolchain/builds.ts";
import { reporter } from "../../sandbox/toolchain/progress.ts";

interface Reply {
  status: number;
  body: Record<string, unknown> & {
    data?: Record<string, unknown>;
    errors?: string[];
    auth?: { client_token: string };
  };
}

describe("the sandbox's Vault", function () {
  this.timeout(20 * 60_000); // the first time on a machine it is built from source

  let binary = "";
  let data = "";
  let server: ChildProcess;
  let address = "";
  let key = "";
  let token = "";

  async function start(): Promise<void> {
    server = spawn(binary, ["-listen", "127.0.0.1:0", "-data", data], { stdio: ["ignore", "pipe", "ignore"] });
    const lines = createInterface({ input: server.stdout ?? process.stdin });
    const [line] = (await once(lines, "line", { signal: AbortSignal.timeout(10_000) })) as [string];
    address = line.match(/^vault 1\.\d+\.\d+ listening on (http:\/\/127\.0\.0\.1:\d+)$/)?.[1] ?? assert.fail(line);
  }
  async function stop(): Promise<number | null> {
    if (server.exitCode !== null) return server.exitCode;
    const ended = once(server, "exit", { signal: AbortSignal.timeout(10_000) });
    server.kill("SIGTERM");
    const [code] = (await ended) as [number | null];
    return code;
  }
  async function call(method: string, path: string, body?: unknown, as: string = token): Promise<Reply> {
    const headers = as ? { "X-Vault-Token": as } : undefined;
    const reply = await fetch(`${address}/v1/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await reply.text();
    return { status: reply.status, body: (text ? JSON.parse(text) : {}) as Reply["body"] };
  }
  const succeed = async (...args: Parameters<typeof call>): Promise<Reply["body"]> => {
    const { status, body } = await call(...args);
    assert.ok(status < 300, `${args[0]} ${args[1]}: ${status} ${body.errors?.join("; ")}`);
    return body;
  };

  before(async () => {
    binary = (await buildVault(reporter())).path;
    data = mkdtempSync(join(tmpdir(), "vault-"));
    await start();
  });
  after(async () => {
    await stop();
    rmSync(data, { recursive: true, force: true });
  });

  it("starts uninitialised, and is initialised and unsealed by API", async () => {
    const fresh = await call("GET", "sys/health");
    assert.equal(fresh.status, 501);
    assert.equal(fresh.body["version"], "1.19.5");
    const init = await succeed("PUT", "sys/init", { secret_shares: 1, secret_threshold: 1 });
    key = (init["keys_base64"] as string[])[0] ?? "";
    token = init["root_token"] as string;
    assert.equal((await call("GET", "sys/health")).status, 503, "initialised, sealed");
    assert.equal((await succeed("PUT", "sys/unseal", { key }))["sealed"], false);
    const healthy = await call("GET", "sys/health");
    assert.equal(healthy.status, 200);
    assert.equal(healthy.body["standby"], false);
  });

  it("keeps versions in KV v2, and refuses a write whose check-and-set is stale", async () => {
    await succeed("POST", "sys/mounts/secret", { type: "kv", options: { version: "2" } });
    const put = (value: string, cas: number) =>
      call("POST", "secret/data/visapi/jwt", { data: { value }, options: { cas } });
    assert.equal((await put("one", 0)).body.data?.["version"], 1);
    assert.equal((await put("two", 1)).body.data?.["version"], 2);
    const stale = await put("three", 1);
    assert.equal(stale.status, 400);
    assert.match(stale.body.errors?.join() ?? "", /check-and-set parameter did not match the current version/);
    assert.deepEqual((await succeed("GET", "secret/data/visapi/jwt")).data?.["data"], { value: "two" });
    const old = await succeed("GET", "secret/data/visapi/jwt?version=1");
    assert.deepEqual(old.data?.["data"], { value: "one" });
    await succeed("POST", "secret/metadata/visapi/jwt", {
      custom_metadata: { window: "2026-11-01" },
      cas_required: true,
    });
    const metadata = await succeed("GET", "secret/metadata/visapi/jwt");
    assert.deepEqual(metadata.data?.["custom_metadata"], { window: "2026-11-01" });
    assert.equal(metadata.data?.["current_version"], 2);
    const careless = await call("POST", "secret/data/visapi/jwt", { data: { value: "four" } });
    assert.match(careless.body.errors?.join() ?? "", /check-and-set parameter required/);
    assert.equal((await call("GET", "secret/data/visapi/none")).status, 404);
  });

  it("logs an application in by approle, with its policy and nothing more", async () => {
    await succeed("POST", "sys/auth/approle", { type: "approle" });
    await succeed("PUT", "sys/policies/acl/visapi", {
      policy: 'path "secret/data/visapi/*" { capabilities = ["read"] }',
    });
    await succeed("POST", "auth/approle/role/visapi", { token_policies: "visapi", token_ttl: "10m" });
    const role = (await succeed("GET", "auth/approle/role/visapi/role-id")).data?.["role_id"];
    const issued = (await succeed("POST", "auth/approle/role/visapi/secret-id")).data ?? {};
    const login = (secret: unknown) => call("POST", "auth/approle/login", { role_id: role, secret_id: secret }, "");
    const mine = (await login(issued["secret_id"])).body.auth?.client_token ?? assert.fail("no token");
    assert.equal((await call("GET", "secret/data/visapi/jwt", undefined, mine)).status, 200);
    assert.equal((await call("GET", "secret/data/other", undefined, mine)).status, 403);
    const accessor = { secret_id_accessor: issued["secret_id_accessor"] };
    await succeed("POST", "auth/approle/role/visapi/secret-id-accessor/destroy", accessor);
    assert.equal((await login(issued["secret_id"])).status, 400, "a destroyed secret id lets nobody in");
  });

  it("rotates a transit key, rewraps to it, and forbids the old one", async () => {
    await succeed("POST", "sys/mounts/transit", { type: "transit" });
    await succeed("POST", "transit/keys/data", { type: "aes256-gcm96" });
    const plaintext = Buffer.from("hello").toString("base64");
    const first = (await succeed("POST", "transit/encrypt/data", { plaintext })).data?.["ciphertext"] as string;
    assert.match(first, /^vault:v1:/);
    await succeed("POST", "transit/keys/data/rotate");
    const second = (await succeed("POST", "transit/rewrap/data", { ciphertext: first })).data?.["ciphertext"] as string;
    assert.match(second, /^vault:v2:/);
    await succeed("POST", "transit/keys/data/config", { min_decryption_version: 2 });
    assert.equal(
      (await succeed("POST", "transit/decrypt/data", { ciphertext: second })).data?.["plaintext"],
      plaintext,
    );
    assert.equal((await call("POST", "transit/decrypt/data", { ciphertext: first })).status, 400);
  });

  it("writes every request to its audit file, with values hashed", async () => {
    const file = join(data, "audit.log");
    await succeed("PUT", "sys/audit/file", { type: "file", options: { file_path: file } });
    await succeed("GET", "secret/data/visapi/jwt");
    const log = readFileSync(file, "utf8");
    assert.match(log, /"path":"secret\/data\/visapi\/jwt"/);
    assert.match(log, /"value":"hmac-sha256:/);
    assert.ok(!log.includes('"two"') && !log.includes(token));
  });

  it("mounts only what is built in", async () => {
    const reply = await call("POST", "sys/mounts/pki", { type: "pki" });
    assert.equal(reply.status, 400);
    assert.match(reply.body.errors?.join() ?? "", /plugin not found in the catalog: pki/);
  });

  it("answers 503 to everything once it is sealed, and comes back when it is unsealed", async () => {
    await succeed("PUT", "sys/seal");
    assert.equal((await call("GET", "sys/health")).status, 503);
    const reply = await call("GET", "secret/data/visapi/jwt");
    assert.equal(reply.status, 503);
    assert.deepEqual(reply.body.errors, ["Vault is sealed"]);
    await succeed("PUT", "sys/unseal", { key });
    assert.equal((await call("GET", "secret/data/visapi/jwt")).status, 200);
  });

  it("ends well on SIGTERM and goes on with the same data", async () => {
    assert.equal(await stop(), 0);
    await start();
    assert.equal((await call("GET", "sys/health")).status, 503, "sealed after a restart");
    await succeed("PUT", "sys/unseal", { key });
    assert.deepEqual((await succeed("GET", "secret/data/visapi/jwt")).data?.["data"], { value: "two" });
    const mounts = (await succeed("GET", "sys/mounts")).data ?? {};
    assert.ok("secret/" in mounts && "transit/" in mounts);
  });

  it("loses nothing that it confirmed when it is killed", async () => {
    await succeed("POST", "secret/data/visapi/db", { data: { value: "kept" }, options: { cas: 0 } });
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
    await start();
    await succeed("PUT", "sys/unseal", { key });
    assert.deepEqual((await succeed("GET", "secret/data/visapi/db")).data?.["data"], { value: "kept" });
  });

  it("serves on loopback only", async () => {
    const child = spawn(binary, ["-listen", "0.0.0.0:0", "-data", data], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(child, "close")) as [number];
    assert.equal(code, 1);
    assert.match(said, /-listen "0\.0\.0\.0:0" is not a loopback address/);
  });
});
