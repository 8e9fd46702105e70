// The front end before an API: what it passes on, and what it proves.
import assert from "node:assert/strict";
import type { FastifyInstance } from "fastify";
import { buildApp } from "../../../sandbox/consumers/frontend/app.ts";
import { proofOf } from "../../../sandbox/consumers/proof.ts";
import { buildApp as buildApi } from "../../../sandbox/consumers/visapi/app.ts";
import { readConfig } from "../../../sandbox/consumers/visapi/config.ts";

describe("front end", () => {
  let api: FastifyInstance;
  let url = "";
  before(async () => {
    const env = { JWT_SECRET: "j", SESSION_SECRET: "s", CRON_SECRET: "new", CRON_SECRET_PREVIOUS: "old" };
    api = buildApi({ config: readConfig(env) });
    url = await api.listen({ host: "127.0.0.1", port: 0 });
  });
  after(() => api.close());

  const start = (env: Record<string, string>): FastifyInstance =>
    buildApp({ env, instance: "dpl_1", startedAt: new Date() });

  it("calls the API's cron with its secret and passes the answer through", async () => {
    const status = async (secret: string): Promise<number> =>
      (await start({ API_URL: url, CRON_SECRET: secret }).inject("/api/cron")).statusCode;
    assert.equal(await status("new"), 200);
    assert.equal(await status("old"), 200);
    assert.equal(await status("other"), 401);
    assert.equal(await status(""), 503);
  });

  it("says 502 when the API does not answer", async () => {
    const app = start({ API_URL: "http://127.0.0.1:1", CRON_SECRET: "new" });
    assert.equal((await app.inject("/api/cron")).statusCode, 502);
  });

  it("passes a sign-in and its cookie through", async () => {
    const app = start({ API_URL: url });
    const response = await app.inject({ method: "POST", url: "/api/auth/signin", payload: { email: "a@b.c" } });
    assert.equal(response.statusCode, 200);
    assert.match(String(response.headers["set-cookie"]), /^visapi_session=/);
  });

  it("proves its cron secret", async () => {
    const challenge = "ab".repeat(32);
    const app = start({ CRON_SECRET: "new", API_URL: url });
    const response = await app.inject(`/health/secrets/CRON_SECRET?challenge=${challenge}`);
    assert.equal(response.json<{ proof: string }>().proof, proofOf("CRON_SECRET", "new", challenge));
    assert.equal((await app.inject(`/health/secrets/API_URL?challenge=${challenge}`)).statusCode, 404);
    assert.equal((await app.inject("/health")).statusCode, 200);
  });
});
