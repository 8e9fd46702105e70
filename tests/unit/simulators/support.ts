import http from "node:http";
import type { Launch, Running } from "../../../sandbox/simulators/platform.ts";

/** A consumer as small as it can be: answers with the variables it was started with, after `delayMs`. */
export interface TinyConsumer {
  launch: Launch;
  /** The instances that were started, oldest first. */
  started: { env: Record<string, string>; deployId: string; index: number; running: Running; crash: () => void }[];
}

export function tinyConsumer(options: { delayMs?: number; broken?: (env: Record<string, string>) => boolean } = {}) {
  const started: TinyConsumer["started"] = [];
  const launch: Launch = async (env, { index, deployId }) => {
    const exit = Promise.withResolvers<number>();
    const server = http.createServer((request, response) => {
      if (request.url === "/health/liveness") {
        const status = options.broken?.(env) ? 500 : 200;
        response.writeHead(status).end();
        return;
      }
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        const answer = JSON.stringify({ secret: env.SECRET, deployId, index, body });
        setTimeout(
          () => response.writeHead(200, { "content-type": "application/json" }).end(answer),
          options.delayMs ?? 2,
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const end = (code: number) => {
      server.closeAllConnections();
      server.close();
      exit.resolve(code);
    };
    const running: Running = {
      port: (server.address() as { port: number }).port,
      stop: () =>
        new Promise((resolve) => {
          server.close(() => {
            exit.resolve(0);
            resolve();
          });
        }),
      kill: () => end(137),
      exited: exit.promise,
    };
    started.push({ env, deployId, index, running, crash: () => end(1) });
    return running;
  };
  return { launch, started };
}

export interface Reply {
  status: number;
  headers: Headers;
  /** The body as JSON, or as text where it is none. */
  body: Json;
}
/** JSON of a vendor: tests reach into it without knowing its shape. */
export interface Json {
  [field: string]: Json;
}

/** A leaf of it that should be text. */
export function str(value: Json | undefined): string {
  return value as unknown as string;
}

/** A part of it that should be a list. */
export function list(value: Json | undefined): Json[] {
  return value as unknown as Json[];
}

/** Calls one vendor with one token. */
export function caller(base: string, token?: string) {
  return async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> => {
    const response = await fetch(base + path, {
      method,
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    let json: unknown = text;
    try {
      json = JSON.parse(text);
    } catch {
      // Plain text stays as it is.
    }
    return { status: response.status, headers: response.headers, body: json as Json };
  };
}

/** Polls until `probe` gives something. @throws Error after `timeoutMs` */
export async function until<T>(probe: () => Promise<T | undefined | false>, timeoutMs = 5000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`nothing within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

/** Requests without a pause, from `workers` sides, until `stop`. Every third one has a body. */
export function load(url: string, workers = 6) {
  let running = true;
  const result = { requests: 0, failures: [] as string[], secrets: new Set<string>() };
  const worker = async (side: number) => {
    for (let turn = side; running; turn++) {
      const sent = `body-${turn}`;
      const init = turn % 3 === 0 ? { method: "POST", body: sent } : {};
      try {
        const response = await fetch(url, init);
        const answer = (await response.json()) as { secret: string; body: string };
        if (response.status !== 200) result.failures.push(`status ${response.status}`);
        if (init.method && answer.body !== sent) result.failures.push("another body");
        result.secrets.add(answer.secret);
      } catch (error) {
        result.failures.push(String((error as Error).cause ?? error));
      }
      result.requests++;
    }
  };
  const sides = Array.from({ length: workers }, (_, side) => worker(side));
  return {
    result,
    /** Resolves after so many further requests. */
    more: async (requests: number) => {
      const wanted = result.requests + requests;
      await until(async () => result.requests >= wanted, 10_000);
    },
    stop: async () => {
      running = false;
      await Promise.all(sides);
      return result;
    },
  };
}
