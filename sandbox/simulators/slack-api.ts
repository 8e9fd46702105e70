import type { FastifyInstance, FastifyRequest } from "fastify";
import { bearer, type Answer } from "./answers.ts";
import { KeyedSimulator, type KeyedState } from "./keyed.ts";
import type { LimitDecision, LimitRule, LimitUse } from "./limits.ts";

/** Tier 3 of Slack's Web API; the methods here are in higher ones. */
const RULES: Record<string, LimitRule> = { method: { limit: 50, windowMs: 60_000 } };

/**
 * Slack's Web API, as far as a bot token can be checked and ended. It answers 200 to nearly everything: `ok` tells.
 * @see https://docs.slack.dev/reference/methods/auth.test
 */
export class SlackApiSimulator extends KeyedSimulator {
  readonly vendor = "slack-api";

  protected initialState(): KeyedState {
    return { keys: [] };
  }

  protected authorize(): Answer | undefined {
    return undefined;
  }
  protected limitRules(): Record<string, LimitRule> {
    return RULES;
  }
  protected limitsOf(request: FastifyRequest): LimitUse[] {
    return [{ class: "method", key: request.url.split("?")[0] ?? "" }];
  }
  protected limitHeaders(): Record<string, string> {
    return {};
  }
  protected limitAnswer({ resetSeconds }: LimitDecision): Answer {
    return { status: 429, body: { ok: false, error: "ratelimited" }, headers: { "Retry-After": String(resetSeconds) } };
  }
  protected errorBody(status: number): unknown {
    return { ok: false, error: status === 404 ? "unknown_method" : "fatal_error" };
  }

  protected routes(app: FastifyInstance): void {
    app.post("/api/auth.test", async (request) => {
      const refused = this.#refused(request);
      if (refused) return { ok: false, error: refused };
      const name = this.keyOf(bearer(request), request)?.name ?? "";
      return {
        ok: true,
        url: "https://visanet.slack.com/",
        team: "Visanet",
        user: name,
        team_id: "T00000000",
        user_id: "U00000000",
        bot_id: "B00000000",
        is_enterprise_install: false,
      };
    });
    app.post("/api/auth.revoke", async (request) => {
      const refused = this.#refused(request);
      if (refused) return { ok: false, error: refused };
      this.revokeKey(bearer(request) ?? "");
      return { ok: true, revoked: true };
    });
  }

  #refused(request: FastifyRequest): string | undefined {
    const token = bearer(request);
    if (token === undefined) return "not_authed";
    const key = this.keyOf(token, request);
    return key ? (key.revoked ? "token_revoked" : undefined) : "invalid_auth";
  }
}
