import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refusal, bearer, type Answer } from "./answers.ts";
import { Simulator, type SimulatorOptions } from "./kit.ts";
import { controlBody } from "./control.ts";
import type { LimitDecision, LimitRule, LimitUse } from "./limits.ts";
import type { Launch } from "./platform.ts";
import { RenderHost } from "./render-host.ts";
import { envVarRoutes, serviceRoutes } from "./render-routes.ts";
import { deployRoutes } from "./render-deploys.ts";
import { isRunning, newDeploy, renderError, type RenderState } from "./render-state.ts";

export interface RenderServiceSpec {
  /** "srv-...". */
  id: string;
  name: string;
  /** @default 2 */
  instances?: number;
  /** Variables before anyone set one. @default none */
  env?: Record<string, string>;
  launch: Launch;
  /** A GET of this decides whether an instance is healthy. @default "/health/liveness" */
  healthPath?: string;
  /** Milliseconds. @default 15 000 */
  healthDeadlineMs?: number;
  /** How long an old instance may finish requests: milliseconds. @default 10 000 */
  drainMs?: number;
  /** Port of the service's public address. @default 0, a free one */
  publicPort?: number;
}

export interface RenderOptions extends SimulatorOptions {
  apiKey: string;
  services: RenderServiceSpec[];
  /** @default "tea-sandbox0000000000" */
  ownerId?: string;
  /** Milliseconds that a build takes. @default 150 */
  buildMs?: number;
  /** A deploy while another one runs: queued (202 without a body) or refused (409). @default "queue" */
  whenBusy?: "queue" | "conflict";
}

/** api-docs.render.com/reference/rate-limiting; PUT is not listed there and counted as a write. */
const RULES: Record<string, LimitRule> = {
  read: { limit: 400, windowMs: 60_000 },
  write: { limit: 30, windowMs: 60_000 },
  deploy: { limit: 10, windowMs: 60_000 },
};

/** Render's API at `<url>/v1` (and at `<url>`), with a platform behind it that really runs the services. */
export class RenderSimulator extends Simulator<RenderState> {
  readonly vendor = "render";
  readonly #options: RenderOptions;
  /** Public ports that were given once stay over a reset. */
  readonly #ports = new Map<string, number>();
  readonly #hosts = new Map<string, RenderHost>();

  constructor(options: RenderOptions) {
    super(options);
    this.#options = options;
  }

  /** The public address of a service, without a slash at the end: it stays the same over deploys. */
  serviceUrl(serviceId: string): string {
    return this.#host(serviceId).url;
  }

  /** "<deployId>/<index>" of the instances that take requests. */
  instances(serviceId: string): string[] {
    return this.#host(serviceId).instances;
  }

  /** The stored value of a variable, deployed or not. */
  envVar(serviceId: string, key: string): string | undefined {
    return this.read().services.find(({ id }) => id === serviceId)?.envVars[key];
  }

  /** The next `times` builds of a service fail. */
  failBuilds(serviceId: string, times = 1): void {
    this.#host(serviceId).failBuilds = times;
  }

  /** Resolves when no deploy runs and every old instance has ended. */
  async settled(serviceId: string): Promise<void> {
    await this.#host(serviceId).settled();
  }

  /** As if a person had made a key on the dashboard: Render has no other way. */
  addApiKey(key: string): void {
    this.write((state) => void (state.madeKeys = [...(state.madeKeys ?? []), key]), {
      kind: "key.create",
      subject: "api key",
    });
  }

  /** As if a person had ended it there. */
  revokeApiKey(key: string): void {
    this.write((state) => void (state.revokedKeys = [...(state.revokedKeys ?? []), key]), {
      kind: "key.revoke",
      subject: "api key",
    });
  }

  names(): unknown {
    return this.read().services.map(({ id, name, envVars, deploys, live }) => ({
      id,
      name,
      url: this.#hosts.get(id)?.url,
      envVars: Object.keys(envVars),
      liveDeploy: live?.deployId,
      deploys: deploys.map((deploy) => ({ id: deploy.id, status: deploy.status, reason: deploy.reason })),
    }));
  }

  protected initialState(): RenderState {
    const id = this.#options.ownerId ?? "tea-sandbox0000000000";
    return { owner: { id, name: "Sandbox", email: "sandbox@example.com", type: "team" }, services: [] };
  }

