import type { FastifyInstance } from "fastify";
import { boundedNumber, isObject, objectBody, text } from "./body.ts";
import type { Access } from "./kit.ts";
import type { VercelHost } from "./vercel-host.ts";
import {
  findProject,
  isRunning,
  newDeployment,
  refuse,
  scopeOf,
  snapshot,
  type VercelDeployment,
  type VercelProject,
  type VercelState,
} from "./vercel-state.ts";

type Query = Record<string, string | undefined>;

/** Deployments: create, list, read, cancel. */
export function deploymentRoutes(
  app: FastifyInstance,
  access: Access<VercelState>,
  host: (projectId: string) => VercelHost,
): void {
  const find = (state: Readonly<VercelState>, idOrUrl: string, query: Query) => {
    const scope = scopeOf(state, query);
    for (const project of state.projects.filter(({ accountId }) => accountId === scope)) {
      const deployment = project.deployments.find(({ id, url }) => id === idOrUrl || url === idOrUrl);
      if (deployment) return { project, deployment };
    }
    throw refuse(404, "not_found", "The deployment could not be found");
  };

  app.post<{ Querystring: Query }>("/v13/deployments", async (request) => {
    const state = access.read();
    const body = objectBody(request, () => refuse(400, "bad_request", "Invalid JSON"));
    const name = text(body.name);
    if (name === undefined) throw refuse(400, "bad_request", "Invalid request: missing required property `name`.");
    if (body.target !== undefined && body.target !== "production" && body.target !== "staging") {
      throw refuse(400, "bad_request", "Invalid request: `target` should be equal to one of the allowed values.");
    }
    const original = text(body.deploymentId);
    const project = original
      ? find(state, original, request.query).project
      : findProject(state, text(body.project) ?? name, request.query);
    const forced = request.query.forceNew === "1";
    const deployment = prepare(project, body, original);
    const similar = project.deployments[0];
    // Without forceNew a deployment like the last one is not made again, and nothing new is rolled out.
    if (!forced && similar?.readyState === "READY" && isSimilar(similar, deployment, original)) {
      return deploymentBody(similar, project);
    }
    access.write((draft) => void draft.projects.find(({ id }) => id === project.id)?.deployments.unshift(deployment), {
      kind: "deployment.create",
      subject: `${project.id}/${deployment.id}`,
    });
    host(project.id).deploy(deployment.id);
    return deploymentBody(deployment, project);
  });

  app.get<{ Params: { id: string }; Querystring: Query }>("/v13/deployments/:id", async (request) => {
    const { project, deployment } = find(access.read(request), request.params.id, request.query);
    return deploymentBody(deployment, project);
  });

  for (const version of ["v6", "v7"]) {
    app.get<{ Querystring: Query }>(`/${version}/deployments`, async (request) => {
      const { query } = request;
      const state = access.read(request);
      const scope = scopeOf(state, query);
      const wanted = query.projectId ?? query.app;
      const states = query.state?.split(",");
      const all = state.projects
        .filter(({ id, name, accountId }) => accountId === scope && [undefined, id, name].includes(wanted))
        .flatMap((project) => project.deployments.map((deployment) => ({ project, deployment })))
        .filter(({ deployment }) => query.target === undefined || (deployment.target ?? "preview") === query.target)
        .filter(({ deployment }) => states === undefined || states.includes(deployment.readyState))
        .filter(({ deployment }) => query.until === undefined || deployment.createdAt < Number(query.until))
        .sort((a, b) => b.deployment.createdAt - a.deployment.createdAt);
      const shown = all.slice(0, boundedNumber(query.limit, 20, 1, 100));
      const last = shown.at(-1)?.deployment.createdAt ?? null;
      return {
        deployments: shown.map(({ project, deployment }) => listItem(deployment, project)),
        pagination: {
          count: shown.length,
          next: shown.length < all.length ? last : null,
          prev: shown[0]?.deployment.createdAt ?? null,
        },
      };
    });
  }

  app.patch<{ Params: { id: string }; Querystring: Query }>("/v12/deployments/:id/cancel", async (request) => {
    const { project, deployment } = find(access.read(), request.params.id, request.query);
    if (!isRunning(deployment) || !host(project.id).cancel(deployment.id)) {
      throw refuse(400, "bad_request", "The deployment is not in progress and cannot be canceled");
    }
    return deploymentBody({ ...deployment, readyState: "CANCELED" }, project);
  });
}

function prepare(project: VercelProject, body: Record<string, unknown>, originalId?: string): VercelDeployment {
  const target = body.target === "production" ? "production" : null;
  if (originalId !== undefined) {
    const original = project.deployments.find(({ id }) => id === originalId);
    if (!original) throw refuse(404, "not_found", "The deployment could not be found");
    // The documented pitfall: a redeploy gets the variables of the deployment it repeats, not those of the project.
    const env = original.env;
    return newDeployment(project, { target: target ?? original.target, source: "redeploy", env, originalId });
  }
  const env = snapshot(project, target ?? "preview");
  if (isObject(body.gitSource))
    return newDeployment(project, { target, source: "git", env, gitSource: body.gitSource });
  if (Array.isArray(body.files)) return newDeployment(project, { target, source: "api", env });
  throw refuse(400, "bad_request", "Invalid request: one of `gitSource`, `deploymentId`, `files` is required.");
}

function isSimilar(last: VercelDeployment, next: VercelDeployment, originalId?: string): boolean {
  if (last.target !== next.target) return false;
  if (originalId !== undefined) return last.id === originalId || last.originalId === originalId;
  return last.source === next.source && JSON.stringify(last.gitSource) === JSON.stringify(next.gitSource);
}

/** A deployment as it is answered by id. */
export function deploymentBody(deployment: VercelDeployment, project: VercelProject): Record<string, unknown> {
  const isLive = project.liveId === deployment.id;
  return {
    ...deployment,
    env: undefined,
    originalId: undefined,
    status: deployment.readyState,
    readySubstate: deployment.readyState === "READY" ? (isLive ? "PROMOTED" : "STAGED") : undefined,
    projectId: project.id,
    alias: deployment.target === "production" && isLive ? [`${project.name}.vercel.app`] : [],
    aliasAssigned: isLive,
    inspectorUrl: `https://vercel.com/sandbox/${project.name}/${deployment.id}`,
    version: 2,
    public: false,
  };
}

/** A deployment as it stands in a list: the id is called `uid` there. */
function listItem(deployment: VercelDeployment, project: VercelProject): Record<string, unknown> {
  const { id, ...body } = deploymentBody(deployment, project);
  const { createdAt, readyState } = deployment;
  return { uid: id, ...body, created: createdAt, state: readyState, type: "LAMBDAS", meta: {} };
}
