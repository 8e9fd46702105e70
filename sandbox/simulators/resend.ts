import { randomBytes, randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refusal, bearer, type Answer } from "./answers.ts";
import { boundedNumber, objectBody, text, type JsonObject } from "./body.ts";
import { Simulator, type SimulatorOptions } from "./kit.ts";
import type { LimitDecision, LimitRule, LimitUse } from "./limits.ts";

export interface ResendKey {
  id: string;
  name: string;
  token: string;
  permission: "full_access" | "sending_access";
  domainId?: string;
  /** RFC 3339. */
  createdAt: string;
  lastUsedAt: string | null;
}

export interface ResendState {
  domains: { id: string; name: string }[];
  keys: ResendKey[];
  emails: { id: string; from: string; to: string[]; subject: string; keyName: string; idempotencyKey?: string }[];
}

export interface ResendOptions extends SimulatorOptions {
  /** A `full_access` key that exists from the beginning: the only kind that may manage keys. */
  adminKey: string;
  /** `sending_access` keys that a person once made. @default none */
  keys?: { name: string; token: string }[];
  /** Verified domains that e-mails may come from. @default none */
  domains?: { id: string; name: string }[];
}

const RULES: Record<string, LimitRule> = { team: { limit: 2, windowMs: 1000 } };
const RESTRICTED = "This API key is restricted to only send emails";

/** Resend's API as far as keys and sending go. E-mails go nowhere and are remembered. */
export class ResendSimulator extends Simulator<ResendState> {
  readonly vendor = "resend";
  readonly #options: ResendOptions;

  constructor(options: ResendOptions) {
    super(options);
    this.#options = options;
  }

  /** Names of the keys that are accepted; one name twice is an orphan. */
  get liveKeys(): string[] {
    return this.read().keys.map(({ name }) => name);
  }
  /** What was sent, oldest first. */
  get emails(): readonly ResendState["emails"][number][] {
    return this.read().emails;
  }

  names(): unknown {
    const { keys, emails, domains } = this.read();
    return {
      keys: keys.map(({ id, name, permission, lastUsedAt }) => ({ id, name, permission, lastUsedAt })),
      domains,
      emails: emails.length,
    };
  }

