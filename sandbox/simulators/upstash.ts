import { randomBytes } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refusal, type Answer } from "./answers.ts";
import { KeyedSimulator, type KeyedOptions, type KeyedState } from "./keyed.ts";
import type { LimitDecision, LimitRule, LimitUse } from "./limits.ts";

export interface UpstashDatabase {
  id: string;
  name: string;
  endpoint: string;
  port: number;
  password: string;
  /** @default true */
  tls?: boolean;
}

export interface UpstashState extends KeyedState {
  databases: UpstashDatabase[];
}

export interface UpstashOptions extends KeyedOptions {
  email: string;
  /** The management key that exists from the beginning; a person makes further ones in the console. */
  apiKey: string;
  databases: UpstashDatabase[];
  /** Whether `GET` shows the password and the reset answers with it; the published schema leaves it out. @default true */
  showsPasswords?: boolean;
  /** Makes the server behind a database accept exactly this password, at once. @default nothing */
  onReset?: (database: UpstashDatabase) => Promise<void>;
}

/** Upstash publishes no numbers; this is roomy and there to be reached on purpose. */
const RULES: Record<string, LimitRule> = { account: { limit: 60, windowMs: 60_000 } };

/** Upstash's management API as far as one database's password goes. */
export class UpstashSimulator extends KeyedSimulator<UpstashState> {
  readonly vendor = "upstash";
  readonly #options: UpstashOptions;

  constructor(options: UpstashOptions) {
    super({ ...options, keys: [{ name: "api key", token: options.apiKey }, ...(options.keys ?? [])] });
    this.#options = options;
  }

  /** What the database accepts now. */
  password(id: string): string | undefined {
    return this.read().databases.find((database) => database.id === id)?.password;
  }

  override names(): unknown {
    return { ...(super.names() as object), databases: this.read().databases.map(({ id, name }) => ({ id, name })) };
  }

  protected initialState(): UpstashState {
    return { keys: [], databases: structuredClone(this.#options.databases) };
  }

  protected override reconcile(draft: UpstashState): void {
    super.reconcile(draft);
    for (const wanted of this.#options.databases)
      if (!draft.databases.some(({ id }) => id === wanted.id)) draft.databases.push(structuredClone(wanted));
  }

  protected authorize(request: FastifyRequest): Answer | undefined {
    const [, encoded = ""] = /^Basic +(\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
    const [email, token] = Buffer.from(encoded, "base64").toString().split(/:(.*)/s);
    const key = this.keyOf(token, request);
    return email === this.#options.email && key && !key.revoked
      ? undefined
      : { status: 401, body: this.errorBody(401, "Unauthorized") };
  }

  protected limitRules(): Record<string, LimitRule> {
    return RULES;
  }
  protected limitsOf(): LimitUse[] {
    return [{ class: "account", key: "account" }];
  }
  protected limitHeaders(): Record<string, string> {
    return {};
  }
  protected limitAnswer({ resetSeconds }: LimitDecision): Answer {
    const headers = { "retry-after": String(resetSeconds) };
    return { status: 429, body: this.errorBody(429, "Too Many Requests"), headers };
  }
  /** Upstash answers errors with a plain JSON string. */
  protected errorBody(_status: number, message: string): unknown {
    return JSON.stringify(message);
  }

  protected routes(app: FastifyInstance): void {
    app.get("/v2/redis/databases", async (request) =>
      this.read(request).databases.map((database) => this.#shown(database, false)),
    );
    app.get<{ Params: { id: string }; Querystring: { credentials?: string } }>(
      "/v2/redis/database/:id",
      async (request) => this.#shown(this.#find(request.params.id), request.query.credentials !== "hide"),
    );
    app.post<{ Params: { id: string } }>("/v2/redis/reset-password/:id", async ({ params }) => {
      const database = { ...this.#find(params.id), password: randomBytes(24).toString("base64url") };
      await this.#options.onReset?.(database);
      this.write((state) => void Object.assign(state.databases.find(({ id }) => id === params.id) ?? {}, database), {
        kind: "password.reset",
        subject: params.id,
      });
      return this.#shown(database, true);
    });
  }

  #find(id: string): UpstashDatabase {
    const found = this.read().databases.find((database) => database.id === id);
    if (!found) throw new Refusal(404, this.errorBody(404, "database not found"));
    return found;
  }

  #shown({ id, name, endpoint, port, password, tls = true }: UpstashDatabase, credentials: boolean): object {
    const shows = credentials && (this.#options.showsPasswords ?? true);
    return {
      database_id: id,
      database_name: name,
      ...{ endpoint, port, tls, state: "active" },
      ...(shows ? { password } : {}),
    };
  }
}
