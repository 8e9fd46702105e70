// The VisAPI API as a Fastify application: health, sign-in, cron, workflows and the proof of its secrets.
import { existsSync } from "node:fs";
import Fastify from "fastify";
import type { FastifyInstance } from "fastify";
import { registerProof } from "../proof.ts";
import { serverOptions } from "../serve.ts";
import type { ApiKeys } from "./api-key-store.ts";
import { apiKeyGuard, registerApiKeys } from "./api-keys.ts";
import { missingSecrets, provableSecrets } from "./config.ts";
import type { Config } from "./config.ts";
import type { Database } from "./database.ts";
import { registerHealth } from "./health.ts";
import { registerTests } from "./integrations.ts";
import type { Queue } from "./queue.ts";
import * as tokens from "./tokens.ts";

/** What the application works with; a store is absent when its URL is. */
export interface Parts {
  config: Config;
  database?: Database | undefined;
  queue?: Queue | undefined;
  apiKeys?: ApiKeys | undefined;
  /** Whether to log to standard output. @default false */
  logger?: boolean;
}

/** Builds the application; it opens nothing, and on closing closes its stores. */
export function buildApp(parts: Parts): FastifyInstance {
  const { config, database } = parts;
  const app = Fastify(serverOptions(parts.logger ?? false));

  const guard = apiKeyGuard(config, parts.apiKeys);

  registerHealth(app, parts, {
    missing: missingSecrets(config),
    unhealthy: () =>
      config.simulateUnhealthy || (config.simulateUnhealthyFile ? existsSync(config.simulateUnhealthyFile) : false),
  });
  registerTests(app, parts, guard());
  registerApiKeys(app, parts.apiKeys, guard);
  registerProof(app, {
    path: "/api/v1/healthz/secrets",
    names: provableSecrets,
    env: config.env,
    instance: config.instance,
    startedAt: config.startedAt,
  });

  app.post<{ Body: { email: string } }>(
    "/api/auth/signin",
    {
      schema: {
        body: { type: "object", required: ["email"], properties: { email: { type: "string", minLength: 3 } } },
      },
    },
    async (request, reply) => {
      if (!config.jwt.current || !config.session.current) {
        return reply.code(503).send({ error: "sign-in needs JWT_SECRET and SESSION_SECRET" });
      }
      const { email } = request.body;
      const token = await tokens.issueToken(email, config.jwt);
      const cookie = tokens.sessionCookie(tokens.issueSession(email, config.session));
      return reply
        .headers({ "set-cookie": cookie, "cache-control": "no-store" })
        .send({ token, tokenType: "Bearer", expiresIn: tokens.tokenLifetime });
    },
  );

  app.get("/api/v1/me", async (request, reply) => {
    const token = tokens.bearer(request.headers.authorization);
    const cookie = tokens.readCookie(request.headers.cookie, tokens.cookieName);
    const byToken = token ? await tokens.verifyToken(token, config.jwt) : undefined;
    const identity = byToken ?? (cookie ? tokens.verifySession(cookie, config.session) : undefined);
    if (!identity) return reply.code(401).send({ error: "sign in first" });
    return { email: identity.email, by: byToken ? "token" : "session", secret: identity.slot };
  });

  app.post("/api/v1/cron/run", async (request, reply) => {
    const slot = tokens.matchSecret(tokens.bearer(request.headers.authorization) ?? "", config.cron);
    if (!slot) return reply.code(401).send({ error: "Authorization must be Bearer with the cron secret" });
    return { status: "ok", ranAt: new Date().toISOString(), secret: slot };
  });

  app.get<{ Querystring: { limit?: number } }>(
    "/api/v1/workflows",
    {
      preHandler: guard(),
      schema: { querystring: { type: "object", properties: { limit: { type: "integer", minimum: 1, maximum: 100 } } } },
    },
    async (request, reply) => {
      if (!database) return reply.code(503).send({ error: "DATABASE_URL is not set" });
      return { workflows: await database.workflows(request.query.limit ?? 20) };
    },
  );

  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    // Only the text: errors of the stores' clients can carry the arguments of a login.
    if (status >= 500) app.log.error(`request failed: ${error.message}`);
    return reply.code(status).send({ error: status < 500 ? error.message : "internal error" });
  });

  app.addHook("onClose", async () => {
    await Promise.all([database?.close(), parts.queue?.close(), parts.apiKeys?.close()]);
  });
  return app;
}
