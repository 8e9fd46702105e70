import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { boundedNumber, objectBody, text } from "./body.ts";
import {
  accountOf,
  findEnvironment,
  findRepository,
  findRepositoryById,
  newEnvironment,
  nodeId,
  notFound,
  now,
  refuse,
  type GithubEnvironment,
  type GithubProtection,
  type GithubRepository,
  type GithubSecret,
  type GithubState,
  type SecretHolder,
} from "./github-state.ts";
import { Refusal } from "./answers.ts";
import type { Access } from "./kit.ts";
import { openBox } from "./sealed-box.ts";

const DOCS = "https://docs.github.com/rest/actions/secrets";
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/;
const NAME = /^[A-Z_][A-Z0-9_]*$/i;
const MAX_BYTES = 48 * 1024;
const MAX_SECRETS = 100;

interface Params {
  owner: string;
  repo: string;
  repositoryId: string;
  environment: string;
  name: string;
}
type Find = (state: Readonly<GithubState>, params: Params) => SecretHolder;
type Label = (state: Readonly<GithubState>, params: Params) => string;

/** Repositories, and the secrets that belong to one. */
export function repositoryRoutes(app: FastifyInstance, context: Access<GithubState>): void {
  app.get<{ Params: Params }>("/repos/:owner/:repo", async (request) => {
    return repositoryBody(findRepository(context.read(request), request.params.owner, request.params.repo));
  });
  app.get<{ Params: Params }>("/repositories/:repositoryId", async (request) => {
    return repositoryBody(findRepositoryById(context.read(request), request.params.repositoryId));
  });
  const find: Find = (state, { owner, repo }) => findRepository(state, owner, repo);
  const label: Label = (state, { owner, repo }) => fullName(findRepository(state, owner, repo));
  secretRoutes(app, context, "/repos/:owner/:repo/actions/secrets", find, label);
}

/**
 * Environments and their secrets. The official provider (go-github) addresses a repository by its number here,
 * GitHub's documentation by its name; the API takes both.
 */
export function environmentRoutes(app: FastifyInstance, context: Access<GithubState>): void {
  const path = "/repos/:owner/:repo/environments";
  app.get<{ Params: Params }>(path, async (request) => {
    const { environments } = findRepository(context.read(request), request.params.owner, request.params.repo);
    return { total_count: environments.length, environments: environments.map(environmentBody) };
  });
  app.get<{ Params: Params }>(`${path}/:environment`, async (request) => {
    const repository = findRepository(context.read(request), request.params.owner, request.params.repo);
    return environmentBody(findEnvironment(repository, request.params.environment));
  });
  app.put<{ Params: Params }>(`${path}/:environment`, async (request) => {
    const { params } = request;
    const protection = protectionOf(request);
    return context.write((state) => {
      const repository = findRepository(state, params.owner, params.repo);
      const known = repository.environments.find(({ name }) => name.toLowerCase() === params.environment.toLowerCase());
      const environment = known ?? newEnvironment(params.environment);
      if (!known) repository.environments.push(environment);
      environment.protection = protection;
      return environmentBody(environment);
    });
  });
  for (const by of ["/repos/:owner/:repo", "/repositories/:repositoryId"]) {
    const repositoryOf = (state: Readonly<GithubState>, params: Params) =>
      params.repositoryId
        ? findRepositoryById(state, params.repositoryId)
        : findRepository(state, params.owner, params.repo);
    const find: Find = (state, params) => findEnvironment(repositoryOf(state, params), params.environment);
    const label: Label = (state, params) => `${fullName(repositoryOf(state, params))}/${params.environment}`;
    secretRoutes(app, context, `${by}/environments/:environment/secrets`, find, label);
  }
}

function secretRoutes(
  app: FastifyInstance,
  context: Access<GithubState>,
  path: string,
  find: Find,
  label: Label,
): void {
  app.get<{ Params: Params; Querystring: Record<string, string> }>(path, async (request) => {
    const { secrets } = find(context.read(request), request.params);
    const perPage = boundedNumber(request.query.per_page, 10, 1, 100);
    const start = (boundedNumber(request.query.page, 1, 1, 1000) - 1) * perPage;
    const entries = Object.entries(secrets).sort(([a], [b]) => (a < b ? -1 : 1));
    const shown = entries.slice(start, start + perPage).map(([name, secret]) => secretBody(name, secret));
    return { total_count: entries.length, secrets: shown };
  });
  app.get<{ Params: Params }>(`${path}/public-key`, async (request) => {
    const { keyId, keys } = find(context.read(request), request.params);
    return { key_id: keyId, key: keys.publicKey };
  });
  app.get<{ Params: Params }>(`${path}/:name`, async (request) => {
    const name = request.params.name.toUpperCase();
    const secret = find(context.read(request), request.params).secrets[name];
    if (!secret) throw notFound();
    return secretBody(name, secret);
  });
  app.put<{ Params: Params }>(`${path}/:name`, async (request, reply) => put(request, reply, context, find, label));
  app.delete<{ Params: Params }>(`${path}/:name`, async (request, reply) => {
    const name = request.params.name.toUpperCase();
    const state = context.read(request);
    if (!find(state, request.params).secrets[name]) throw notFound();
    context.write((draft) => void delete find(draft, request.params).secrets[name], {
      kind: "secret.delete",
      subject: `${label(state, request.params)}/${name}`,
    });
    return reply.code(204).send();
  });
}

