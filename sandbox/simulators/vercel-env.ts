import type { FastifyInstance, FastifyRequest } from "fastify";
import { isObject, jsonBody, objectBody, text } from "./body.ts";
import { newId } from "./answers.ts";
import type { Access } from "./kit.ts";
import {
  findProject,
  refuse,
  type EnvTarget,
  type EnvType,
  type VercelEnvVar,
  type VercelProject,
  type VercelState,
} from "./vercel-state.ts";

interface Route {
  Params: { project: string; id: string };
  Querystring: { teamId?: string; slug?: string; upsert?: string };
}
type Draft = Pick<VercelEnvVar, "key" | "value" | "type" | "target" | "gitBranch" | "comment">;
interface Failure {
  code: string;
  message: string;
  key: string;
  envVarKey: string;
  envVarId?: string;
  target?: EnvTarget[];
  gitBranch?: string;
}

const TYPES: EnvType[] = ["system", "encrypted", "plain", "sensitive", "secret"];
const TARGETS: EnvTarget[] = ["production", "preview", "development"];

/** Variables of a project. A change reaches nothing that runs: only later deployments get it. */
export function envRoutes(app: FastifyInstance, access: Access<VercelState>): void {
  const projectOf = (request: FastifyRequest<Route>, state = access.read(request)) =>
    findProject(state, request.params.project, request.query);
  const find = (project: VercelProject, id: string): VercelEnvVar => {
    const variable = project.env.find((known) => known.id === id);
    if (!variable) throw refuse(404, "not_found", "Environment Variable not found");
    return variable;
  };

  app.post<Route>("/v10/projects/:project/env", async (request, reply) => {
    const project = projectOf(request);
    const body = jsonBody(request, () => refuse(400, "bad_request", "Invalid JSON"));
    const drafts = (Array.isArray(body) ? (body as unknown[]) : [body]).map(draftOf);
    const upsert = request.query.upsert === "true";
    const results = drafts.map((draft) => put(access, project.id, draft, upsert));
    const created = results.flatMap((result) => ("id" in result ? [shown(result, false)] : []));
    const failures = results.flatMap((result) => ("id" in result ? [] : [result]));
    const [first] = failures;
    // One variable that fails is an error; of several, the answer is a success that names the failed ones.
    if (!Array.isArray(body) && first) throw refuse(400, first.code, first.message, { ...first });
    const failed = failures.map((error) => ({ error }));
    return reply.code(201).send({ created: Array.isArray(body) ? created : created[0], failed });
  });

  for (const version of ["v8", "v9", "v10"]) {
    app.get<Route>(`/${version}/projects/:project/env`, async (request) => {
      return { envs: projectOf(request).env.map((variable) => shown(variable, false)) };
    });
  }
  for (const version of ["v1", "v10"]) {
    app.get<Route>(`/${version}/projects/:project/env/:id`, async (request) => {
      return shown(find(projectOf(request), request.params.id), true);
    });
  }
  for (const version of ["v9", "v10"]) {
    app.patch<Route>(`/${version}/projects/:project/env/:id`, async (request) => {
      const { id } = request.params;
      const project = projectOf(request, access.read());
      const old = find(project, id);
      const body = objectBody(request, () => refuse(400, "bad_request", "Invalid JSON"));
      const draft = draftOf({ ...old, ...body });
      if ((draft.type === "sensitive") !== (old.type === "sensitive")) throw sensitivity(draft.key);
      const rival = project.env.find((other) => other.id !== id && overlaps(other, draft));
      if (rival)
        throw refuse(
          403,
          "ENV_ALREADY_EXISTS",
          "Another Environment Variable with the same Name and Environment exists in your project.",
        );
      return access.write(
        (state) => {
          const variable = find(projectOf(request, state), id);
          Object.assign(variable, draft, { updatedAt: Date.now() });
          return shown(variable, false);
        },
        { kind: "env-var.put", subject: `${project.id}/${draft.key}` },
      );
    });
  }
  for (const version of ["v8", "v9", "v10"]) {
    app.delete<Route>(`/${version}/projects/:project/env/:id`, async (request) => {
      const project = projectOf(request, access.read());
      const variable = find(project, request.params.id);
      access.write(
        (state) => {
          const held = projectOf(request, state);
          held.env = held.env.filter(({ id }) => id !== variable.id);
        },
        { kind: "env-var.delete", subject: `${project.id}/${variable.key}` },
      );
      return shown(variable, false);
    });
  }
}

