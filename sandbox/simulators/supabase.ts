import { randomBytes, randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refusal, bearer, type Answer } from "./answers.ts";
import { isObject, objectBody, text } from "./body.ts";
import { Simulator, type SimulatorOptions } from "./kit.ts";
import type { LimitDecision, LimitRule, LimitUse } from "./limits.ts";
import { dataRoutes } from "./supabase-data.ts";

export interface SupabaseKey {
  id: string;
  /** Legacy keys are the JWTs `anon` and `service_role`; they can be switched off together, never rotated. */
  type: "legacy" | "publishable" | "secret";
  name: string;
  description: string | null;
  value: string;
  /** RFC 3339, as the following. */
  insertedAt: string;
  updatedAt: string;
}

export interface SupabaseProject {
  ref: string;
  legacyEnabled: boolean;
  keys: SupabaseKey[];
}

export interface SupabaseState {
  projects: SupabaseProject[];
}

export interface SupabaseOptions extends SimulatorOptions {
  /** The personal access token, `sbp_...`. */
  accessToken: string;
  /** Projects with the legacy keys that they began with. */
  projects: { ref: string; anonKey: string; serviceRoleKey: string }[];
}

interface Route {
  Params: { ref: string; id: string };
  Querystring: { reveal?: string; enabled?: string };
}

/** 60 a minute was documented and 120 is by now; who exceeds it is refused for a whole minute. */
const RULES: Record<string, LimitRule> = { management: { limit: 60, windowMs: 60_000 } };

/** Supabase's Management API as far as API keys go, and under `/data/<ref>` what each project serves to holders of keys. */
export class SupabaseSimulator extends Simulator<SupabaseState> {
  readonly vendor = "supabase";
  readonly #options: SupabaseOptions;
  #blockedUntil = 0;

  constructor(options: SupabaseOptions) {
    super(options);
    this.#options = options;
  }

  /** Where a project serves its data, in place of `https://<ref>.supabase.co`. */
  projectUrl(ref: string): string {
    return `${this.url}/data/${ref}`;
  }
  /** Names of the keys that a project accepts, legacy ones aside; one name twice is an orphan. */
  liveKeys(ref: string): string[] {
    return find(this.read(), ref).keys.flatMap(({ type, name }) => (type === "legacy" ? [] : [name]));
  }

  names(): unknown {
    return this.read().projects.map(({ ref, legacyEnabled, keys }) => ({
      ref,
      legacyEnabled,
      keys: keys.map(({ id, type, name }) => ({ id, type, name })),
    }));
  }

  protected initialState(): SupabaseState {
    return { projects: [] };
  }

  protected override reconcile(draft: SupabaseState): void {
    for (const { ref, anonKey, serviceRoleKey } of this.#options.projects) {
      if (draft.projects.some((known) => known.ref === ref)) continue;
      const keys = [legacyKey("anon", anonKey), legacyKey("service_role", serviceRoleKey)];
      draft.projects.push({ ref, legacyEnabled: true, keys });
    }
  }

