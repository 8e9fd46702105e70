// GitHub's REST API as the official plugin's default ("legacy") client uses it: one request at a time, a pause after
// each write, waits for rate limits, retries of 5xx (terraform-provider-github `github/config.go`, `transport.go`).
import { setTimeout as sleep } from "node:timers/promises";
import { env, type Configuration } from "../shared/config.ts";

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** An answer with an error status, in the wording of go-github. */
export class GithubError extends Error {
  readonly status: number;
  constructor(method: string, url: string, status: number, message: string) {
    super(`${method} ${url}: ${status} ${message} []`);
    this.status = status;
  }
}

const retryable = [500, 502, 503, 504];
/** When a limit names no time to wait, at least this long, so that nothing spins. */
const leastWaitMs = 1000;

export class GithubClient {
  #config: Configuration | undefined;
  #owner: Promise<string> | undefined;
  /** The request before the next one, with the pause that it asked for. */
  #last: Promise<unknown> = Promise.resolve();
  #pauseMs = 0;

  configure(config: Configuration): void {
    this.#config = config;
    this.#owner = undefined;
  }

  /** The account of all repositories. As in the official plugin, GITHUB_OWNER wins over the setting. */
  async owner(): Promise<string> {
    const given = this.#config?.text("organization") ?? env("GITHUB_ORGANIZATION") ?? env("GITHUB_OWNER");
    const owner = given ?? this.#config?.text("owner");
    if (owner) return owner;
    this.#owner ??= this.call("GET", "user").then(
      ({ body }) => body["login"] as string,
      (error: unknown) => {
        this.#owner = undefined;
        throw new Error(`owner cannot be found by token: ${error instanceof Error ? error.message : String(error)}`);
      },
    );
    return this.#owner;
  }

  /** @throws GithubError when the status is 400 or more */
  async call(method: string, path: string, body?: object): Promise<Answer> {
    const retries = this.#config?.number("maxRetries") ?? 3;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#inTurn(() => this.#limited(method, path, body));
      } catch (error) {
        const passing = !(error instanceof GithubError) || retryable.includes(error.status);
        if (!passing || attempt >= retries) throw error;
        await sleep(this.#config?.number("retryDelayMs") ?? 1000);
      }
    }
  }

  async #inTurn<T>(step: () => Promise<T>): Promise<T> {
    if (this.#config?.boolean("parallelRequests")) return step();
    const turn = this.#last.then(step, step);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** One request, asked again for as long as GitHub says that a limit was reached. */
  async #limited(method: string, path: string, body?: object): Promise<Answer> {
    for (;;) {
      if (this.#pauseMs > 0) await sleep(this.#pauseMs);
      const write = method !== "GET";
      this.#pauseMs = write
        ? (this.#config?.number("writeDelayMs") ?? 1000)
        : (this.#config?.number("readDelayMs") ?? 0);
      const { url, response } = await this.#send(method, path, body);
      const parsed = await json(response);
      if (response.status < 400) return { status: response.status, body: parsed };
      const waitMs = limitWaitMs(response, parsed);
      const message = typeof parsed["message"] === "string" ? parsed["message"] : "";
      if (waitMs === undefined) throw new GithubError(method, url, response.status, message);
      this.#pauseMs = 0;
      await sleep(waitMs);
    }
  }

  async #send(method: string, path: string, body?: object): Promise<{ url: string; response: Response }> {
    const url = apiUrl(this.#config?.text("baseUrl") ?? env("GITHUB_BASE_URL") ?? "https://api.github.com/") + path;
    const token = this.#config?.text("token") ?? env("GITHUB_TOKEN");
    const response = await fetch(url, {
      method,
      headers: {
        accept: "application/vnd.github+json",
        "user-agent": "go-github",
        "x-github-api-version": "2022-11-28",
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body ? { "content-type": "application/json" } : {}),
      },
      body: body ? JSON.stringify(body) : undefined,
    }).catch((error: unknown) => {
      const cause = error instanceof Error ? (error.cause as { code?: string } | undefined) : undefined;
      const reason = cause?.code ?? (error instanceof Error ? error.message : "no answer");
      throw new Error(`${method} "${url}": ${reason}. Is GitHub's API reachable (github:baseUrl, GITHUB_BASE_URL)?`);
    });
    return { url, response };
  }
}

/** The REST root with its trailing slash. Every host but github.com and ghe.com counts as a GitHub Enterprise Server. */
export function apiUrl(base: string): string {
  if (!URL.canParse(base)) throw new Error(`base url must be absolute, got "${base}"`);
  const url = new URL(base);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  if (url.host === "github.com") url.host = "api.github.com";
  else if (/\.ghe\.com$/.test(url.host) && !/^api\.[a-zA-Z0-9-]+\.ghe\.com$/.test(url.host))
    url.host = `api.${url.host}`;
  if (url.host !== "api.github.com" && !url.host.endsWith(".ghe.com")) {
    url.pathname = url.pathname.replace(/api\/v3\/$/, "") + "api/v3/";
    return url.toString();
  }
  if (url.protocol !== "https:") throw new Error("base url for github.com or ghe.com must use the https scheme");
  if (url.pathname !== "/")
    throw new Error(`base url for github.com or ghe.com must not contain a path, got ${url.pathname}`);
  return url.toString();
}

/** How long to wait where the answer tells of a limit; undefined where it tells of something else. */
function limitWaitMs(response: Response, body: Record<string, unknown>): number | undefined {
  if (response.status !== 403 && response.status !== 429) return undefined;
  const resetMs = Number(response.headers.get("x-ratelimit-reset")) * 1000 - Date.now();
  if (response.headers.get("x-ratelimit-remaining") === "0") return Math.max(leastWaitMs, resetMs);
  const documentation = typeof body["documentation_url"] === "string" ? body["documentation_url"] : "";
  if (!/(#abuse-rate-limits|secondary-rate-limits)$/.test(documentation)) return undefined;
  const after = response.headers.get("retry-after");
  return Math.max(leastWaitMs, after === null ? resetMs || 0 : Number(after) * 1000);
}

async function json(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text();
  try {
    return (JSON.parse(text || "{}") ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
