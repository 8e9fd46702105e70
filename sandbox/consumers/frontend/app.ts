// The front end, as on Vercel: its own health, the scheduled call of the API, sign-in passed through, and the proof of its secrets.
import Fastify from "fastify";
import type { FastifyInstance, FastifyReply } from "fastify";
import { registerProof } from "../proof.ts";
import type { Environment } from "../proof.ts";
import { serverOptions } from "../serve.ts";

/** Secrets that the front end can prove the use of. */
export const provableSecrets = [
  "CRON_SECRET",
  "SUPABASE_SERVICE_ROLE_KEY",
  "SUPABASE_SERVICE_KEY",
  "SUPABASE_ANON_KEY",
  "NEXT_PUBLIC_SUPABASE_ANON_KEY",
];

/** How long the API gets to answer, in milliseconds. */
const apiTimeoutMs = 10_000;

/** Who the front end is and what it was given: `API_URL` (base URL of the API, no slash at its end), `CRON_SECRET`, ... */
export interface FrontendOptions {
  env: Environment;
  instance: string;
  startedAt: Date;
  /** Whether to log to standard output. @default false */
  logger?: boolean;
}

/** Builds the application; it opens nothing. */
export function buildApp(options: FrontendOptions): FastifyInstance {
  const { env, instance, startedAt } = options;
  const app = Fastify(serverOptions(options.logger ?? false));

  const callApi = async (reply: FastifyReply, path: string, init: RequestInit): Promise<FastifyReply> => {
    if (!env.API_URL) return reply.code(503).send({ error: "API_URL is not set" });
    try {
      const response = await fetch(env.API_URL + path, {
        method: "POST",
        signal: AbortSignal.timeout(apiTimeoutMs),
        ...init,
      });
      const cookies = response.headers.getSetCookie();
      if (cookies.length) reply.header("set-cookie", cookies);
      return await reply
        .code(response.status)
        .type(response.headers.get("content-type") ?? "text/plain")
        .send(await response.text());
    } catch {
      return reply.code(502).send({ error: "the API does not answer" });
    }
  };

  app.get("/health", async (_request, reply) =>
    reply.header("cache-control", "no-store").send({
      status: "ok",
      instance,
      startedAt: startedAt.toISOString(),
      uptimeSeconds: Math.round(process.uptime()),
    }),
  );
  app.get("/api/cron", async (_request, reply) => {
    if (!env.CRON_SECRET) return reply.code(503).send({ error: "CRON_SECRET is not set" });
    return callApi(reply, "/api/v1/cron/run", { headers: { authorization: `Bearer ${env.CRON_SECRET}` } });
  });
  app.post("/api/auth/signin", async (request, reply) =>
    callApi(reply, "/api/auth/signin", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request.body ?? {}),
    }),
  );
  registerProof(app, { path: "/health/secrets", names: provableSecrets, env, instance, startedAt });
  return app;
}
