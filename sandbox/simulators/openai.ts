import { randomBytes } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { newId, Refusal, bearer, type Answer } from "./answers.ts";
import { boundedNumber, objectBody, text } from "./body.ts";
import { Simulator, type SimulatorOptions } from "./kit.ts";
import type { LimitDecision, LimitRule, LimitUse } from "./limits.ts";

export interface OpenAiKey {
  id: string;
  name: string;
  token: string;
  /** The service account it belongs to; null for a person's. */
  account: string | null;
  /** Unix seconds, as all dates here. */
  createdAt: number;
  lastUsedAt: number | null;
  expiresAt: number | null;
}

export interface OpenAiState {
  accounts: { id: string; name: string; createdAt: number }[];
  keys: OpenAiKey[];
}

export interface OpenAiOptions extends SimulatorOptions {
  /** The admin key: the only one that may manage keys. */
  adminKey: string;
  /** Id of the organisation's one project, like `proj_abc`. */
  project: string;
  /** Keys that a person once made. @default none */
  keys?: { name: string; token: string }[];
}

/** OpenAI publishes no numbers for the Admin API; those of models depend on the account's tier. */
const RULES: Record<string, LimitRule> = {
  admin: { limit: 60, windowMs: 60_000 },
  requests: { limit: 500, windowMs: 60_000 },
};
const organization = "/v1/organization/";

/**
 * OpenAI's API as far as service accounts and their keys go, and the list of models by which a key is tried. Base `/v1`.
 * @see https://platform.openai.com/docs/api-reference/project-service-accounts
 */
export class OpenAiSimulator extends Simulator<OpenAiState> {
  readonly vendor = "openai";
  readonly #options: OpenAiOptions;

  constructor(options: OpenAiOptions) {
    super(options);
    this.#options = options;
  }

  /** Names of the service accounts; one name twice is an orphan. */
  get accounts(): string[] {
    return this.read().accounts.map(({ name }) => name);
  }
  /** As if a person had deleted an account on the platform's pages. */
  removeAccount(name: string): void {
    const account = this.read().accounts.find((known) => known.name === name);
    if (account) this.#remove(account.id, name);
  }

  names(): unknown {
    const { accounts, keys } = this.read();
    return { accounts, keys: keys.map(({ id, name, account, lastUsedAt }) => ({ id, name, account, lastUsedAt })) };
  }