  protected override reconcile(draft: RenderState): void {
    const at = new Date().toISOString();
    for (const { id, name, instances = 2, env = {} } of this.#options.services) {
      if (draft.services.some((known) => known.id === id)) continue;
      const dates = { createdAt: at, updatedAt: at };
      draft.services.push({
        id,
        name,
        numInstances: instances,
        ...dates,
        envVars: env,
        deploys: [newDeploy("new_commit")],
      });
    }
  }

  /** Starts what was live, then goes on with deploys that had not ended. */
  protected override async started(): Promise<void> {
    for (const given of this.#options.services) {
      const spec = { ...given, publicPort: given.publicPort ?? this.#ports.get(given.id) };
      this.#hosts.set(spec.id, new RenderHost(spec, this.#options.buildMs ?? 150, this.access(), this.effects));
    }
    await Promise.all([...this.#hosts.values()].map((host) => host.start()));
    for (const [id, host] of this.#hosts) this.#ports.set(id, host.port);
  }

  protected override async stopping(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.stop()));
    this.#hosts.clear();
  }

  protected override rewrite(url: string): string {
    return url.replace(/^\/v1(?=\/|\?|$)/, "") || "/";
  }

  protected authorize(request: FastifyRequest): Answer | undefined {
    const token = bearer(request);
    const { revokedKeys = [], madeKeys = [] } = this.read();
    const known = token !== undefined && [this.#options.apiKey, ...madeKeys].includes(token);
    if (known && !revokedKeys.includes(token)) return undefined;
    return { status: 401, body: { message: "Unauthorized" } };
  }

  protected limitRules(): Record<string, LimitRule> {
    return RULES;
  }

  protected limitsOf(request: FastifyRequest): LimitUse[] {
    if (request.method === "GET") return [{ class: "read", key: "user" }];
    const deploy =
      request.method === "POST" && /^\/services\/([^/]+)\/deploys\/?$/.exec(request.url.split("?")[0] ?? "");
    if (deploy) return [{ class: "deploy", key: deploy[1] ?? "" }];
    return [{ class: "write", key: "user" }];
  }

  protected limitHeaders(decisions: LimitDecision[]): Record<string, string> {
    const [decision] = decisions;
    if (!decision) return {};
    return {
      "RateLimit-Limit": String(decision.limit),
      "RateLimit-Remaining": String(decision.remaining),
      "RateLimit-Reset": String(decision.resetSeconds),
    };
  }

  protected limitAnswer(refused: LimitDecision): Answer {
    const headers = { "Retry-After": String(refused.resetSeconds) };
    return { status: 429, body: renderError(429, "rate limit exceeded"), headers };
  }

  protected errorBody(status: number, message: string): unknown {
    return renderError(status, message);
  }

  protected routes(app: FastifyInstance): void {
    app.get("/owners", async (request) => {
      const { owner } = this.read(request);
      return [{ owner, cursor: owner.id }];
    });
    app.get<{ Params: { id: string } }>("/owners/:id", async (request) => {
      const { owner } = this.read(request);
      if (request.params.id !== owner.id) throw new Refusal(404, renderError(404, "not found"));
      return owner;
    });
    app.get("/users", async (request) => {
      const { name, email } = this.read(request).owner;
      return { name, email };
    });
    const host = (serviceId: string) => this.#host(serviceId);
    serviceRoutes(app, this.access(), host);
    envVarRoutes(app, this.access());
    deployRoutes(app, this.access(), host, this.#options.whenBusy ?? "queue");
  }

  protected override controlRoutes(app: FastifyInstance): void {
    app.post("/fail-builds", async (request, reply) => {
      const { serviceId, times } = controlBody(request);
      this.failBuilds(String(serviceId), Number(times ?? 1));
      return reply.code(204).send();
    });
    app.get("/busy", async () => {
      return this.read().services.map(({ id, deploys }) => ({ id, busy: deploys.some(isRunning) }));
    });
  }

  #host(serviceId: string): RenderHost {
    const host = this.#hosts.get(serviceId);
    if (!host) throw new Refusal(404, renderError(404, `not found: ${serviceId}`));
    return host;
  }
}
