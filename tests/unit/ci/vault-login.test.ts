import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { login } from "../../../ci/vault-login.ts";

/** Vault as far as a login and the reading of entries go. */
async function vaultWith(
  entries: Record<string, { status?: number; data?: Record<string, string> }>,
): Promise<http.Server> {
  const server = http.createServer((request, response) => {
    const path = request.url ?? "";
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (path === "/v1/auth/jwt/login") return answer(200, { auth: { client_token: "hvs.job" } });
    const { status = 404, data } = entries[path.replace("/v1/", "")] ?? {};
    const allowed = request.headers["x-vault-token"] === "hvs.job";
    return allowed ? answer(data ? 200 : status, data ? { data: { data } } : { data: null }) : answer(403, {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

describe("a job's login at Vault", () => {
  let server: http.Server;
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  const start = async (entries: Parameters<typeof vaultWith>[0]) => {
    server = await vaultWith(entries);
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const path = "secret/data/ci/production";
    return (await login({ VAULT_ADDR: address, VAULT_ROLE: "rotation", VAULT_ID_TOKEN: "jwt", VAULT_KV_PATH: path }))
      .secrets;
  };
  const typed = { data: { VERCEL_API_TOKEN: "typed once", RENDER_API_KEY: "rnd_once", ROTATION_FINGERPRINT_KEY: "k" } };

  it("gives a run what was rotated in place of what was typed once", async () => {
    const secrets = await start({
      "secret/data/ci/production": typed,
      "secret/data/visapi/VERCEL_API_TOKEN": { data: { value: "rotated", generation: "2" } },
      "secret/data/visapi/ADMIN_API_KEY": { data: { value: "vapi_new" } },
    });
    assert.deepEqual(secrets, {
      VAULT_TOKEN: "hvs.job",
      ...typed.data,
      VERCEL_API_TOKEN: "rotated",
      VISAPI_ADMIN_API_KEY: "vapi_new",
    });
  });
  it("goes on with what was typed where a role may not read the others, or they are deleted", async () => {
    const secrets = await start({
      "secret/data/ci/production": typed,
      "secret/data/visapi/VERCEL_API_TOKEN": { status: 403 },
      "secret/data/visapi/RENDER_API_KEY": { status: 404 },
    });
    assert.deepEqual(secrets, { VAULT_TOKEN: "hvs.job", ...typed.data });
  });
  it("refuses an entry that would steer the job", async () => {
    await assert.rejects(
      start({ "secret/data/ci/production": { data: { NODE_OPTIONS: "--import x" } } }),
      /NODE_OPTIONS/,
    );
  });
});
