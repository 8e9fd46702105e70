import type { FastifyInstance } from "fastify";
import { objectBody, text } from "./body.ts";
import { Refusal } from "./answers.ts";
import type { Access } from "./kit.ts";
import type { RenderHost } from "./render-host.ts";
import { badRequest, page } from "./render-routes.ts";
import {
  deployBody,
  findDeploy,
  findService,
  isRunning,
  newDeploy,
  renderError,
  type RenderDeploy,
  type RenderState,
} from "./render-state.ts";

interface Params {
  id: string;
  deployId: string;
}

/** Deploys: create, list, read, cancel, roll back. */
export function deployRoutes(
  app: FastifyInstance,
  access: Access<RenderState>,
  host: (id: string) => RenderHost,
  whenBusy: "queue" | "conflict",
): void {
  const path = "/services/:id/deploys";

  /** Stores a deploy and takes it into the queue. Undefined where it has to wait. */
  const begin = (serviceId: string, deploy: RenderDeploy): RenderDeploy | undefined => {
    const { busy } = host(serviceId);
    if (busy && whenBusy === "conflict") throw new Refusal(409, renderError(409, "a deploy is already in progress"));
    if (busy) deploy.status = "queued";
    access.write((state) => void findService(state, serviceId).deploys.unshift(deploy), {
      kind: "deploy.create",
      subject: `${serviceId}/${deploy.id}`,
    });
    host(serviceId).deploy(deploy.id);
    return busy ? undefined : deploy;
  };

  app.post<{ Params: Params }>(path, async (request, reply) => {
    const { id } = request.params;
    findService(access.read(), id);
    const body = objectBody(request, () => badRequest("invalid JSON"));
    const exclusive = ["commitId", "imageUrl", "clearCache"].filter((field) => body[field] !== undefined);
    if (body.deployMode !== undefined && exclusive.length > 0) {
      throw badRequest(`deployMode cannot be combined with ${exclusive.join(", ")}`);
    }
    const { deployMode, clearCache } = body;
    if (deployMode !== undefined && deployMode !== "deploy_only" && deployMode !== "build_and_deploy") {
      throw badRequest("deployMode must be deploy_only or build_and_deploy");
    }
    if (clearCache !== undefined && clearCache !== "clear" && clearCache !== "do_not_clear") {
      throw badRequest("clearCache must be clear or do_not_clear");
    }
    const deploy = begin(id, newDeploy("api", text(body.commitId)));
    // A queued deploy is answered without a body: its id has to be looked up in the list.
    return deploy ? reply.code(201).send(deployBody(deploy)) : reply.code(202).send();
  });

  app.get<{ Params: Params; Querystring: Record<string, string | undefined> }>(path, async (request) => {
    const { deploys } = findService(access.read(request), request.params.id);
    const wanted = request.query.status?.split(",");
    const shown = deploys.filter(({ status }) => wanted === undefined || wanted.includes(status));
    return page(shown, ({ id }) => id, request.query).map(({ item, cursor }) => ({ deploy: deployBody(item), cursor }));
  });

  app.get<{ Params: Params }>(`${path}/:deployId`, async (request) => {
    const { id, deployId } = request.params;
    return deployBody(findDeploy(findService(access.read(request), id), deployId));
  });

  app.post<{ Params: Params }>(`${path}/:deployId/cancel`, async ({ params: { id, deployId } }) => {
    const deploy = findDeploy(findService(access.read(), id), deployId);
    if (!isRunning(deploy) || !host(id).cancel(deployId)) throw badRequest("the deploy is not in progress");
    return deployBody({ ...deploy, status: "canceled", updatedAt: new Date().toISOString() });
  });

  app.post<{ Params: Params }>("/services/:id/rollback", async (request, reply) => {
    const { id } = request.params;
    const deployId = text(objectBody(request, () => badRequest("invalid JSON")).deployId);
    if (deployId === undefined) throw badRequest("deployId is required");
    const target = findDeploy(findService(access.read(), id), deployId);
    if (target.status !== "live" && target.status !== "deactivated") throw badRequest("the deploy never went live");
    const deploy = begin(id, newDeploy("rollback", target.commit.id));
    return deploy ? reply.code(201).send(deployBody(deploy)) : reply.code(202).send();
  });
}
