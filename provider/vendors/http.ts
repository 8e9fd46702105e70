// One way to call every vendor: time limits, retries that honour rate-limit headers, and errors that name the
// call and the mend but never a value (bodies are neither logged nor quoted).
import pRetry, { AbortError } from "p-retry";
import { setTimeout as sleep } from "node:timers/promises";

export interface Vendor {
  /** As people call it: `Render`. */
  name: string;
  baseUrl: string;
  /** Sent with every request; holds the token. */
  headers: Record<string, string>;
  /** The environment variable or config key that holds the token, for errors. */
  tokenName: string;
  /** Seconds after which a call is given up for good; @default 180 */
  patienceSeconds?: number;
  /** Sends the requests. @default the built-in `fetch` */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

export interface Call {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** What the call does, for errors: `set JWT_SECRET on service srv-...`. */
  purpose: string;
  /**
   * Whether the call may be sent again after a lost reply or a 5xx. @default true for all but POST.
   * A 429 says that nothing happened, so it is always sent again.
   */
  repeatable?: boolean;
  /** Statuses to hand back instead of throwing. */
  accept?: number[];
}

export interface Reply {
  status: number;
  body: unknown;
  /** The vendor's clock, in whole seconds, when the answer was sent; our own where it sends none. */
  date: Date;
}

export class VendorError extends Error {
  readonly status: number | undefined;
  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

/** Calls per vendor and host in this process that must wait until a limit is over. */
const notBefore = new Map<string, number>();

export async function request(vendor: Vendor, call: Call): Promise<Reply> {
  const patience = (vendor.patienceSeconds ?? 180) * 1000;
  const started = Date.now();
  const repeatable = call.repeatable ?? call.method !== "POST";
  return pRetry(() => attempt(vendor, call, repeatable, started + patience), {
    retries: 8,
    minTimeout: 200,
    maxTimeout: 10_000,
    randomize: true,
    maxRetryTime: patience,
  });
}

async function attempt(vendor: Vendor, call: Call, repeatable: boolean, deadline: number): Promise<Reply> {
  const wait = (notBefore.get(vendor.baseUrl) ?? 0) - Date.now();
  if (wait > 0) await sleep(Math.min(wait, deadline - Date.now()));
  const give = (error: VendorError, again: boolean): Error =>
    again && Date.now() < deadline ? error : new AbortError(error);
  let response: Response;
  let text: string;
  try {
    response = await (vendor.fetch ?? fetch)(vendor.baseUrl + call.path, {
      method: call.method,
      headers: {
        accept: "application/json",
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...vendor.headers,
        ...call.headers,
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      signal: AbortSignal.timeout(Math.max(1000, Math.min(30_000, deadline - Date.now()))),
      redirect: "error",
    });
    text = await response.text();
  } catch (error) {
    const unsent = codeOf(error) === "ECONNREFUSED";
    throw give(
      new VendorError(
        `${vendor.name} at ${vendor.baseUrl} gave no answer (${codeOf(error)}) to: ${call.purpose}. Check that it runs and can be reached from here, then run again.`,
      ),
      repeatable || unsent,
    );
  }
  const date = new Date(response.headers.get("date") ?? Date.now());
  remember(vendor, response, date);
  if (response.ok || call.accept?.includes(response.status)) {
    const body = parse(text);
    if (body === undefined)
      throw give(new VendorError(`${vendor.name} sent half an answer to: ${call.purpose}.`), repeatable);
    return { status: response.status, body, date };
  }
  const again = response.status === 429 || (repeatable && (response.status >= 500 || response.status === 408));
  throw give(new VendorError(explain(vendor, call, response.status, parse(text)), response.status), again);
}

/** Waits as long as the vendor says: `Retry-After` on 429, and the reset of a bucket that is empty. */
function remember(vendor: Vendor, response: Response, date: Date): void {
  const header = (name: string): number => Number(response.headers.get(name) ?? NaN);
  const reset = [header("ratelimit-reset"), header("x-ratelimit-reset")].find((value) => !Number.isNaN(value));
  // Some vendors send seconds from now, some an epoch time.
  const resetSeconds = reset === undefined ? undefined : reset > 1e9 ? reset - date.getTime() / 1000 : reset;
  const exhausted = header("ratelimit-remaining") === 0 || header("x-ratelimit-remaining") === 0;
  const after = header("retry-after");
  const seconds =
    response.status === 429
      ? Number.isNaN(after)
        ? (resetSeconds ?? 1)
        : after
      : exhausted
        ? resetSeconds
        : undefined;
  if (seconds !== undefined)
    notBefore.set(vendor.baseUrl, Date.now() + Math.max(0, seconds) * 1000 + Math.random() * 250);
}

function explain(vendor: Vendor, call: Call, status: number, body: unknown): string {
  const said = codeIn(body);
  const head = `${vendor.name} answered ${status}${said ? ` (${said})` : ""} to: ${call.purpose}.`;
  if (status === 401) return `${head} The token is missing, wrong or expired: set ${vendor.tokenName} to a valid one.`;
  if (status === 403)
    return `${head} The token in ${vendor.tokenName} may not do this: give it the right, or use another.`;
  if (status === 404)
    return `${head} Check the id in the application's file; ${vendor.name} knows none such for this token.`;
  return head;
}

/** A vendor's short machine-readable error code; free text is left out, because some vendors echo what was sent. */
function codeIn(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { code, error } = body as { code?: unknown; error?: unknown };
  if (typeof code === "string" && /^[\w.-]{1,60}$/.test(code)) return code;
  if (typeof error === "string" && /^[\w.-]{1,60}$/.test(error)) return error;
  return typeof error === "object" ? codeIn(error) : undefined;
}

function codeOf(error: unknown): string {
  const { cause, name } = error as { cause?: { code?: string }; name?: string };
  return cause?.code ?? (name === "TimeoutError" ? "nothing in time" : "connection lost");
}

function parse(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return /^[[{]/.test(text) ? undefined : text;
  }
}
