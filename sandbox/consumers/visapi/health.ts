// The API's health endpoints. `/health/liveness` is cheap and looks at nothing else; every other one asks the stores.
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Parts } from "./app.ts";

/** State of one thing the API depends on. */
interface Check {
  status: "ok" | "error";
  latencyMs?: number;
  /** Login in use at the store: a name, never its password. */
  user?: string;
  error?: string;
}

/** What the endpoints look at besides the stores. */
export interface HealthOptions {
  /** Names of the required secrets that are absent. */
  missing: readonly string[];
  /** Whether the health is to be played as bad. */
  unhealthy: () => boolean;
}

async function check(store: { check(): Promise<{ user: string; latencyMs: number }> } | undefined): Promise<Check> {
  if (!store) return { status: "error", error: "its URL is not set" };
  try {
    return { status: "ok", ...(await store.check()) };
  } catch (error) {
    return { status: "error", error: (error as Error).message };
  }
}

/** Adds the health endpoints: 200 when what they look at is good, else 503. */
export function registerHealth(app: FastifyInstance, parts: Parts, options: HealthOptions): void {
  const { config, database, queue } = parts;
  const started = config.startedAt.toISOString();
  const answer = (reply: FastifyReply, good: boolean, body: object): FastifyReply =>
    reply
      .code(good ? 200 : 503)
      .header("cache-control", "no-store")
      .send({ status: good ? "ok" : "error", instance: config.instance, ...body });

  const overall = async (): Promise<{ good: boolean; body: Record<string, unknown> }> => {
    const [databaseCheck, redisCheck] = await Promise.all([check(database), check(queue)]);
    const secrets: Check = options.missing.length
      ? { status: "error", error: `not set: ${options.missing.join(", ")}` }
      : { status: "ok" };
    const checks = { database: databaseCheck, redis: redisCheck, secrets };
    const simulated = options.unhealthy();
    const good = !simulated && Object.values(checks).every((each) => each.status === "ok");
    return { good, body: { checks, ...(simulated ? { error: "simulated" } : {}) } };
  };

  app.get("/health/liveness", async (_request, reply) => answer(reply, true, {}));

  for (const path of ["/api/v1/healthz", "/health"]) {
    app.get(path, async (_request, reply) => {
      const { good, body } = await overall();
      return answer(reply, good, body);
    });
  }
  app.get("/api/v1/healthz/detailed", async (_request, reply) => {
    const { good, body } = await overall();
    const metrics = await queue?.metrics().catch(() => undefined);
    const uptimeSeconds = Math.round(process.uptime());
    return answer(reply, good, { ...body, startedAt: started, uptimeSeconds, pool: database?.pool(), queue: metrics });
  });
  app.get("/api/v1/healthz/database", async (_request, reply) => {
    const result = await check(database);
    return answer(reply, result.status === "ok", result);
  });
  app.get("/api/v1/healthz/database/pool", async (_request, reply) => {
    const result = await check(database);
    const pool = database?.pool();
    return answer(reply, result.status === "ok" && (pool?.waiting ?? 0) === 0, { pool });
  });
  app.get("/api/v1/healthz/redis", async (_request, reply) => {
    const result = await check(queue);
    return answer(reply, result.status === "ok", result);
  });
  app.get("/api/v1/queue/metrics", async (_request, reply) => {
    try {
      if (!queue) throw new Error("REDIS_URL is not set");
      return answer(reply, true, { queue: await queue.metrics() });
    } catch (error) {
      return answer(reply, false, { error: (error as Error).message });
    }
  });
}
