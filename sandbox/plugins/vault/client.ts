// Vault's HTTP API as the official plugin uses it (terraform-provider-vault `internal/provider/meta.go`, vault/api):
// nothing is sent before the first resource needs it, then a short-lived child token takes the place of the given one.
import { setTimeout as sleep } from "node:timers/promises";
import { env, type Configuration } from "../shared/config.ts";

export interface Answer {
  status: number;
  /** The `data` of the body; undefined when there is none. */
  data: Record<string, unknown> | undefined;
  body: Record<string, unknown>;
}

/** An answer with an error status, in the wording of Vault's Go client. */
export class VaultError extends Error {
  readonly status: number;
  readonly errors: string[];
  /** Seconds that Vault asks to wait. */
  readonly retryAfter: number | undefined;
  constructor(method: string, url: string, status: number, errors: string[], retryAfter?: number) {
    const list = errors.map((error) => `* ${error}`).join("\n");
    super(`Error making API request.\n\nURL: ${method} ${url}\nCode: ${status}. Errors:\n\n${list}`);
    this.status = status;
    this.errors = errors;
    this.retryAfter = retryAfter;
  }
}

/** Of one request, as in vault/api. */
const timeoutMs = 60_000;

export class VaultClient {
  #config: Configuration | undefined;
  #token: Promise<string> | undefined;

  configure(config: Configuration): void {
    this.#config = config;
    this.#token = undefined;
  }

  /**
   * One call below `/v1/`, with the provider's token.
   * @throws VaultError when the status is 400 or more; a 404 is returned.
   */
  async call(method: string, path: string, body?: object): Promise<Answer> {
    this.#token ??= this.#login();
    // A failed login is tried again by the next resource.
    const token = await this.#token.catch((error: unknown) => {
      this.#token = undefined;
      throw error;
    });
    return this.#send(token, method, path, body);
  }

  async #login(): Promise<string> {
    const config = this.#config;
    const token = config?.text("token") ?? env("VAULT_TOKEN");
    this.#address();
    if (!token) throw new Error("no vault token set on Client. Set vault:token or VAULT_TOKEN");
    await this.#send(token, "GET", "auth/token/lookup-self").catch((error: unknown) => {
      throw new Error(`failed to lookup token, err=${text(error)}`);
    });
    if (config?.boolean("skipChildToken") ?? env("TERRAFORM_VAULT_SKIP_CHILD_TOKEN") === "true") return token;
    const ttl = `${config?.number("maxLeaseTtlSeconds") || Number(env("TERRAFORM_VAULT_MAX_TTL") ?? 1200)}s`;
    const child = await this.#send(token, "POST", "auth/token/create", {
      display_name: config?.text("tokenName") ?? env("VAULT_TOKEN_NAME") ?? "terraform",
      ttl,
      explicit_max_ttl: ttl,
      renewable: false,
    }).catch((error: unknown) => {
      throw new Error(`failed to create limited child token: ${text(error)}`);
    });
    const auth = child.body["auth"] as { client_token?: string } | undefined;
    if (!auth?.client_token) throw new Error("failed to create limited child token: Vault's answer has none");
    return auth.client_token;
  }

  #address(): string {
    const address = this.#config?.text("address") ?? env("VAULT_ADDR");
    if (!address) throw new Error("failed to configure Vault address. Set vault:address or VAULT_ADDR");
    return address.replace(/\/+$/, "");
  }

  /**
   * Vault's Go client tries 5xx, 412, 429 and network errors again: after what Retry-After says with a 429 or 503, else
   * after a second to a second and a half (vault/api `DefaultRetryPolicy`, `RateLimitLinearJitterBackoff`).
   */
  async #send(token: string, method: string, path: string, body?: object): Promise<Answer> {
    const retries = this.#config?.number("maxRetries") || Number(env("VAULT_MAX_RETRIES") ?? 2);
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#once(token, method, path, body);
      } catch (error) {
        if (attempt >= retries) throw error;
        let wait = 1000 + Math.random() * 500;
        if (error instanceof VaultError) {
          const { status, retryAfter } = error;
          if (status !== 412 && status !== 429 && (status < 500 || status === 501)) throw error;
          if ((status === 429 || status === 503) && retryAfter !== undefined) wait = retryAfter * 1000;
        }
        await sleep(wait);
      }
    }
  }

  async #once(token: string, method: string, path: string, body?: object): Promise<Answer> {
    const address = this.#address();
    const url = `${address}/v1/${path.split("/").map(encodeURIComponent).join("/")}`;
    const namespace = this.#config?.text("namespace") ?? env("VAULT_NAMESPACE");
    const response = await fetch(url, {
      method,
      headers: {
        "x-vault-token": token,
        "x-vault-request": "true",
        ...(namespace ? { "x-vault-namespace": namespace } : {}),
        ...(body ? { "content-type": "application/json" } : {}),
      },
      body: body ? JSON.stringify(body) : undefined,
      redirect: "follow",
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error: unknown) => {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
      const reason = (cause as { code?: string } | undefined)?.code ?? text(error);
      throw new Error(`${method} "${url}": ${reason}. Is Vault running at ${address} (vault:address, VAULT_ADDR)?`);
    });
    const parsed = await json(response);
    if (response.status >= 400 && response.status !== 404)
      throw new VaultError(method, url, response.status, strings(parsed["errors"]), retryAfter(response));
    return { status: response.status, data: parsed["data"] as Answer["data"], body: parsed };
  }
}

async function json(response: Response): Promise<Record<string, unknown>> {
  const body = await response.text();
  try {
    return (JSON.parse(body || "{}") ?? {}) as Record<string, unknown>;
  } catch {
    return { errors: [`the answer is no JSON (${body.length} characters)`] };
  }
}

function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  return Number.isNaN(seconds) ? undefined : seconds;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
