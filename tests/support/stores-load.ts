// Whoever depends on VisAPI's stores, all at once: users of the API over HTTP, and a worker that talks to PostgreSQL and
// Redis itself with what Vault says, as a consumer of its own does.
import { Redis } from "ioredis";
import pg from "pg";

interface Direct {
  url: string;
  use(): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface LoadOptions {
  api: string;
  apiKey: string;
  /** What Vault holds now. */
  urls: () => Promise<{ database: string; redis: string }>;
}

/** Opens the connection of a worker; errors of idle ones come up at the next use. */
export async function openDatabase(url: string): Promise<Direct> {
  const client = new pg.Client({ connectionString: url, application_name: "worker", query_timeout: 10_000 });
  client.on("error", () => undefined);
  await client.connect();
  return { url, use: () => client.query("select id from workflows limit 1"), close: () => client.end() };
}

export async function openRedis(url: string): Promise<Direct> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectionName: "worker" });
  redis.on("error", () => undefined);
  await redis.connect();
  return { url, use: () => redis.llen("visapi:queue:waiting"), close: () => redis.quit() };
}

export class StoresLoad {
  readonly requests = { http: 0, database: 0, redis: 0 };
  readonly failures: string[] = [];
  #running = true;
  readonly #done: Promise<unknown>;

  constructor(options: LoadOptions) {
    const get = async (path: string): Promise<void> => {
      const response = await fetch(options.api + path, { headers: { "x-api-key": options.apiKey } });
      const body = await response.text();
      if (!response.ok) throw new Error(`${path} answered ${response.status}: ${body.slice(0, 200)}`);
    };
    this.#done = Promise.all([
      this.#repeat("http", 15, () => get("/api/v1/workflows")),
      this.#repeat("http", 30, () => get("/api/v1/healthz/redis")),
      this.#direct("database", openDatabase, async () => (await options.urls()).database),
      this.#direct("redis", openRedis, async () => (await options.urls()).redis),
    ]);
  }

  get total(): number {
    return this.requests.http + this.requests.database + this.requests.redis;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  async #repeat(kind: keyof StoresLoad["requests"], pauseMs: number, use: () => Promise<unknown>): Promise<void> {
    while (this.#running) {
      this.requests[kind]++;
      await use().catch((error: Error) => this.failures.push(`${kind}: ${error.message}`));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /** Takes up a new connection string within a moment of its being stored: opens with it first, then leaves the old one. */
  async #direct(
    kind: "database" | "redis",
    open: (url: string) => Promise<Direct>,
    current: () => Promise<string>,
  ): Promise<void> {
    let connection = await open(await current());
    let last: Promise<unknown> = Promise.resolve();
    const follow = async (): Promise<void> => {
      while (this.#running) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        try {
          const url = await current();
          if (url === connection.url) continue;
          const old = connection;
          connection = await open(url);
          // What is under way on the old one may end first.
          await last.catch(() => undefined);
          await old.close();
        } catch (error) {
          this.failures.push(`${kind} could not follow: ${(error as Error).message}`);
        }
      }
    };
    await Promise.all([follow(), this.#repeat(kind, 5, () => (last = connection.use()))]);
    await connection.close();
  }
}