/** Creates or, with `upsert`, changes in place. */
function put(access: Access<VercelState>, projectId: string, draft: Draft, upsert: boolean): VercelEnvVar | Failure {
  const project = access.read().projects.find(({ id }) => id === projectId);
  const rivals = project?.env.filter((other) => overlaps(other, draft)) ?? [];
  // An upsert finds the variable by its exact targets; a partial overlap is a conflict even then.
  const same = upsert ? rivals.find((other) => sameTargets(other, draft)) : undefined;
  if (rivals.some((other) => other !== same)) {
    const { key, target, gitBranch } = draft;
    const message = `A variable with the name \`${key}\` already exists for the target ${target.join(",")} on branch ${gitBranch}`;
    return { code: "ENV_CONFLICT", message, key, envVarKey: key, target, gitBranch };
  }
  if (same && (same.type === "sensitive") !== (draft.type === "sensitive")) {
    return { code: "BAD_REQUEST", message: SENSITIVITY, key: draft.key, envVarKey: draft.key, envVarId: same.id };
  }
  const at = Date.now();
  return access.write(
    (state) => {
      const held = state.projects.find(({ id }) => id === projectId);
      const known = held?.env.find(({ id }) => id === same?.id);
      if (known) return Object.assign(known, draft, { updatedAt: at });
      const variable = { id: newId("", 16), ...draft, createdAt: at, updatedAt: at };
      held?.env.push(variable);
      return variable;
    },
    { kind: "env-var.put", subject: `${projectId}/${draft.key}` },
  );
}

const SENSITIVITY = "A variable becomes or ceases to be sensitive only by delete and re-create";

function sensitivity(key: string) {
  return refuse(400, "bad_request", SENSITIVITY, { key });
}

function overlaps(a: Draft, b: Draft): boolean {
  return a.key === b.key && a.gitBranch === b.gitBranch && a.target.some((target) => b.target.includes(target));
}

function sameTargets(a: Draft, b: Draft): boolean {
  return a.target.length === b.target.length && a.target.every((target) => b.target.includes(target));
}

function draftOf(body: unknown): Draft {
  const wrong = (message: string) => refuse(400, "bad_request", `Invalid request: ${message}`);
  if (!isObject(body)) throw wrong("the body should be object.");
  const { key, value, type, target, gitBranch, comment } = body;
  const targets = typeof target === "string" ? [target] : target;
  if (typeof key !== "string" || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) throw wrong("`key` is not a valid name.");
  if (typeof value !== "string") throw wrong("missing required property `value`.");
  if (!TYPES.includes(type as EnvType)) throw wrong("`type` should be equal to one of the allowed values.");
  if (!Array.isArray(targets) || targets.length === 0 || targets.some((item) => !TARGETS.includes(item as EnvTarget))) {
    throw wrong("`target` should be equal to one of the allowed values.");
  }
  if (type === "sensitive" && targets.includes("development")) {
    throw wrong("a sensitive variable cannot have the target `development`.");
  }
  const fields = { key, value, type: type as EnvType, target: targets as EnvTarget[] };
  return { ...fields, gitBranch: text(gitBranch), comment: text(comment) };
}

/** A variable as the API shows it: the value of an encrypted one only when it is read by id, of a sensitive one never. */
function shown(variable: VercelEnvVar, byId: boolean): Record<string, unknown> {
  const { value, ...rest } = variable;
  const readable = variable.type === "plain" || (byId && variable.type === "encrypted");
  const decrypted = byId && variable.type === "encrypted";
  if (variable.type === "sensitive") return { ...rest, value: "", decrypted: false };
  // The ciphertext of a real answer is opaque; a fixed text that holds nothing stands for it.
  return { ...rest, value: readable ? value : "ZW5jcnlwdGVkLWJ5LXRoZS1zYW5kYm94", decrypted };
}