  protected initialState(): ResendState {
    const keys = [newKey("admin", "full_access", this.#options.adminKey)];
    for (const { name, token } of this.#options.keys ?? []) keys.push(newKey(name, "sending_access", token));
    return { domains: this.#options.domains ?? [], keys, emails: [] };
  }

  protected authorize(request: FastifyRequest): Answer | undefined {
    const token = bearer(request);
    const refuse = (status: number, name: string, message: string): Answer => ({
      status,
      body: error(status, name, message),
    });
    if (!request.headers["user-agent"]) return refuse(403, "forbidden", "A user agent is required.");
    if (token === undefined) return refuse(401, "missing_api_key", "Missing API Key");
    const key = this.read().keys.find((known) => known.token === token);
    if (!key) return refuse(403, "invalid_api_key", "API key is invalid");
    const isSending = request.method === "POST" && request.url.startsWith("/emails");
    if (key.permission === "sending_access" && !isSending) return refuse(401, "restricted_api_key", RESTRICTED);
    this.write((state) => {
      for (const known of state.keys) if (known.id === key.id) known.lastUsedAt = new Date().toISOString();
    });
    return undefined;
  }

  protected limitRules(): Record<string, LimitRule> {
    return RULES;
  }
  protected limitsOf(): LimitUse[] {
    return [{ class: "team", key: "team" }];
  }
  protected limitHeaders([decision]: LimitDecision[]): Record<string, string> {
    if (!decision) return {};
    return {
      "ratelimit-limit": String(decision.limit),
      "ratelimit-remaining": String(decision.remaining),
      "ratelimit-reset": String(decision.resetSeconds),
    };
  }
  protected limitAnswer({ resetSeconds }: LimitDecision): Answer {
    const message = "Too many requests. You can only make 2 requests per second.";
    const headers = { "retry-after": String(resetSeconds) };
    return { status: 429, body: error(429, "rate_limit_exceeded", message), headers };
  }
  protected errorBody(status: number, message: string): unknown {
    return error(
      status,
      status === 404 ? "not_found" : status < 500 ? "validation_error" : "application_error",
      message,
    );
  }

  protected routes(app: FastifyInstance): void {
    const body = (request: FastifyRequest) =>
      objectBody(request, () => new Refusal(400, error(400, "validation_error", "Invalid JSON")));
    app.get<{ Querystring: { limit?: string; after?: string } }>("/api-keys", async (request) => {
      const { keys } = this.read(request);
      const start = request.query.after ? keys.findIndex(({ id }) => id === request.query.after) + 1 : 0;
      const page = keys.slice(start, start + boundedNumber(request.query.limit, 20, 1, 100));
      const data = page.map(({ id, name, createdAt, lastUsedAt }) => ({
        id,
        name,
        created_at: createdAt,
        last_used_at: lastUsedAt,
      }));
      return { object: "list", has_more: start + page.length < keys.length, data };
    });
    app.post("/api-keys", async (request, reply) => {
      const { name, permission = "full_access", domain_id: domain } = body(request);
      const label = text(name);
      if (!label) throw new Refusal(422, error(422, "missing_required_field", "Missing `name` field."));
      if (permission !== "full_access" && permission !== "sending_access")
        throw new Refusal(422, error(422, "invalid_access", 'Access must be "full_access" | "sending_access"'));
      const domainId = text(domain);
      if (domainId !== undefined && !this.read().domains.some(({ id }) => id === domainId))
        throw new Refusal(404, error(404, "not_found", "Domain not found"));
      const token = `re_${randomBytes(6).toString("hex").slice(0, 8)}_${randomBytes(18).toString("hex").slice(0, 24)}`;
      const key = newKey(label, permission, token, permission === "sending_access" ? domainId : undefined);
      this.write((state) => void state.keys.push(key), { kind: "key.create", subject: label });
      return reply.code(201).send({ id: key.id, token });
    });
    app.patch<{ Params: { id: string } }>("/api-keys/:id", async (request) => {
      const label = text(body(request).name);
      if (!label) throw new Refusal(422, error(422, "missing_required_field", "Missing `name` field."));
      const { id } = this.#find(request.params.id);
      const effect = { kind: "key.rename", subject: label };
      this.write((state) => state.keys.forEach((key) => key.id === id && (key.name = label)), effect);
      return { object: "api_key", id };
    });
    app.delete<{ Params: { id: string } }>("/api-keys/:id", async (request) => {
      const { id, name } = this.#find(request.params.id);
      const effect = { kind: "key.delete", subject: name };
      this.write((state) => void (state.keys = state.keys.filter((key) => key.id !== id)), effect);
      return { object: "api_key", id, deleted: true };
    });
    app.get("/domains", async (request) => ({ object: "list", has_more: false, data: this.read(request).domains }));
    app.post("/emails", async (request) => this.#send(request, body(request)));
  }

  #send(request: FastifyRequest, { from, to, subject, html, text: plain }: JsonObject): { id: string } {
    const key = this.read().keys.find(({ token }) => token === bearer(request));
    const sender = /<?([^<>\s]+@([^<>\s]+?))>?$/.exec(text(from) ?? "");
    const recipients = [to].flat().filter((one) => typeof one === "string");
    if (!key || !sender || !recipients.length || !text(subject) || !(text(html) ?? text(plain)))
      throw new Refusal(422, error(422, "missing_required_field", "Missing `from`, `to`, `subject` or the content."));
    const domain = this.read().domains.find(({ name }) => name === sender[2]);
    if (!domain) throw new Refusal(403, error(403, "validation_error", `The ${sender[2]} domain is not verified.`));
    if (key.domainId !== undefined && key.domainId !== domain.id)
      throw new Refusal(
        403,
        error(403, "validation_error", "This API key is not authorized to send from this domain."),
      );
    const idempotencyKey = text(request.headers["idempotency-key"]);
    const sent = this.read().emails.find((email) => idempotencyKey && email.idempotencyKey === idempotencyKey);
    if (sent) return { id: sent.id };
    const message = {
      from: sender[1] ?? "",
      to: recipients,
      subject: text(subject) ?? "",
      keyName: key.name,
    };
    const email = { id: randomUUID(), ...message, ...(idempotencyKey ? { idempotencyKey } : {}) };
    this.write((state) => void state.emails.push(email), { kind: "email.send", subject: key.name });
    return { id: email.id };
  }

  #find(id: string): ResendKey {
    const key = this.read().keys.find((known) => known.id === id);
    if (!key) throw new Refusal(404, error(404, "not_found", "API key not found"));
    return key;
  }
}

function newKey(name: string, permission: ResendKey["permission"], token: string, domainId?: string): ResendKey {
  const key = { id: randomUUID(), name, token, permission, createdAt: new Date().toISOString(), lastUsedAt: null };
  return domainId === undefined ? key : { ...key, domainId };
}

/** Resend's shape of an error. */
function error(
  statusCode: number,
  name: string,
  message: string,
): { statusCode: number; name: string; message: string } {
  return { statusCode, name, message };
}
