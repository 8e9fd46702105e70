import type { FastifyInstance, FastifyRequest } from "fastify";
import { bearer, type Answer } from "./answers.ts";
import { Simulator, type SimulatorOptions } from "./kit.ts";
import type { LimitDecision, LimitRule, LimitUse } from "./limits.ts";
import { branchesOf, contentRoutes } from "./github-contents.ts";
import { addIssue, issueRoutes, type GithubComment, type GithubIssue } from "./github-issues.ts";
import { OidcIssuer, oidcPaths } from "./github-oidc.ts";
import { guardRoutes } from "./github-guards.ts";
import { environmentRoutes, repositoryRoutes } from "./github-routes.ts";
import { addRun, findRun, runRoutes, type GithubApproval, type GithubConclusion, type RunSpec } from "./github-runs.ts";
import {
  accountOf,
  addMissing,
  findEnvironment,
  findRepository,
  notFound,
  refuse,
  type GithubState,
} from "./github-state.ts";
import { sodiumReady } from "./sealed-box.ts";

export interface GithubOptions extends SimulatorOptions {
  /** Token with every permission. */
  token: string;
  /** Token that may read metadata and secret names, and write nothing. */
  readOnlyToken?: string;
  /** Login of the token's user. @default the first repository's owner */
  login?: string;
  /** Repositories that exist from the beginning, with their environments. */
  repositories: { owner: string; name: string; environments?: string[] }[];
  /** Slugs of the organisations' teams. @default operations and security */
  teams?: string[];
  /** Logins in `repositories` that are users; the others are organisations. @default none */
  users?: string[];
}

const LIMITS = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api";
const SECONDARY = `${LIMITS}#about-secondary-rate-limits`;
/** The limits of github.com (a GHES would have none by default). */
const RULES: Record<string, LimitRule> = {
  core: { limit: 5000, windowMs: 3_600_000 },
  points: { limit: 900, windowMs: 60_000 },
  "content-minute": { limit: 80, windowMs: 60_000 },
  "content-hour": { limit: 500, windowMs: 3_600_000 },
};

/**
 * GitHub's REST API as far as Actions secrets, runs, environments, issues and files need it, at `<url>/` and, as on a GHES, at `<url>/api/v3/`.
 * Values are kept decrypted and never leave through the API; tests ask `secretValue`.
 */
export class GithubSimulator extends Simulator<GithubState> {
  readonly vendor = "github";
  /** Identity tokens of jobs; a job asks for its own at `<url>/oidc/token`. */
  readonly oidc = new OidcIssuer();
  readonly #options: GithubOptions;

  constructor(options: GithubOptions) {
    super(options);
    this.#options = options;
  }

  override async start(): Promise<this> {
    await sodiumReady;
    return super.start();
  }

  /**
   * The value behind a secret, as a workflow would get it: undefined where there is none.
   * With `environment` only that environment's own secret counts.
   */
  secretValue(owner: string, repo: string, name: string, environment?: string): string | undefined {
    const repository = findRepository(this.read(), owner, repo);
    const holder = environment === undefined ? repository : findEnvironment(repository, environment);
    return holder.secrets[name.toUpperCase()]?.value;
  }

  /** As if a workflow had started; gives the run's id. */
  startRun(owner: string, repo: string, spec?: RunSpec): number {
    return this.write((state) => addRun(findRepository(state, owner, repo), spec).id);
  }

  /** As if the last job of a run had ended, or its runner were lost. */
  endRun(owner: string, repo: string, run: number, conclusion: GithubConclusion): void {
    const at = new Date().toISOString();
    this.write((state) => void (findRun(findRepository(state, owner, repo), run).ended = { conclusion, at }));
  }

  /** As if a person had reviewed waiting deployments of a run in the browser. */
  review(owner: string, repo: string, run: number, approval: Partial<GithubApproval> & { user: string }): void {
    const whole: GithubApproval = { state: "approved", environments: [], type: "User", comment: "", ...approval };
    this.write((state) => void findRun(findRepository(state, owner, repo), run).approvals.push(whole));
  }

  /** As if a person had opened a pull request; gives its number. */
  openPull(owner: string, repo: string, title: string): number {
    const pull = { head: "topic", base: "main" };
    return this.write(
      (state) => addIssue(findRepository(state, owner, repo), { title, body: "", labels: [], pull }).number,
    );
  }

  /** Issues and pull requests, comments, and the files of every branch. */
  contents(owner: string, repo: string) {
    const repository = findRepository(this.read(), owner, repo);
    const issues: readonly GithubIssue[] = repository.issues ?? [];
    const comments: readonly GithubComment[] = repository.comments ?? [];
    return { issues, comments, branches: branchesOf(repository) };
  }

  /** What guards a repository: its environments' protections, its rulesets and what workflows may do by default. */
  guards(owner: string, repo: string) {
    const { environments, rulesets = [], workflowPermissions } = findRepository(this.read(), owner, repo);
    return {
      environments: environments.map(({ name, protection, branchPolicies = [] }) => ({
        name,
        protection,
        branchPolicies,
      })),
      rulesets,
      workflowPermissions,
    };
  }

  /** As if an administrator had changed settings in the browser. */
  tamper(owner: string, repo: string, change: (repository: GithubState["repositories"][number]) => void): void {
    this.write((state) => change(findRepository(state, owner, repo)));
  }