  protected initialState(): OpenAiState {
    return { accounts: [], keys: [] };
  }
  protected override reconcile(draft: OpenAiState): void {
    for (const { name, token } of this.#options.keys ?? [])
      if (!draft.keys.some((known) => known.token === token)) draft.keys.push(newKey(name, token, null));
  }

  protected authorize(request: FastifyRequest): Answer | undefined {
    const token = bearer(request);
    if (token === undefined) return refuse(401, "You didn't provide an API key.", null);
    const key = this.read().keys.find((known) => known.token === token);
    const dead = key?.expiresAt != null && key.expiresAt <= seconds();
    if (token !== this.#options.adminKey && (!key || dead))
      return refuse(401, `Incorrect API key provided: ${token.slice(0, 8)}***${token.slice(-4)}.`, "invalid_api_key");
    const admin = token === this.#options.adminKey;
    const manages = request.url.startsWith(organization);
    if (admin !== manages)
      return refuse(403, "You have insufficient permissions for this operation.", "insufficient_permissions");
    if (key)
      this.write((state) => state.keys.forEach((known) => known.id === key.id && (known.lastUsedAt = seconds())));
    return undefined;
  }

  protected limitRules(): Record<string, LimitRule> {
    return RULES;
  }
  protected limitsOf(request: FastifyRequest): LimitUse[] {
    return [{ class: request.url.startsWith(organization) ? "admin" : "requests", key: "organization" }];
  }
  protected limitHeaders([decision]: LimitDecision[]): Record<string, string> {
    if (!decision) return {};
    return {
      "x-ratelimit-limit-requests": String(decision.limit),
      "x-ratelimit-remaining-requests": String(decision.remaining),
      "x-ratelimit-reset-requests": `${decision.resetSeconds}s`,
    };
  }
  protected limitAnswer({ resetSeconds }: LimitDecision): Answer {
    const body = error("Rate limit reached.", "requests", "rate_limit_exceeded");
    return { status: 429, body, headers: { "retry-after": String(resetSeconds) } };
  }
  protected errorBody(status: number, message: string): unknown {
    return error(message, status < 500 ? "invalid_request_error" : "server_error", null);
  }

  protected routes(app: FastifyInstance): void {
    const project = `${organization}projects/:project`;
    type ById = { Params: { project: string; id: string } };
    app.addHook("preHandler", async (request) => {
      const { project: asked } = (request.params ?? {}) as { project?: string };
      if (asked !== undefined && asked !== this.#options.project)
        throw new Refusal(404, error(`No project found with id '${asked}'.`, "invalid_request_error", null));
    });
    app.get(`${project}/service_accounts`, async (request) =>
      page(request, this.read(request).accounts.map(shownAccount)),
    );
    app.post(`${project}/service_accounts`, async (request, reply) => {
      const malformed = () => new Refusal(400, error("Invalid body.", "invalid_request_error", null));
      const { name, expires_in_seconds: lifetime } = objectBody(request, malformed);
      const label = text(name);
      if (!label) throw new Refusal(400, error("Missing required parameter: 'name'.", "invalid_request_error", null));
      const account = { id: newId("svc_acct_", 24), name: label, createdAt: seconds() };
      const token = `sk-svcacct-${randomBytes(60).toString("base64url")}`;
      const key = newKey("Secret Key", token, account.id, typeof lifetime === "number" ? lifetime : undefined);
      const add = (state: OpenAiState): void => void (state.accounts.push(account), state.keys.push(key));
      this.write(add, { kind: "key.create", subject: label });
      const made = { object: "organization.project.service_account.api_key", name: key.name, id: key.id, value: token };
      return reply.code(200).send({ ...shownAccount(account), api_key: { ...made, created_at: key.createdAt } });
    });
    app.get<ById>(`${project}/service_accounts/:id`, async (request) => shownAccount(this.#account(request.params.id)));
    app.delete<ById>(`${project}/service_accounts/:id`, async (request) => {
      const { id, name } = this.#account(request.params.id);
      this.#remove(id, name);
      return { object: "organization.project.service_account.deleted", id, deleted: true };
    });
    app.get(`${project}/api_keys`, async (request) => {
      const { keys, accounts } = this.read(request);
      return page(
        request,
        keys.map((key) => shownKey(key, accounts)),
      );
    });
    const model = { id: "gpt-5", object: "model", created: 1_686_935_002, owned_by: "openai" };
    app.get("/v1/models", async () => ({ object: "list", data: [model] }));
    app.get("/v1/models/:id", async () => model);
  }

  #remove(id: string, name: string): void {
    this.write(
      (state) => {
        state.accounts = state.accounts.filter((account) => account.id !== id);
        state.keys = state.keys.filter((key) => key.account !== id);
      },
      { kind: "key.delete", subject: name },
    );
  }

  #account(id: string): OpenAiState["accounts"][number] {
    const account = this.read().accounts.find((known) => known.id === id);
    if (!account) throw new Refusal(404, error("Service account not found.", "invalid_request_error", null));
    return account;
  }
}

const seconds = (): number => Math.floor(Date.now() / 1000);

function newKey(name: string, token: string, account: string | null, lifetime?: number): OpenAiKey {
  const expiresAt = lifetime === undefined ? null : seconds() + lifetime;
  return { id: newId("key_", 16), name, token, account, createdAt: seconds(), lastUsedAt: null, expiresAt };
}

function shownAccount({ id, name, createdAt }: OpenAiState["accounts"][number]) {
  return { object: "organization.project.service_account", id, name, role: "member", created_at: createdAt };
}

function shownKey(key: OpenAiKey, accounts: OpenAiState["accounts"]) {
  const account = accounts.find(({ id }) => id === key.account);
  return {
    object: "organization.project.api_key",
    redacted_value: `${key.token.slice(0, 3)}***${key.token.slice(-3)}`,
    id: key.id,
    name: key.name,
    created_at: key.createdAt,
    last_used_at: key.lastUsedAt,
    owner: account
      ? { type: "service_account", service_account: shownAccount(account) }
      : { type: "user", user: { object: "organization.project.user", id: "user_abc", name: "Ada", role: "owner" } },
  };
}

/** One page of a list, by the cursor `after`. */
function page<T extends { id: string }>(request: FastifyRequest, all: T[]) {
  const { after, limit } = request.query as { after?: string; limit?: string };
  const start = after ? all.findIndex(({ id }) => id === after) + 1 : 0;
  const data = all.slice(start, start + boundedNumber(limit, 20, 1, 100));
  const has_more = start + data.length < all.length;
  return { object: "list", data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more };
}

function refuse(status: number, message: string, code: string | null): Answer {
  return { status, body: error(message, "invalid_request_error", code) };
}

/** OpenAI's shape of an error. */
function error(message: string, type: string, code: string | null) {
  return { error: { message, type, param: null, code } };
}
