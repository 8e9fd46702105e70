import type { FastifyInstance, FastifyRequest } from "fastify";
import { controlBody } from "./control.ts";
import { bearer, newId, type Answer } from "./answers.ts";
import { Simulator, type SimulatorOptions } from "./kit.ts";
import type { LimitDecision, LimitRule, LimitUse } from "./limits.ts";
import type { Launch } from "./platform.ts";
import { deploymentRoutes } from "./vercel-deployments.ts";
import { envRoutes } from "./vercel-env.ts";
import { VercelHost } from "./vercel-host.ts";
import {
  answer,
  findProject,
  newDeployment,
  refuse,
  vercelError,
  type VercelState,
  type VercelToken,
} from "./vercel-state.ts";
import { tokenRoutes } from "./vercel-tokens.ts";

export interface VercelProjectSpec {
  /** "prj_...". */
  id: string;
  name: string;
  /** @default 1 */
  instances?: number;
  /** Production variables before anyone set one. @default none */
  env?: Record<string, string>;
  launch: Launch;
  /** A GET of this decides whether an instance is healthy. @default "/" */
  healthPath?: string;
  /** Milliseconds. @default 15 000 */
  healthDeadlineMs?: number;
  /** How long an old instance may finish requests: milliseconds. @default 10 000 */
  drainMs?: number;
  /** Port of the production address. @default 0, a free one */
  publicPort?: number;
}

export interface VercelOptions extends SimulatorOptions {
  /** Token that exists from the beginning; further ones come from the API. */
  token: string;
  projects: VercelProjectSpec[];
  /** The team that owns the projects: their requests need `teamId`. @default none, the user owns them */
  teamId?: string;
  /** Milliseconds that a build takes. @default 150 */
  buildMs?: number;
}

/** 6000 deployments a day is documented (Pro); 120 changes a minute was seen in answers; the reads are an assumption. */
const RULES: Record<string, LimitRule> = {
  "api-projects": { limit: 120, windowMs: 60_000 },
  "api-deployments": { limit: 6000, windowMs: 86_400_000 },
  "api-read": { limit: 500, windowMs: 60_000 },
};
const USER_ID = "usr_sandbox00000000000000";

/** Vercel's API, with a platform behind it that really runs production. */
export class VercelSimulator extends Simulator<VercelState> {
  readonly vendor = "vercel";
  readonly #options: VercelOptions;
  /** Public ports that were given once stay over a reset. */
  readonly #ports = new Map<string, number>();
  readonly #hosts = new Map<string, VercelHost>();
  readonly #active = new Map<string, number>();

  constructor(options: VercelOptions) {
    super(options);
    this.#options = options;
  }

  /** The production address of a project, without a slash at the end: it stays the same over deployments. */
  projectUrl(projectId: string): string {
    return this.#host(projectId).url;
  }
  /** "<deploymentId>/<index>" of the instances that take requests. */
  instances(projectId: string): string[] {
    return this.#host(projectId).instances;
  }
  /** The stored production value of a variable, deployed or not. */
  envVar(projectId: string, key: string): string | undefined {
    const project = this.read().projects.find(({ id }) => id === projectId);
    return project?.env.find((variable) => variable.key === key && variable.target.includes("production"))?.value;
  }
  /** The next `times` builds of a project fail. */
  failBuilds(projectId: string, times = 1): void {
    this.#host(projectId).failBuilds = times;
  }
  /** Resolves when no deployment runs and every old instance has ended. */
  async settled(projectId: string): Promise<void> {
    await this.#host(projectId).settled();
  }

  names(): unknown {
    const { projects, tokens } = this.read();
    return {
      tokens: tokens.map(({ id, name }) => ({ id, name })),
      projects: projects.map(({ id, name, env, deployments, liveId }) => ({
        id,
        name,
        url: this.#hosts.get(id)?.url,
        envVars: env.map(({ key, type, target }) => ({ key, type, target })),
        liveDeployment: liveId,
        deployments: deployments.map((one) => ({ id: one.id, readyState: one.readyState, error: one.errorMessage })),
      })),
    };
  }

