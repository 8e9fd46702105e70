// What guards a repository: deployment branch policies of environments, rulesets, the default permissions of workflows,
// and the teams that review (docs.github.com/rest: deployments/branch-policies, repos/rules, actions/permissions, teams).
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refusal } from "./answers.ts";
import { boundedNumber, objectBody, text } from "./body.ts";
import {
  accountOf,
  findEnvironment,
  findRepository,
  nodeId,
  notFound,
  now,
  refuse,
  type GithubRepository,
  type GithubRuleset,
  type GithubState,
} from "./github-state.ts";
import type { Access } from "./kit.ts";

interface Params {
  owner: string;
  repo: string;
  environment: string;
  id: string;
  org: string;
  slug: string;
}
type Request = FastifyRequest<{ Params: Params }>;

const DOCS = "https://docs.github.com/rest";
const repository = "/repos/:owner/:repo";

export function guardRoutes(app: FastifyInstance, context: Access<GithubState>, teams: readonly string[]): void {
  branchPolicyRoutes(app, context);
  rulesetRoutes(app, context);
  const path = `${repository}/actions/permissions/workflow`;
  app.get<{ Params: Params }>(path, async (request) => {
    const { workflowPermissions } = found(context, request);
    return workflowPermissions ?? { default_workflow_permissions: "read", can_approve_pull_request_reviews: false };
  });
  app.put<{ Params: Params }>(path, async (request, reply) => {
    const body = bodyOf(request);
    const given = text(body.default_workflow_permissions);
    if (given !== "read" && given !== "write") throw invalid("default_workflow_permissions must be read or write.");
    const workflowPermissions = {
      default_workflow_permissions: given,
      can_approve_pull_request_reviews: body.can_approve_pull_request_reviews === true,
    };
    context.write((state) => void (drafted(state, request).workflowPermissions = workflowPermissions));
    return reply.code(204).send();
  });
  app.get<{ Params: Params }>("/orgs/:org/teams/:slug", async ({ params: { slug } }) => {
    if (!teams.includes(slug)) throw notFound();
    const { id } = accountOf(slug, "Organization");
    const settings = { privacy: "closed", notification_setting: "notifications_enabled", permission: "pull" };
    return { id, node_id: nodeId("T", id as number), slug, name: slug, description: null, ...settings };
  });
}

function branchPolicyRoutes(app: FastifyInstance, context: Access<GithubState>): void {
  const path = `${repository}/environments/:environment`;
  app.delete<{ Params: Params }>(path, async (request, reply) => {
    findEnvironment(found(context, request), request.params.environment);
    context.write((state) => {
      const draft = drafted(state, request);
      const gone = findEnvironment(draft, request.params.environment);
      draft.environments = draft.environments.filter((each) => each !== gone);
    });
    return reply.code(204).send();
  });
  const policies = `${path}/deployment-branch-policies`;
  const shown = (policy: { id: number; name: string; type: string }) => ({
    ...policy,
    node_id: nodeId("DBP", policy.id),
  });
  app.get<{ Params: Params }>(policies, async (request) => {
    const { branchPolicies = [] } = findEnvironment(found(context, request), request.params.environment);
    return { total_count: branchPolicies.length, branch_policies: branchPolicies.map(shown) };
  });
  app.post<{ Params: Params }>(policies, async (request) => {
    const { protection } = findEnvironment(found(context, request), request.params.environment);
    // "Not Found, or `custom_branch_policies` for the environment is set to false."
    if (protection?.branchPolicy?.custom_branch_policies !== true) throw notFound();
    const body = bodyOf(request);
    const name = text(body.name);
    if (name === undefined) throw invalid('Invalid request.\n\n"name" wasn\'t supplied.');
    return context.write((state) => {
      const environment = findEnvironment(drafted(state, request), request.params.environment);
      const list = (environment.branchPolicies ??= []);
      const known = list.find((each) => each.name === name);
      if (known) throw new Refusal(303, refuse(303, "The pattern exists already.", DOCS).body);
      const made = { id: newId(), name, type: body.type === "tag" ? ("tag" as const) : ("branch" as const) };
      list.push(made);
      return shown(made);
    });
  });
  const one = (list: { id: number; name: string; type: "branch" | "tag" }[] | undefined, request: Request) =>
    list?.find(({ id }) => String(id) === request.params.id) ?? missing();
  app.get<{ Params: Params }>(`${policies}/:id`, async (request) =>
    shown(one(findEnvironment(found(context, request), request.params.environment).branchPolicies, request)),
  );
  app.put<{ Params: Params }>(`${policies}/:id`, async (request) => {
    const name = text(bodyOf(request).name);
    return context.write((state) => {
      const policy = one(findEnvironment(drafted(state, request), request.params.environment).branchPolicies, request);
      policy.name = name ?? policy.name;
      return shown(policy);
    });
  });
  app.delete<{ Params: Params }>(`${policies}/:id`, async (request, reply) => {
    one(findEnvironment(found(context, request), request.params.environment).branchPolicies, request);
    context.write((state) => {
      const environment = findEnvironment(drafted(state, request), request.params.environment);
      environment.branchPolicies =
        environment.branchPolicies?.filter(({ id }) => String(id) !== request.params.id) ?? [];
    });
    return reply.code(204).send();
  });
}

