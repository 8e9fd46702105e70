// The API's routes without its stores: what a caller sees under current, previous and foreign values.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { buildApp } from "../../../sandbox/consumers/visapi/app.ts";
import { readConfig } from "../../../sandbox/consumers/visapi/config.ts";
import type { Database } from "../../../sandbox/consumers/visapi/database.ts";
import type { Queue } from "../../../sandbox/consumers/visapi/queue.ts";

const challenge = "0123456789abcdef".repeat(2);
const first = {
  JWT_SECRET: "jwt-1",
  SESSION_SECRET: "session-1",
  CRON_SECRET: "cron-1",
  ADMIN_API_KEY: "vapi_admin",
  DATABASE_URL: "postgresql://a:b@127.0.0.1:1/visapi",
  REDIS_URL: "redis://127.0.0.1:1",
  RENDER_INSTANCE_ID: "srv-1",
};
const rotated = {
  ...first,
  JWT_SECRET: "jwt-2",
  JWT_SECRET_PREVIOUS: "jwt-1",
  SESSION_SECRET: "session-2",
  SESSION_SECRET_PREVIOUS: "session-1",
  CRON_SECRET: "cron-2",
  CRON_SECRET_PREVIOUS: "cron-1",
};
const revoked = { ...rotated, JWT_SECRET_PREVIOUS: "", SESSION_SECRET_PREVIOUS: "", CRON_SECRET_PREVIOUS: "" };

const good = async (): Promise<{ user: string; latencyMs: number }> => ({ user: "app", latencyMs: 1 });
const database: Database = {
  check: good,
  workflows: async (limit) => [{ id: 1, name: "one", enabled: true }].slice(0, limit),
  pool: () => ({ max: 5, total: 1, idle: 1, waiting: 0 }),
  close: async () => undefined,
};
const queue: Queue = {
  check: good,
  metrics: async () => ({ waiting: 0, active: 0, completed: 2, failed: 0 }),
  add: async () => undefined,
  finished: async () => true,
  close: async () => undefined,
};