  protected initialState(): VercelState {
    const first = { id: newId("tok_", 24), name: "initial", value: this.#options.token, createdAt: Date.now() };
    return {
      user: { id: USER_ID, username: "sandbox", email: "sandbox@example.com" },
      team: { id: this.#options.teamId ?? "team_none", slug: "sandbox" },
      projects: [],
      tokens: [first],
    };
  }

  protected override reconcile(draft: VercelState): void {
    const createdAt = Date.now();
    for (const { id, name, env = {} } of this.#options.projects) {
      if (draft.projects.some((known) => known.id === id)) continue;
      const accountId = this.#options.teamId ?? USER_ID;
      const project = { id, name, accountId, createdAt, env: variables(env, createdAt), deployments: [] };
      const first = newDeployment(project, { target: "production", source: "git", env });
      draft.projects.push({ ...project, deployments: [first] });
    }
  }

  /** Starts what was live, then goes on with deployments that had not ended. */
  protected override async started(): Promise<void> {
    for (const given of this.#options.projects) {
      const spec = { ...given, publicPort: given.publicPort ?? this.#ports.get(given.id) };
      this.#hosts.set(spec.id, new VercelHost(spec, this.#options.buildMs ?? 150, this.access(), this.effects));
    }
    await Promise.all([...this.#hosts.values()].map((host) => host.start()));
    for (const [id, host] of this.#hosts) this.#ports.set(id, host.port);
  }

  protected override async stopping(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.stop()));
    this.#hosts.clear();
  }

  protected authorize(request: FastifyRequest): Answer | undefined {
    const token = this.#caller(request);
    if (!token) return answer(403, "forbidden", "Not authorized", { invalidToken: true });
    this.#active.set(token.id, Date.now());
    return undefined;
  }

  protected limitRules(): Record<string, LimitRule> {
    return RULES;
  }

  protected limitsOf(request: FastifyRequest): LimitUse[] {
    if (request.method === "GET") return [{ class: "api-read", key: "user" }];
    const isDeployment = request.method === "POST" && request.url.startsWith("/v13/deployments");
    return [{ class: isDeployment ? "api-deployments" : "api-projects", key: "user" }];
  }

  protected limitHeaders([decision]: LimitDecision[]): Record<string, string> {
    if (!decision) return {};
    return {
      "X-RateLimit-Limit": String(decision.limit),
      "X-RateLimit-Remaining": String(decision.remaining),
      "X-RateLimit-Reset": String(Math.ceil(decision.resetAt / 1000)),
    };
  }

  protected limitAnswer(refused: LimitDecision): Answer {
    const { limit: total, remaining, resetSeconds } = refused;
    const reset = Math.ceil(refused.resetAt / 1000);
    const why = `more than ${total}, code: "${refused.class}"`;
    const message = `Too many requests - try again in ${resetSeconds} seconds (${why}).`;
    const body = vercelError("rate_limited", message, { limit: { total, remaining, reset } });
    return { status: 429, body, headers: { "Retry-After": String(resetSeconds) } };
  }

  protected errorBody(status: number, message: string): unknown {
    return vercelError(status === 404 ? "not_found" : status < 500 ? "bad_request" : "internal_server_error", message);
  }

  protected routes(app: FastifyInstance): void {
    app.get("/v2/user", async (request) => ({ user: { ...this.read(request).user, version: "northstar" } }));
    app.get<{ Params: { project: string }; Querystring: { teamId?: string } }>(
      "/v9/projects/:project",
      async (request) => {
        const { id, name, accountId, createdAt, liveId } = findProject(
          this.read(request),
          request.params.project,
          request.query,
        );
        const targets = { production: liveId === undefined ? null : { id: liveId } };
        return { id, name, accountId, createdAt, updatedAt: createdAt, framework: "nextjs", targets };
      },
    );
    const host = (projectId: string) => this.#host(projectId);
    envRoutes(app, this.access());
    deploymentRoutes(app, this.access(), host);
    const activeAt = (token: VercelToken) => this.#active.get(token.id) ?? token.createdAt;
    tokenRoutes(app, this.access(), (request) => this.#caller(request), activeAt);
  }

  protected override controlRoutes(app: FastifyInstance): void {
    app.post("/fail-builds", async (request, reply) => {
      const { projectId, times } = controlBody(request);
      this.failBuilds(String(projectId), Number(times ?? 1));
      return reply.code(204).send();
    });
  }

  #caller(request: FastifyRequest): VercelToken | undefined {
    const value = bearer(request);
    const token = this.read().tokens.find((known) => known.value === value);
    return token && (token.expiresAt ?? Infinity) > Date.now() ? token : undefined;
  }

  #host(projectId: string): VercelHost {
    const host = this.#hosts.get(projectId);
    if (!host) throw refuse(404, "not_found", "Project not found");
    return host;
  }
}

function variables(env: Record<string, string>, at: number): VercelState["projects"][number]["env"] {
  const fields = { type: "encrypted", target: ["production"], createdAt: at, updatedAt: at } as const;
  return Object.entries(env).map(([key, value]) => ({
    id: newId("", 16),
    key,
    value,
    ...fields,
    target: [...fields.target],
  }));
}
