// The API's job queue in Redis: jobs go in at one end, a worker in every instance takes them out at the other.
import { Redis } from "ioredis";

/** Where the queue stands, in jobs. */
export interface QueueMetrics {
  waiting: number;
  active: number;
  completed: number;
  failed: number;
}

/** What the routes need of the queue. */
export interface Queue {
  /** @throws when Redis does not answer */
  check(): Promise<{ user: string; latencyMs: number }>;
  metrics(): Promise<QueueMetrics>;
  /** Adds a job. */
  add(id: string, job: unknown): Promise<void>;
  /** Waits for a worker to finish a job; false when `timeoutMs` pass first. */
  finished(id: string, timeoutMs: number): Promise<boolean>;
  close(): Promise<void>;
}

const keys = { waiting: "visapi:queue:waiting", active: "visapi:queue:active", counts: "visapi:queue:counts" };
const doneKey = (id: string): string => `visapi:queue:done:${id}`;

/** How long the worker blocks for a job before it looks whether it should end, in seconds. */
const blockSeconds = 0.25;

/**
 * Opens two connections, one for the routes and one on which the worker waits, and starts the worker.
 * @param url redis:// or rediss:// connection string
 * @param log takes messages; never a value (errors of the client carry the arguments of AUTH, so only their text is passed)
 */
export function openQueue(url: string, log: (message: string) => void): Queue {
  const options = {
    maxRetriesPerRequest: 1,
    connectTimeout: 3_000,
    commandTimeout: 3_000,
    retryStrategy: (attempt: number) => Math.min(100 * attempt, 2_000),
  };
  const redis = new Redis(url, options);
  const blocking = new Redis(url, { ...options, commandTimeout: 3_000 + blockSeconds * 1_000 });
  let lastLogged = "";
  for (const client of [redis, blocking]) {
    client.on("error", (error: Error) => {
      if (error.message !== lastLogged) log(`redis: ${(lastLogged = error.message)}`);
    });
    client.on("ready", () => (lastLogged = ""));
  }

  let closing = false;
  const worker = work(blocking, () => closing);

  return {
    check: async () => {
      const started = performance.now();
      const user = String(await redis.call("ACL", "WHOAMI").catch(() => redis.ping().then(() => "")));
      return { user, latencyMs: Math.round(performance.now() - started) };
    },
    metrics: async () => {
      const [waiting, active, counts] = await Promise.all([
        redis.llen(keys.waiting),
        redis.llen(keys.active),
        redis.hgetall(keys.counts),
      ]);
      return { waiting, active, completed: Number(counts.completed ?? 0), failed: Number(counts.failed ?? 0) };
    },
    add: async (id, job) => {
      await redis.lpush(keys.waiting, JSON.stringify({ id, job }));
    },
    finished: async (id, timeoutMs) => {
      const deadline = performance.now() + timeoutMs;
      while (!(await redis.exists(doneKey(id)))) {
        if (performance.now() > deadline) return false;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      return true;
    },
    close: async () => {
      closing = true;
      await Promise.race([worker, new Promise((resolve) => setTimeout(resolve, (blockSeconds + 1) * 1_000))]);
      blocking.disconnect();
      redis.disconnect();
    },
  };
}

async function work(redis: Redis, closing: () => boolean): Promise<void> {
  while (!closing()) {
    try {
      const text = await redis.blmove(keys.waiting, keys.active, "RIGHT", "LEFT", blockSeconds);
      if (!text) continue;
      const { id } = JSON.parse(text) as { id: string };
      await redis
        .multi()
        .lrem(keys.active, 1, text)
        .hincrby(keys.counts, "completed", 1)
        .set(doneKey(id), "1", "EX", 60)
        .exec();
    } catch {
      // Logged by the client's error event, and seen in the health endpoints; the queue keeps the job.
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
