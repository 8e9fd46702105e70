import { createHash } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { newId, Refusal, type Answer } from "./answers.ts";
import { boundedNumber, objectBody, text } from "./body.ts";
import { KeyedSimulator, type KeyedOptions, type KeyedState, type MadeKey } from "./keyed.ts";
import type { LimitDecision, LimitRule, LimitUse } from "./limits.ts";

export interface AnthropicOptions extends KeyedOptions {
  /** The admin key: lists keys and changes their status; no call makes one. @default none is accepted */
  adminKey?: string;
}

export interface AnthropicState extends KeyedState {
  /** Ids of keys that were archived. */
  archived: string[];
}

/** Tier 1 of the API (docs.anthropic.com/en/api/rate-limits). */
const RULES: Record<string, LimitRule> = { requests: { limit: 50, windowMs: 60_000 } };
const keysPath = "/v1/organizations/api_keys";

/**
 * Anthropic's API as far as keys go: people make them in the Console, the Admin API lists them and ends them.
 * @see https://platform.claude.com/docs/en/api/admin/api_keys
 */
export class AnthropicSimulator extends KeyedSimulator<AnthropicState> {
  readonly vendor = "anthropic";
  readonly #adminKey: string | undefined;

  constructor(options: AnthropicOptions) {
    super(options);
    this.#adminKey = options.adminKey;
  }

  protected initialState(): AnthropicState {
    return { keys: [], archived: [] };
  }

  protected authorize(request: FastifyRequest): Answer | undefined {
    const given = request.headers["x-api-key"];
    if (!request.headers["anthropic-version"])
      return refuse(400, "invalid_request_error", "anthropic-version: header is required");
    if (typeof given !== "string") return refuse(401, "authentication_error", "x-api-key header is required");
    const admin = given === this.#adminKey;
    const key = this.keyOf(given);
    if (!admin && (!key || key.revoked)) return refuse(401, "authentication_error", "invalid x-api-key");
    if (admin !== request.url.startsWith(keysPath))
      return refuse(403, "permission_error", "Your API key does not have permission to use the specified resource");
    return undefined;
  }

  protected limitRules(): Record<string, LimitRule> {
    return RULES;
  }
  protected limitsOf(request: FastifyRequest): LimitUse[] {
    return [{ class: "requests", key: request.url.startsWith(keysPath) ? "admin" : "workspace" }];
  }
  protected limitHeaders([decision]: LimitDecision[]): Record<string, string> {
    if (!decision) return {};
    return {
      "anthropic-ratelimit-requests-limit": String(decision.limit),
      "anthropic-ratelimit-requests-remaining": String(decision.remaining),
      "anthropic-ratelimit-requests-reset": new Date(decision.resetAt).toISOString(),
    };
  }
  protected limitAnswer({ resetSeconds }: LimitDecision): Answer {
    const refused = refuse(429, "rate_limit_error", "This request would exceed your organization's rate limit.");
    return { ...refused, headers: { "retry-after": String(resetSeconds) } };
  }
  protected errorBody(status: number, message: string): unknown {
    const types: Record<number, string> = { 404: "not_found_error", 529: "overloaded_error" };
    return error(types[status] ?? (status < 500 ? "invalid_request_error" : "api_error"), message);
  }

  protected routes(app: FastifyInstance): void {
    type ById = { Params: { id: string } };
    app.get<{ Querystring: { status?: string; after_id?: string; limit?: string } }>(keysPath, async (request) => {
      const { status, after_id: after, limit } = request.query;
      const all = this.read(request)
        .keys.map((key) => this.#shown(key, request))
        .filter((key) => status === undefined || key.status === status);
      const start = after ? all.findIndex(({ id }) => id === after) + 1 : 0;
      const data = all.slice(start, start + boundedNumber(limit, 20, 1, 1000));
      const has_more = start + data.length < all.length;
      return { data, has_more, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
    });
    app.get<ById>(`${keysPath}/:id`, async (request) => this.#shown(this.#find(request.params.id, request), request));
    app.post<ById>(`${keysPath}/:id`, async (request) => {
      const bad = (message: string) => new Refusal(400, error("invalid_request_error", message));
      const { status } = objectBody(request, () => bad("The request body is not valid JSON"));
      const wanted = text(status);
      if (wanted !== "active" && wanted !== "inactive" && wanted !== "archived")
        throw bad("status: Input should be 'active', 'inactive' or 'archived'");
      const key = this.#find(request.params.id);
      const id = idOf(key.token);
      this.write(
        (state) => {
          for (const known of state.keys) if (known.token === key.token) known.revoked = wanted !== "active";
          state.archived = state.archived.filter((each) => each !== id);
          if (wanted === "archived") state.archived.push(id);
        },
        { kind: `key.${wanted}`, subject: key.name },
      );
      return this.#shown(this.#find(id));
    });
    const model = { type: "model", id: "claude-opus-5", display_name: "Claude", created_at: "2026-02-01T00:00:00Z" };
    app.get("/v1/models", async () => ({ data: [model], has_more: false, first_id: model.id, last_id: model.id }));
    app.get("/v1/models/:id", async () => model);
  }

  #find(id: string, request?: FastifyRequest): MadeKey {
    const key = this.read(request).keys.find(({ token }) => idOf(token) === id);
    if (!key) throw new Refusal(404, error("not_found_error", "API key not found"));
    return key;
  }

  #shown({ name, token, revoked }: MadeKey, request?: FastifyRequest) {
    const id = idOf(token);
    const status = this.read(request).archived.includes(id) ? "archived" : revoked ? "inactive" : "active";
    return {
      id,
      type: "api_key",
      name,
      status,
      partial_key_hint: `${token.slice(0, 16)}...${token.slice(-4)}`,
      workspace_id: null,
      created_at: "2026-01-01T00:00:00Z",
      expires_at: null,
      created_by: { id: "user_01WCz1FkmYMm4gnmykNKUu3Q", type: "user" },
    };
  }
}

/** The id of a key, which says nothing of it. */
function idOf(token: string): string {
  return `apikey_01${createHash("sha256").update(token).digest("hex").slice(0, 22)}`;
}

function refuse(status: number, type: string, message: string): Answer {
  return { status, body: error(type, message) };
}

/** Anthropic's shape of an error. */
function error(type: string, message: string) {
  return { type: "error", error: { type, message }, request_id: newId("req_", 24) };
}