  /** As if somebody had pushed a file to the default branch. */
  pushFile(owner: string, repo: string, path: string, content: string): void {
    this.write((state) => {
      const repository = findRepository(state, owner, repo);
      const { main = {}, ...others } = branchesOf(repository);
      repository.branches = { ...others, main: { ...main, [path]: content } };
    });
  }

  names(): unknown {
    return this.read().repositories.map((repository) => ({
      repository: `${repository.owner}/${repository.name}`,
      secrets: Object.keys(repository.secrets),
      environments: repository.environments.map(({ name, secrets }) => ({ name, secrets: Object.keys(secrets) })),
    }));
  }

  protected initialState(): GithubState {
    return addMissing({ repositories: [] }, this.#options.repositories);
  }

  protected override reconcile(draft: GithubState): void {
    addMissing(draft, this.#options.repositories);
  }

  protected override rewrite(url: string): string {
    return url.replace(/^\/api\/v3(?=\/|\?|$)/, "") || "/";
  }

  protected authorize(request: FastifyRequest): Answer | undefined {
    if (oidcPaths.includes(request.url.split("?")[0] ?? "")) return undefined;
    const token = bearer(request);
    const documentation_url = "https://docs.github.com/rest";
    if (token === undefined) return refuse(401, "Requires authentication", `${documentation_url}/authentication`);
    if (token === this.#options.token) return undefined;
    if (token !== this.#options.readOnlyToken) return refuse(401, "Bad credentials", documentation_url);
    if (request.method === "GET") return undefined;
    return refuse(403, "Resource not accessible by personal access token", `${documentation_url}/actions/secrets`);
  }

  protected limitRules(): Record<string, LimitRule> {
    return RULES;
  }

  protected limitsOf(request: FastifyRequest): LimitUse[] {
    const key = bearer(request) ?? "anonymous";
    if (request.url === "/rate_limit") return [];
    const points = { class: "points", key, cost: request.method === "GET" ? 1 : 5 };
    const content = ["content-minute", "content-hour"].map((name) => ({ class: name, key }));
    return [{ class: "core", key }, points, ...(["GET", "DELETE"].includes(request.method) ? [] : content)];
  }

  protected limitHeaders(decisions: LimitDecision[]): Record<string, string> {
    const core = decisions.find((decision) => decision.class === "core");
    if (!core) return {};
    return {
      "x-ratelimit-limit": String(core.limit),
      "x-ratelimit-remaining": String(core.remaining),
      "x-ratelimit-used": String(core.used),
      "x-ratelimit-reset": String(Math.ceil(core.resetAt / 1000)),
      "x-ratelimit-resource": "core",
    };
  }

  protected limitAnswer(refused: LimitDecision): Answer {
    if (refused.class === "core") return refuse(403, "API rate limit exceeded for user ID 1.", LIMITS);
    const message =
      "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. " +
      "For more on scraping GitHub and how it may affect your rights, please review our Terms of Service.";
    const headers = { "retry-after": String(refused.resetSeconds) };
    return { ...refuse(403, message, SECONDARY), headers };
  }

  protected errorBody(status: number, message: string): unknown {
    return refuse(status, message, "https://docs.github.com/rest").body;
  }

  protected routes(app: FastifyInstance): void {
    app.addHook("onRequest", async (_request, reply) => {
      void reply.headers({
        "x-github-media-type": "github.v3; format=json",
        "x-github-api-version-selected": "2022-11-28",
        "x-github-request-id": crypto.randomUUID(),
      });
    });
    repositoryRoutes(app, this.access());
    environmentRoutes(app, this.access());
    guardRoutes(app, this.access(), this.#options.teams ?? ["operations", "security"]);
    issueRoutes(app, this.access());
    runRoutes(app, this.access());
    contentRoutes(app, this.access());
    this.oidc.routes(app, () => `${this.url}/oidc`);
    app.get("/user", async () => accountOf(this.#login(), "User"));
    app.get<{ Params: { login: string } }>("/users/:login", async ({ params }) => {
      return accountOf(params.login, this.#isUser(params.login) ? "User" : "Organization");
    });
    app.get<{ Params: { login: string } }>("/orgs/:login", async ({ params }) => {
      if (this.#isUser(params.login)) throw notFound();
      return accountOf(params.login, "Organization");
    });
    app.get("/meta", async () => ({ verifiable_password_authentication: false, installed_version: "3.20.0" }));
    app.get("/rate_limit", async (request) => {
      const { limit, used, remaining, resetAt } = this.limit({ class: "core", key: bearer(request) ?? "anonymous" });
      const core = { limit, used, remaining, reset: Math.ceil(resetAt / 1000) };
      return { resources: { core }, rate: core };
    });
  }

  protected override controlRoutes(app: FastifyInstance): void {
    type Query = { owner?: string; repo?: string; name?: string; environment?: string };
    app.get<{ Querystring: Query }>("/secret-value", async ({ query }) => {
      const value = this.secretValue(query.owner ?? "", query.repo ?? "", query.name ?? "", query.environment);
      if (value === undefined) throw notFound();
      return { value };
    });
  }

  #login(): string {
    return this.#options.login ?? this.#options.repositories[0]?.owner ?? "octocat";
  }

  #isUser(login: string): boolean {
    const same = (other: string) => other.toLowerCase() === login.toLowerCase();
    if (same(this.#login()) || this.#options.users?.some(same)) return this.#options.users?.some(same) ?? false;
    if (!this.#options.repositories.some(({ owner }) => same(owner))) throw notFound();
    return false;
  }
}