function put(
  request: FastifyRequest<{ Params: Params }>,
  reply: FastifyReply,
  context: Access<GithubState>,
  find: Find,
  label: Label,
): FastifyReply {
  const { params } = request;
  const state = context.read(request);
  const holder = find(state, params);
  const name = params.name.toUpperCase();
  const value = opened(request, holder);
  if (!NAME.test(name) || name.startsWith("GITHUB_")) {
    throw invalid(
      "Secret names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_). " +
        "Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_), and not with GITHUB_.",
    );
  }
  const isNew = holder.secrets[name] === undefined;
  if (isNew && Object.keys(holder.secrets).length >= MAX_SECRETS) throw invalid("Secret count limit exceeded.");
  context.write(
    (draft) => {
      const { secrets } = find(draft, params);
      secrets[name] = { value, createdAt: secrets[name]?.createdAt ?? now(), updatedAt: now() };
    },
    { kind: "secret.put", subject: `${label(state, params)}/${name}` },
  );
  return isNew ? reply.code(201).send({}) : reply.code(204).send();
}

/** The value in the sealed box of a request. @throws Refusal 422 */
function opened(request: FastifyRequest, holder: SecretHolder): string {
  const body = objectBody(request, () => new Refusal(400, refuse(400, "Problems parsing JSON", DOCS).body));
  const sealed = text(body.encrypted_value);
  for (const field of ["encrypted_value", "key_id"]) {
    if (text(body[field]) === undefined) throw invalid(`Invalid request.\n\n"${field}" wasn't supplied.`);
  }
  // GitHub repeats the offending text here; a simulator that is asked never to leak does not.
  if (!BASE64.test(sealed ?? ""))
    throw invalid(`Invalid request.\n\nencrypted_value does not match /${BASE64.source}/.`);
  const value = body.key_id === holder.keyId ? openBox(sealed ?? "", holder.keys) : undefined;
  if (value === undefined) throw invalid("Bad request - validation failed due to an improperly encrypted secret");
  if (Buffer.byteLength(value) > MAX_BYTES) throw invalid("Secret value is too large: the limit is 48 KB.");
  return value;
}

function invalid(message: string): Refusal {
  return new Refusal(422, refuse(422, message, DOCS).body);
}

function secretBody(name: string, secret: GithubSecret): Record<string, string> {
  return { name, created_at: secret.createdAt, updated_at: secret.updatedAt };
}

function fullName(repository: GithubRepository): string {
  return `${repository.owner}/${repository.name}`;
}

/** What a PUT says; whatever it leaves out is taken away, as at GitHub. */
function protectionOf(request: FastifyRequest): GithubProtection {
  const body = objectBody(request, () => new Refusal(400, refuse(400, "Problems parsing JSON", DOCS).body));
  return {
    waitTimer: typeof body.wait_timer === "number" ? body.wait_timer : 0,
    preventSelfReview: body.prevent_self_review === true,
    reviewers: Array.isArray(body.reviewers) ? (body.reviewers as GithubProtection["reviewers"]) : [],
    branchPolicy: (body.deployment_branch_policy as GithubProtection["branchPolicy"] | undefined) ?? null,
    canAdminsBypass: body.can_admins_bypass !== false,
  };
}

function environmentBody(environment: GithubEnvironment): Record<string, unknown> {
  const { id, name, createdAt, protection } = environment;
  const dates = { created_at: createdAt, updated_at: createdAt };
  const { waitTimer = 0, preventSelfReview = false, reviewers = [], branchPolicy = null } = protection ?? {};
  const rule = (number: number) => ({ id: id * 10 + number, node_id: nodeId("GA", id * 10 + number) });
  const protection_rules = [
    ...(waitTimer > 0 ? [{ ...rule(1), type: "wait_timer", wait_timer: waitTimer }] : []),
    ...(reviewers.length
      ? [
          {
            ...rule(2),
            type: "required_reviewers",
            prevent_self_review: preventSelfReview,
            reviewers: reviewers.map((each) => ({ type: each.type, reviewer: { id: each.id } })),
          },
        ]
      : []),
    ...(branchPolicy ? [{ ...rule(3), type: "branch_policy" }] : []),
  ];
  const can_admins_bypass = protection?.canAdminsBypass ?? true;
  const shown = { ...dates, can_admins_bypass, protection_rules, deployment_branch_policy: branchPolicy };
  return { id, node_id: nodeId("EN", id), name, ...shown };
}

function repositoryBody(repository: GithubRepository): Record<string, unknown> {
  const { id, name, owner, createdAt } = repository;
  return {
    id,
    node_id: nodeId("R", id),
    name,
    full_name: fullName(repository),
    private: true,
    visibility: "private",
    owner: accountOf(owner, "Organization"),
    default_branch: "main",
    archived: false,
    disabled: false,
    fork: false,
    permissions: { admin: true, maintain: true, push: true, triage: true, pull: true },
    created_at: createdAt,
    updated_at: createdAt,
    pushed_at: createdAt,
  };
}