function rulesetRoutes(app: FastifyInstance, context: Access<GithubState>): void {
  const path = `${repository}/rulesets`;
  const one = (list: GithubRuleset[] | undefined, request: Request): GithubRuleset =>
    list?.find(({ id }) => String(id) === request.params.id) ?? missing();
  const shown = (ruleset: GithubRuleset, request: Request) => ({
    source_type: "Repository",
    source: `${request.params.owner}/${request.params.repo}`,
    node_id: nodeId("RRS", ruleset.id),
    ...ruleset,
    updated_at: now(),
  });
  app.get<{ Params: Params; Querystring: Record<string, string> }>(path, async (request) => {
    const { rulesets = [] } = found(context, request);
    return rulesets.slice(0, boundedNumber(request.query.per_page, 30, 1, 100)).map((each) => shown(each, request));
  });
  app.post<{ Params: Params }>(path, async (request, reply) => {
    const body = rulesetIn(request);
    const made = context.write((state) => {
      const list = (drafted(state, request).rulesets ??= []);
      if (list.some(({ name }) => name === body.name)) throw invalid("Name must be unique");
      const ruleset = { ...body, id: newId() };
      list.push(ruleset);
      return ruleset;
    });
    return reply.code(201).send(shown(made, request));
  });
  app.get<{ Params: Params }>(`${path}/:id`, async (request) =>
    shown(one(found(context, request).rulesets, request), request),
  );
  app.put<{ Params: Params }>(`${path}/:id`, async (request) => {
    const body = rulesetIn(request);
    return context.write((state) =>
      shown(Object.assign(one(drafted(state, request).rulesets, request), body), request),
    );
  });
  app.delete<{ Params: Params }>(`${path}/:id`, async (request, reply) => {
    one(found(context, request).rulesets, request);
    context.write((state) => {
      const draft = drafted(state, request);
      draft.rulesets = draft.rulesets?.filter(({ id }) => String(id) !== request.params.id) ?? [];
    });
    return reply.code(204).send();
  });
}

function rulesetIn(request: Request): Record<string, unknown> {
  const body = bodyOf(request);
  for (const field of ["name", "enforcement"])
    if (text(body[field]) === undefined) throw invalid(`Invalid request.\n\n"${field}" wasn't supplied.`);
  if (!["disabled", "active", "evaluate"].includes(text(body.enforcement) ?? ""))
    throw invalid("Invalid request.\n\nenforcement must be disabled, active or evaluate.");
  return { bypass_actors: [], ...body };
}

function bodyOf(request: Request): Record<string, unknown> {
  return objectBody(request, () => new Refusal(400, refuse(400, "Problems parsing JSON", DOCS).body));
}

function found(context: Access<GithubState>, request: Request): Readonly<GithubRepository> {
  return findRepository(context.read(request), request.params.owner, request.params.repo);
}

function drafted(state: GithubState, request: Request): GithubRepository {
  return findRepository(state, request.params.owner, request.params.repo);
}

function invalid(message: string): Refusal {
  return new Refusal(422, refuse(422, message, DOCS).body);
}

function newId(): number {
  return 1_000_000 + Math.floor(Math.random() * 1e9);
}

function missing(): never {
  throw notFound();
}
