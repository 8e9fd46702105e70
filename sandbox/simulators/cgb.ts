import type { FastifyInstance, FastifyRequest } from "fastify";
import { bearer, type Answer } from "./answers.ts";
import { KeyedSimulator, type KeyedState } from "./keyed.ts";
import type { LimitDecision, LimitRule, LimitUse } from "./limits.ts";

/** The vendor publishes no number. */
const RULES: Record<string, LimitRule> = { key: { limit: 100, windowMs: 60_000 } };

/**
 * ChatGPT Builder, VisAPI's way to WhatsApp. Base `/api`. It reports errors as 200 with `success: false`, as VisAPI's
 * own notes on it say (github.com/VadimVDM/VisAPI `docs/cgb-api-reference.md`).
 */
export class CgbSimulator extends KeyedSimulator {
  readonly vendor = "cgb";

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
    return [{ class: "key", key: tokenOf(request) ?? "none" }];
  }
  protected limitHeaders(): Record<string, string> {
    return {};
  }
  protected limitAnswer({ resetSeconds }: LimitDecision): Answer {
    const headers = { "Retry-After": String(resetSeconds) };
    return { status: 429, body: { success: false, error: { message: "Too many requests" } }, headers };
  }
  protected errorBody(status: number, message: string): unknown {
    return { success: false, error: { code: status, message } };
  }

  protected routes(app: FastifyInstance): void {
    const accepted = (request: FastifyRequest): boolean => {
      const key = this.keyOf(tokenOf(request), request);
      return key !== undefined && !key.revoked;
    };
    const refused = { success: false, error: { code: 401, message: "Invalid access token" } };
    app.get("/api/accounts/me", async (request) =>
      accepted(request)
        ? { page_id: "1000001", name: "Visanet", active: true, created: "2024-05-01 10:00:00", total_users: 42 }
        : refused,
    );
    // VisAPI's runbook tests a key here.
    app.post("/api/test", async (request, reply) =>
      accepted(request) ? { success: true } : reply.code(401).send(refused),
    );
  }
}

function tokenOf(request: FastifyRequest): string | undefined {
  const header = request.headers["x-access-token"];
  return bearer(request) ?? (typeof header === "string" ? header : undefined);
}
