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

/** Asks, and throws unless the answer is good. */
export async function ask(url: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(url, init);
  const body = await response.text();
  if (!response.ok) throw new Error(`${new URL(url).pathname} answered ${response.status}: ${body.slice(0, 200)}`);
  return body;
}

export class StoresLoad {
  readonly requests: Record<string, number> = {};
  readonly failures: string[] = [];
  #running = true;
  readonly #work: Promise<unknown>[] = [];

  constructor(options: LoadOptions) {
    const get = (path: string): Promise<unknown> =>
      ask(options.api + path, { headers: { "x-api-key": options.apiKey } });
    this.repeat("http", 15, () => get("/api/v1/workflows"));
    this.repeat("http", 30, () => get("/api/v1/healthz/redis"));
    this.follow("database", openDatabase, async () => (await options.urls()).database);
    this.follow("redis", openRedis, async () => (await options.urls()).redis);
  }

  get total(): number {
    return Object.values(this.requests).reduce((sum, count) => sum + count, 0);
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#work);
  }

  /** Makes one request after another until the load is stopped. @param pauseMs between two of them */
  repeat(kind: string, pauseMs: number, use: () => Promise<unknown>): void {
    this.#work.push(this.#repeat(kind, pauseMs, use));
  }

  /** As `repeat`, over one connection that takes up a new address within a moment of its being stored. */
  follow(kind: string, open: (url: string) => Promise<Direct>, current: () => Promise<string>): void {
    this.#work.push(this.#follow(kind, open, current));
  }

  async #repeat(kind: string, pauseMs: number, use: () => Promise<unknown>): Promise<void> {
    while (this.#running) {
      this.requests[kind] = (this.requests[kind] ?? 0) + 1;
      await use().catch((error: Error) => this.failures.push(`${kind}: ${error.message}`));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /** Opens with the new one first, then leaves the old one. */
  async #follow(kind: string, open: (url: string) => Promise<Direct>, current: () => Promise<string>): Promise<void> {
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
