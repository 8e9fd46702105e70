// Issues and the comments of issues and pull requests (docs.github.com/rest/issues): a pull request is an issue there.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { boundedNumber, objectBody, text, type JsonObject } from "./body.ts";
import { Refusal } from "./answers.ts";
import type { Access } from "./kit.ts";
import {
  accountOf,
  findRepository,
  nodeId,
  notFound,
  now,
  refuse,
  type GithubRepository,
  type GithubState,
} from "./github-state.ts";

export interface GithubIssue {
  number: number;
  title: string;
  body: string;
  state: "open" | "closed";
  labels: string[];
  createdAt: string;
  updatedAt: string;
  /** Whether it is a pull request. */
  pull?: { head: string; base: string };
}

export interface GithubComment {
  id: number;
  /** Number of the issue or pull request. */
  issue: number;
  body: string;
  /** Login of the author. */
  user: string;
  createdAt: string;
  updatedAt: string;
}

interface Params {
  owner: string;
  repo: string;
  number: string;
  id: string;
}
type Request = FastifyRequest<{ Params: Params; Querystring: Record<string, string> }>;

const DOCS = "https://docs.github.com/rest/issues";
/** The author of whatever a workflow's own token writes. */
const BOT = "github-actions[bot]";

/** Adds the routes of issues and comments. */
export function issueRoutes(app: FastifyInstance, { read, write }: Access<GithubState>): void {
  const of = (request: Request): GithubRepository =>
    findRepository(read(request), request.params.owner, request.params.repo);
  const change = <Result>(request: Request, kind: string, mutate: (repository: GithubRepository) => Result): Result =>
    write((draft) => mutate(findRepository(draft, request.params.owner, request.params.repo)), {
      kind,
      subject: `${request.params.owner}/${request.params.repo}`,
    });
  const base = "/repos/:owner/:repo/issues";

  app.get(base, async (request: Request) => {
    const { state = "open", labels = "" } = request.query;
    const wanted = labels.split(",").filter((label) => label !== "");
    const found = (of(request).issues ?? []).filter(
      (issue) => (state === "all" || issue.state === state) && wanted.every((label) => issue.labels.includes(label)),
    );
    return page(request, found.reverse()).map(issueBody);
  });
  app.post(base, async (request: Request, reply) => {
    const body = given(request);
    const title = required(body, "title");
    const issue = change(request, "issue.create", (repository) =>
      addIssue(repository, { title, body: text(body.body) ?? "", labels: labelsOf(body) }),
    );
    return reply.code(201).send(issueBody(issue));
  });
  app.get(`${base}/:number`, async (request: Request) => issueBody(findIssue(of(request), request.params.number)));
  app.patch(`${base}/:number`, async (request: Request) => {
    const body = given(request);
    findIssue(of(request), request.params.number);
    return change(request, "issue.update", (repository) => {
      const issue = findIssue(repository, request.params.number);
      issue.title = text(body.title) ?? issue.title;
      issue.body = text(body.body) ?? issue.body;
      if (body.state === "open" || body.state === "closed") issue.state = body.state;
      issue.updatedAt = now();
      return issueBody(issue);
    });
  });
  app.get(`${base}/:number/comments`, async (request: Request) => {
    const { number } = findIssue(of(request), request.params.number);
    return page(
      request,
      (of(request).comments ?? []).filter(({ issue }) => issue === number),
    ).map(commentBody);
  });
  app.post(`${base}/:number/comments`, async (request: Request, reply) => {
    const body = required(given(request), "body");
    const { number } = findIssue(of(request), request.params.number);
    const comment = change(request, "comment.create", (repository) => {
      const comments = (repository.comments ??= []);
      const at = { createdAt: now(), updatedAt: now() };
      const made: GithubComment = { id: 2_400_000_001 + comments.length, issue: number, body, user: BOT, ...at };
      comments.push(made);
      return made;
    });
    return reply.code(201).send(commentBody(comment));
  });
  app.patch(`${base}/comments/:id`, async (request: Request) => {
    const body = required(given(request), "body");
    findComment(of(request), request.params.id);
    return change(request, "comment.update", (repository) => {
      const comment = findComment(repository, request.params.id);
      comment.body = body;
      comment.updatedAt = now();
      return commentBody(comment);
    });
  });
}

/** Adds an issue, or a pull request, with the next number. */
export function addIssue(
  repository: GithubRepository,
  issue: { title: string; body: string; labels: string[]; pull?: GithubIssue["pull"] },
): GithubIssue {
  const issues = (repository.issues ??= []);
  const at = { createdAt: now(), updatedAt: now() };
  const made: GithubIssue = { number: issues.length + 1, state: "open", ...issue, ...at };
  issues.push(made);
  return made;
}

function findIssue(repository: GithubRepository, number: string): GithubIssue {
  const found = repository.issues?.find((issue) => String(issue.number) === number);
  if (!found) throw notFound();
  return found;
}

function findComment(repository: GithubRepository, id: string): GithubComment {
  const found = repository.comments?.find((comment) => String(comment.id) === id);
  if (!found) throw notFound();
  return found;
}

/** GitHub gives 30 a page unless asked otherwise, 100 at most. */
function page<Item>(request: Request, items: Item[]): Item[] {
  const size = boundedNumber(request.query.per_page, 30, 1, 100);
  const start = (boundedNumber(request.query.page, 1, 1, 1000) - 1) * size;
  return items.slice(start, start + size);
}

export function given(request: FastifyRequest): JsonObject {
  return objectBody(request, () => new Refusal(400, refuse(400, "Problems parsing JSON", DOCS).body));
}

/** A text field that must be there. @throws Refusal 422 */
export function required(body: JsonObject, field: string): string {
  const value = text(body[field]);
  if (value === undefined || value === "")
    throw new Refusal(422, refuse(422, `Invalid request.\n\n"${field}" wasn't supplied.`, DOCS).body);
  return value;
}

function labelsOf(body: JsonObject): string[] {
  return Array.isArray(body.labels) ? body.labels.filter((label) => typeof label === "string") : [];
}

export function issueBody(issue: GithubIssue): Record<string, unknown> {
  const { number, title, body, state, labels, createdAt, updatedAt, pull } = issue;
  const dates = { created_at: createdAt, updated_at: updatedAt };
  return {
    id: 3_000_000_000 + number,
    node_id: nodeId("I", number),
    number,
    title,
    body,
    state,
    labels: labels.map((name, id) => ({ id, name })),
    user: accountOf(BOT, "User"),
    ...dates,
    ...(pull ? { pull_request: {} } : {}),
  };
}

function commentBody({ id, body, user, createdAt, updatedAt }: GithubComment): Record<string, unknown> {
  const author = { ...accountOf(user, "User"), type: user.endsWith("[bot]") ? "Bot" : "User" };
  return { id, node_id: nodeId("IC", id), body, user: author, created_at: createdAt, updated_at: updatedAt };
}
