// Branches, files and pull requests, as far as a workflow needs them to propose a change of one file
// (docs.github.com/rest/git/refs, /rest/repos/contents, /rest/pulls).
import { createHash } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refusal } from "./answers.ts";
import { text } from "./body.ts";
import { addIssue, given, issueBody, required } from "./github-issues.ts";
import { findRepository, notFound, refuse, type GithubRepository, type GithubState } from "./github-state.ts";
import type { Access } from "./kit.ts";

/** Files of every branch, by path. */
export type GithubBranches = Record<string, Record<string, string>>;

interface Params {
  owner: string;
  repo: string;
  "*": string;
}
type Request = FastifyRequest<{ Params: Params; Querystring: Record<string, string> }>;

const DOCS = "https://docs.github.com/rest/repos/contents";

export function contentRoutes(app: FastifyInstance, { read, write }: Access<GithubState>): void {
  const of = (request: Request): GithubRepository =>
    findRepository(read(request), request.params.owner, request.params.repo);
  const change = (request: Request, kind: string, mutate: (repository: GithubRepository) => void): void =>
    write((draft) => mutate(findRepository(draft, request.params.owner, request.params.repo)), {
      kind,
      subject: `${request.params.owner}/${request.params.repo}`,
    });

  app.get("/repos/:owner/:repo/git/ref/*", async (request: Request) => {
    const branch = request.params["*"].replace(/^heads\//, "");
    const files = branchesOf(of(request))[branch];
    if (!files) throw notFound();
    return { ref: `refs/heads/${branch}`, object: { type: "commit", sha: commit(files) } };
  });
  app.post("/repos/:owner/:repo/git/refs", async (request: Request, reply) => {
    const body = given(request);
    const [ref, sha] = [required(body, "ref"), required(body, "sha")];
    const branch = ref.replace(/^refs\/heads\//, "");
    const branches = branchesOf(of(request));
    if (branches[branch]) throw invalid("Reference already exists");
    const from = Object.values(branches).find((files) => commit(files) === sha);
    if (!from) throw invalid("Object does not exist");
    change(request, "branch.create", (repository) => {
      repository.branches = { ...branchesOf(repository), [branch]: { ...from } };
    });
    return reply.code(201).send({ ref, object: { type: "commit", sha } });
  });
  app.get("/repos/:owner/:repo/contents/*", async (request: Request) => {
    const path = request.params["*"];
    const content = branchesOf(of(request))[request.query.ref ?? "main"]?.[path];
    if (content === undefined) throw notFound();
    return { type: "file", path, sha: blob(content), encoding: "base64", content: btoa(content) };
  });
  app.put("/repos/:owner/:repo/contents/*", async (request: Request, reply) => {
    const body = given(request);
    const path = request.params["*"];
    const branch = text(body.branch) ?? "main";
    required(body, "message");
    const content = Buffer.from(required(body, "content"), "base64").toString("utf8");
    const files = branchesOf(of(request))[branch];
    if (!files) throw notFound();
    const known = files[path];
    if (known !== undefined && text(body.sha) === undefined)
      throw invalid(`Invalid request.\n\n"sha" wasn't supplied.`);
    if (known !== undefined && body.sha !== blob(known))
      throw new Refusal(409, refuse(409, `${path} does not match ${text(body.sha) ?? ""}`, DOCS).body);
    change(request, "file.put", (repository) => {
      const branches = branchesOf(repository);
      repository.branches = { ...branches, [branch]: { ...files, [path]: content } };
    });
    return reply.code(known === undefined ? 201 : 200).send({ content: { path, sha: blob(content) } });
  });
  app.post("/repos/:owner/:repo/pulls", async (request: Request, reply) => {
    const body = given(request);
    const [title, head, base] = [required(body, "title"), required(body, "head"), required(body, "base")];
    if (!branchesOf(of(request))[head]) throw invalid("Validation Failed");
    let made: Record<string, unknown> = {};
    change(request, "pull.create", (repository) => {
      made = issueBody(addIssue(repository, { title, body: text(body.body) ?? "", labels: [], pull: { head, base } }));
    });
    return reply.code(201).send({ ...made, head: { ref: head }, base: { ref: base } });
  });
}

/** Every repository has its default branch. */
export function branchesOf(repository: Readonly<GithubRepository>): GithubBranches {
  return repository.branches ?? { main: {} };
}

function blob(content: string): string {
  return createHash("sha1")
    .update(`blob ${Buffer.byteLength(content)}\0${content}`)
    .digest("hex");
}

function commit(files: Record<string, string>): string {
  return createHash("sha1").update(JSON.stringify(files)).digest("hex");
}

function btoa(content: string): string {
  return Buffer.from(content).toString("base64");
}

function invalid(message: string): Refusal {
  return new Refusal(422, refuse(422, message, DOCS).body);
}