describe("VisAPI", () => {
  const opened: FastifyInstance[] = [];
  const start = (env: Record<string, string>, stores: object = { database, queue }): FastifyInstance => {
    const app = buildApp({ config: readConfig(env), ...stores });
    opened.push(app);
    return app;
  };
  afterEach(() => Promise.all(opened.splice(0).map((app) => app.close())));

  const signIn = async (app: FastifyInstance): Promise<{ token: string; cookie: string }> => {
    const response = await app.inject({
      method: "POST",
      url: "/api/auth/signin",
      payload: { email: "ada@visanet.app" },
    });
    assert.equal(response.statusCode, 200);
    const cookie = String(response.headers["set-cookie"]).split(";")[0] ?? "";
    return { token: response.json<{ token: string }>().token, cookie };
  };
  const me = async (app: FastifyInstance, headers: Record<string, string>): Promise<[number, string]> => {
    const response = await app.inject({ url: "/api/v1/me", headers });
    return [response.statusCode, response.json<{ secret?: string }>().secret ?? ""];
  };

  it("keeps people signed in through a rotation until the previous value is revoked", async () => {
    const { token, cookie } = await signIn(start(first));
    for (const headers of [{ authorization: `Bearer ${token}` }, { cookie }] as Record<string, string>[]) {
      assert.deepEqual(await me(start(first), headers), [200, "current"]);
      assert.deepEqual(await me(start(rotated), headers), [200, "previous"]);
      assert.deepEqual(await me(start(revoked), headers), [401, ""]);
    }
    assert.deepEqual(await me(start(first), {}), [401, ""]);
  });

  it("lets instances before and after a deployment accept what the newer one signs only when they know its value", async () => {
    const { token } = await signIn(start(rotated));
    assert.deepEqual(await me(start(rotated), { authorization: `Bearer ${token}` }), [200, "current"]);
    assert.deepEqual(await me(start(first), { authorization: `Bearer ${token}` }), [401, ""]);
  });

  it("runs cron with the current and the previous secret", async () => {
    const run = async (env: Record<string, string>, secret: string): Promise<number> => {
      const headers = { authorization: `Bearer ${secret}` };
      return (await start(env).inject({ method: "POST", url: "/api/v1/cron/run", headers })).statusCode;
    };
    assert.equal(await run(rotated, "cron-2"), 200);
    assert.equal(await run(rotated, "cron-1"), 200);
    assert.equal(await run(revoked, "cron-1"), 401);
    assert.equal(await run({ ...first, CRON_SECRET: "" }, ""), 401);
  });

  it("proves which value it holds without showing it", async () => {
    const response = await start(rotated).inject(`/api/v1/healthz/secrets/JWT_SECRET?challenge=${challenge}`);
    const { startedAt, ...rest } = response.json<Record<string, unknown>>();
    const proof = createHmac("sha256", "jwt-2").update(`rotation-proof:v1:JWT_SECRET:${challenge}`).digest("hex");
    assert.deepEqual(rest, { name: "JWT_SECRET", instance: "srv-1", proof, previous: true });
    assert.ok(!Number.isNaN(Date.parse(String(startedAt))));
    assert.ok(!response.body.includes("jwt-2"));
  });

  it("says that no previous value is accepted once it is emptied", async () => {
    const response = await start(revoked).inject(`/api/v1/healthz/secrets/JWT_SECRET?challenge=${challenge}`);
    assert.equal(response.json<{ previous: boolean }>().previous, false);
  });

  it("proves nothing about other variables, absent secrets or bad challenges", async () => {
    const status = async (name: string, text: string): Promise<number> =>
      (await start(first).inject(`/api/v1/healthz/secrets/${name}?challenge=${text}`)).statusCode;
    assert.equal(await status("ADMIN_API_KEY", challenge), 404);
    assert.equal(await status("PATH", challenge), 404);
    assert.equal(await status("__proto__", challenge), 404);
    assert.equal(await status("RESEND_API_KEY", challenge), 404);
    assert.equal(await status("JWT_SECRET", challenge.slice(1)), 400);
    assert.equal(await status("JWT_SECRET", challenge.repeat(5)), 400);
    assert.equal(await status("JWT_SECRET", "z".repeat(32)), 400);
  });

  it("is healthy only with its stores and its secrets", async () => {
    const health = async (app: FastifyInstance): Promise<number> => (await app.inject("/api/v1/healthz")).statusCode;
    const down = { check: () => Promise.reject(new Error("connection refused")) };
    assert.equal(await health(start(first)), 200);
    assert.equal(await health(start({ ...first, CRON_SECRET: "" })), 503);
    assert.equal(await health(start(first, { database: { ...database, ...down }, queue })), 503);
    assert.equal(await health(start(first, { database, queue: { ...queue, ...down } })), 503);
    assert.equal(await health(start({ ...first, SIMULATE_UNHEALTHY: "1" })), 503);
    assert.equal(await health(start({ ...first, SIMULATE_UNHEALTHY_FILE: import.meta.filename })), 503);
    assert.equal(await health(start({ ...first, SIMULATE_UNHEALTHY_FILE: "/nowhere" })), 200);
  });

  it("guards the API-key routes", async () => {
    const app = start(first);
    const list = (key: string) => app.inject({ url: "/api/v1/workflows", headers: { "x-api-key": key } });
    assert.equal((await list("vapi_other")).statusCode, 401);
    assert.equal((await app.inject("/api/v1/workflows")).statusCode, 401);
    const response = await list("vapi_admin");
    assert.deepEqual(response.json(), { workflows: [{ id: 1, name: "one", enabled: true }] });
    assert.equal((await app.inject({ method: "POST", url: "/api/v1/test/all" })).statusCode, 401);
    const all = await app.inject({ method: "POST", url: "/api/v1/test/all", headers: { "x-api-key": "vapi_admin" } });
    assert.equal(all.statusCode, 200);
    const noKey = start({ ...first, ADMIN_API_KEY: "" });
    assert.equal((await noKey.inject({ url: "/api/v1/workflows", headers: { "x-api-key": "" } })).statusCode, 401);
  });
});