  protected authorize(request: FastifyRequest): Answer | undefined {
    if (isData(request)) return undefined;
    if (bearer(request) !== this.#options.accessToken)
      return { status: 401, body: this.errorBody(401, "Unauthorized") };
    if (Date.now() >= this.#blockedUntil) return undefined;
    const resetSeconds = Math.ceil((this.#blockedUntil - Date.now()) / 1000);
    const stand = { class: "blocked", allowed: false, limit: 60, used: 60, remaining: 0, resetAt: this.#blockedUntil };
    const refused = this.limitAnswer({ ...stand, resetSeconds });
    return { ...refused, headers: this.limitHeaders([{ ...stand, resetSeconds }]) };
  }

  protected limitRules(): Record<string, LimitRule> {
    return RULES;
  }
  protected limitsOf(request: FastifyRequest): LimitUse[] {
    return isData(request) ? [] : [{ class: "management", key: "user" }];
  }
  protected limitHeaders([decision]: LimitDecision[]): Record<string, string> {
    if (!decision) return {};
    return {
      "X-RateLimit-Limit": String(decision.limit),
      "X-RateLimit-Remaining": String(decision.remaining),
      // Seconds from now, not a date.
      "X-RateLimit-Reset": String(decision.resetSeconds),
    };
  }
  protected limitAnswer(refused: LimitDecision): Answer {
    if (refused.class === "management") this.#blockedUntil = Date.now() + 60_000 / (this.options.limitScale ?? 1);
    return { status: 429, body: { message: "ThrottlerException: Too Many Requests" } };
  }
  protected errorBody(_status: number, message: string): unknown {
    return { message };
  }

  protected override async stopping(): Promise<void> {
    this.#blockedUntil = 0;
  }

  protected routes(app: FastifyInstance): void {
    const path = "/v1/projects/:ref/api-keys";
    const revealed = (request: FastifyRequest<Route>) => request.query.reveal === "true";
    app.get<Route>(path, async (request) => {
      const { keys } = find(this.read(request), request.params.ref);
      return keys.map((key) => shown(key, revealed(request)));
    });
    app.post<Route>(path, async (request, reply) => {
      const { ref } = request.params;
      find(this.read(), ref);
      const key = draftOf(objectBody(request, () => new Refusal(400, { message: "Invalid JSON" })));
      this.write((state) => void find(state, ref).keys.push(key), {
        kind: "key.create",
        subject: `${ref}/${key.name}`,
      });
      return reply.code(201).send(shown(key, revealed(request)));
    });
    app.get<Route>(`${path}/legacy`, async (request) => ({
      enabled: find(this.read(request), request.params.ref).legacyEnabled,
    }));
    app.put<Route>(`${path}/legacy`, async (request) => {
      const { ref } = request.params;
      const enabled = request.query.enabled === "true";
      if (!enabled && request.query.enabled !== "false")
        throw new Refusal(400, { message: "enabled must be a boolean value" });
      find(this.read(), ref);
      const effect = { kind: enabled ? "legacy.enable" : "legacy.disable", subject: ref };
      this.write((state) => (find(state, ref).legacyEnabled = enabled), effect);
      return { enabled };
    });
    app.get<Route>(`${path}/:id`, async (request) => {
      const { ref, id } = request.params;
      return shown(findKey(find(this.read(request), ref), id), revealed(request));
    });
    app.delete<Route>(`${path}/:id`, async (request) => {
      const { ref, id } = request.params;
      const key = findKey(find(this.read(), ref), id);
      if (key.type === "legacy") throw new Refusal(400, { message: "Legacy keys cannot be deleted" });
      this.write(
        (state) => {
          const project = find(state, ref);
          project.keys = project.keys.filter((other) => other.id !== id);
        },
        { kind: "key.delete", subject: `${ref}/${key.name}` },
      );
      return shown(key, revealed(request));
    });
    dataRoutes(app, (ref) => this.read().projects.find((project) => project.ref === ref));
  }
}

function isData(request: FastifyRequest): boolean {
  return request.url.startsWith("/data/");
}

function find(state: Readonly<SupabaseState>, ref: string): SupabaseProject {
  const project = state.projects.find((known) => known.ref === ref);
  if (!project) throw new Refusal(404, { message: "Project not found" });
  return project;
}

function findKey(project: SupabaseProject, id: string): SupabaseKey {
  const key = project.keys.find((known) => known.id === id);
  if (!key) throw new Refusal(404, { message: "API key not found" });
  return key;
}

function legacyKey(name: string, value: string): SupabaseKey {
  const at = new Date().toISOString();
  return { id: name, type: "legacy", name, description: null, value, insertedAt: at, updatedAt: at };
}

/** A new key out of a request's body; names need not be unique. */
function draftOf(body: Record<string, unknown>): SupabaseKey {
  const { type, name, description, secret_jwt_template: template } = body;
  if (type !== "publishable" && type !== "secret")
    throw new Refusal(400, { message: "type must be one of: publishable, secret" });
  if (typeof name !== "string" || !/^[a-z_][a-z0-9_]+$/.test(name) || name.length < 4 || name.length > 64)
    throw new Refusal(400, { message: "name must match ^[a-z_][a-z0-9_]+$ and have 4 to 64 characters" });
  if (type === "secret" && template !== undefined && !(isObject(template) && template.role === "service_role"))
    throw new Refusal(400, { message: "secret_jwt_template.role must be service_role" });
  const at = new Date().toISOString();
  const value = `sb_${type}_${randomBytes(16).toString("base64url")}_${randomBytes(4).toString("hex")}`;
  return { id: randomUUID(), type, name, description: text(description) ?? null, value, insertedAt: at, updatedAt: at };
}

/** A key as the API shows it: with `reveal` the whole value, else its beginning and dots. */
function shown(key: SupabaseKey, reveal: boolean): Record<string, unknown> {
  const { id, type, name, description, value, insertedAt, updatedAt } = key;
  const prefix = /^sb_[a-z]+_(.{5})/.exec(value)?.[1];
  const api_key = reveal || type === "legacy" ? value : `${value.slice(0, value.indexOf("_", 3) + 6)}${"·".repeat(16)}`;
  const fields = { api_key, id, type, name, description, inserted_at: insertedAt, updated_at: updatedAt };
  return type === "secret"
    ? { ...fields, prefix, secret_jwt_template: { role: "service_role" } }
    : { ...fields, prefix };
}
