import type { FastifyInstance, FastifyRequest } from "fastify";
import { newId, bearer, type Answer } from "./answers.ts";
import { KeyedSimulator, type KeyedState } from "./keyed.ts";
import type { LimitRule, LimitUse } from "./limits.ts";

export interface StripeState extends KeyedState {
  /** Names of restricted keys that may not read the balance. */
  limited: string[];
}

/** Reads a second in live mode (docs.stripe.com/rate-limits). */
const RULES: Record<string, LimitRule> = { reads: { limit: 100, windowMs: 1000 } };

/**
 * Stripe as far as a key can be tried. People make and expire keys on the dashboard; no call does.
 * @see https://docs.stripe.com/api/errors
 */
export class StripeSimulator extends KeyedSimulator<StripeState> {
  readonly vendor = "stripe";

  /** As if a person had taken a key's right to read the balance. */
  restrict(name: string): void {
    this.write((state) => void state.limited.push(name));
  }

  protected initialState(): StripeState {
    return { keys: [], limited: [] };
  }

  protected authorize(request: FastifyRequest): Answer | undefined {
    const token = bearer(request) ?? basic(request);
    if (token === undefined) return refuse(401, "You did not provide an API key.");
    const shown = `${token.slice(0, 8)}*********${token.slice(-4)}`;
    const key = this.keyOf(token);
    if (!key) return refuse(401, `Invalid API Key provided: ${shown}`);
    if (key.revoked) return refuse(401, `Expired API Key provided: ${shown}`, "api_key_expired");
    if (this.read().limited.includes(key.name))
      return refuse(403, `The provided key '${shown}' does not have the required permissions for this endpoint.`);
    return undefined;
  }

  protected limitRules(): Record<string, LimitRule> {
    return RULES;
  }
  protected limitsOf(): LimitUse[] {
    return [{ class: "reads", key: "account" }];
  }
  protected limitHeaders(): Record<string, string> {
    return { "request-id": newId("req_", 14), "stripe-version": "2026-01-28.clover" };
  }
  protected limitAnswer(): Answer {
    const message = "Request rate limit exceeded.";
    return { ...refuse(429, message, "rate_limit"), headers: { "stripe-rate-limited-reason": "global-rate" } };
  }
  protected errorBody(status: number, message: string): unknown {
    return error(message, status < 500 ? "invalid_request_error" : "api_error");
  }

  protected routes(app: FastifyInstance): void {
    app.get("/v1/balance", async (request) => {
      const live = (bearer(request) ?? "").includes("_live_");
      const amount = { amount: 0, currency: "eur", source_types: { card: 0 } };
      return { object: "balance", available: [amount], livemode: live, pending: [amount] };
    });
  }
}

/** The key as the user of basic authentication, as Stripe's own examples have it. */
function basic(request: FastifyRequest): string | undefined {
  const found = /^Basic +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  return found === undefined ? undefined : Buffer.from(found, "base64").toString("utf8").split(":")[0];
}

function refuse(status: number, message: string, code?: string): Answer {
  return { status, body: error(message, "invalid_request_error", code) };
}

/** Stripe's shape of an error. */
function error(message: string, type: string, code?: string) {
  return { error: { ...(code ? { code } : {}), message, type } };
}
