import { randomBytes } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { boundedNumber, isObject, jsonBody, objectBody, text } from "./body.ts";
import { Refusal } from "./answers.ts";
import type { Access } from "./kit.ts";
import type { RenderHost } from "./render-host.ts";
import { findService, renderError, serviceBody, type RenderState } from "./render-state.ts";

interface Params {
  id: string;
  key: string;
}
type Query = Record<string, string | undefined>;

/** The 400 of a request that makes no sense. */
export function badRequest(message: string): Refusal {
  return new Refusal(400, renderError(400, message));
}

/** Page of `items` after `cursor`, each with its own cursor, as every list of Render's API. */
export function page<Item>(
  items: Item[],
  idOf: (item: Item) => string,
  query: Query,
): { item: Item; cursor: string }[] {
  const limit = boundedNumber(query.limit, 20, 1, 100);
  const cursors = items.map((item) => Buffer.from(idOf(item)).toString("base64url"));
  const start = query.cursor === undefined || query.cursor === "" ? 0 : cursors.indexOf(query.cursor) + 1;
  if (query.cursor && start === 0) throw badRequest("invalid cursor");
  return items.slice(start, start + limit).map((item, index) => ({ item, cursor: cursors[start + index] ?? "" }));
}

/** Services, restart and scale. */
export function serviceRoutes(
  app: FastifyInstance,
  access: Access<RenderState>,
  host: (id: string) => RenderHost,
): void {
  app.get<{ Querystring: Query }>("/services", async (request) => {
    const { services, owner } = access.read(request);
    const named = services.filter(({ name }) => request.query.name === undefined || request.query.name === name);
    return page(named, ({ id }) => id, request.query).map(({ item, cursor }) => ({
      service: serviceBody(item, owner.id, host(item.id).url),
      cursor,
    }));
  });
  app.get<{ Params: Params }>("/services/:id", async (request) => {
    const state = access.read(request);
    return serviceBody(findService(state, request.params.id), state.owner.id, host(request.params.id).url);
  });
  app.post<{ Params: Params }>("/services/:id/restart", async ({ params }, reply) => {
    findService(access.read(), params.id);
    access.write(() => {}, { kind: "service.restart", subject: params.id });
    host(params.id).restart();
    return reply.code(200).send();
  });
  app.post<{ Params: Params }>("/services/:id/scale", async (request, reply) => {
    const { params } = request;
    const { numInstances } = objectBody(request, () => badRequest("invalid JSON"));
    if (typeof numInstances !== "number" || !Number.isInteger(numInstances) || numInstances < 1 || numInstances > 100) {
      throw badRequest("numInstances must be a whole number from 1 to 100");
    }
    access.write((state) => (findService(state, params.id).numInstances = numInstances), {
      kind: "service.scale",
      subject: `${params.id}/${numInstances}`,
    });
    host(params.id).scale();
    return reply.code(202).send();
  });
}

/** Environment variables: a change reaches nothing that runs, until a deploy. */
export function envVarRoutes(app: FastifyInstance, access: Access<RenderState>): void {
  const path = "/services/:id/env-vars";
  app.get<{ Params: Params; Querystring: Query }>(path, async (request) => {
    const { envVars } = findService(access.read(request), request.params.id);
    const items = Object.entries(envVars).map(([key, value]) => ({ key, value }));
    return page(items, ({ key }) => key, request.query).map(({ item, cursor }) => ({ envVar: item, cursor }));
  });
  app.get<{ Params: Params }>(`${path}/:key`, async (request) => {
    const { id, key } = request.params;
    const value = findService(access.read(request), id).envVars[key];
    if (value === undefined) throw new Refusal(404, renderError(404, `not found: ${key}`));
    return { key, value };
  });
  app.put<{ Params: Params }>(`${path}/:key`, async (request) => {
    const { id, key } = request.params;
    findService(access.read(), id);
    checkKey(key);
    const value = valueOf(objectBody(request, () => badRequest("invalid JSON")));
    access.write((state) => (findService(state, id).envVars[key] = value), {
      kind: "env-var.put",
      subject: `${id}/${key}`,
    });
    return { key, value };
  });
  app.delete<{ Params: Params }>(`${path}/:key`, async ({ params: { id, key } }, reply) => {
    const { envVars } = findService(access.read(), id);
    if (envVars[key] === undefined) throw new Refusal(404, renderError(404, `not found: ${key}`));
    access.write((state) => void delete findService(state, id).envVars[key], {
      kind: "env-var.delete",
      subject: `${id}/${key}`,
    });
    return reply.code(204).send();
  });
  app.put<{ Params: Params }>(path, async (request) => {
    const { id } = request.params;
    findService(access.read(), id);
    const items = jsonBody(request, () => badRequest("invalid JSON"));
    if (!Array.isArray(items)) throw badRequest("the body must be an array of environment variables");
    const envVars: Record<string, string> = {};
    for (const item of items as unknown[]) {
      if (!isObject(item)) throw badRequest("each environment variable must be an object");
      const key = text(item.key) ?? "";
      checkKey(key);
      envVars[key] = valueOf(item);
    }
    // What is not in the list is gone: this is the call that a rotation must not use.
    access.write((state) => (findService(state, id).envVars = envVars), { kind: "env-var.replace-all", subject: id });
    return Object.entries(envVars).map(([key, value]) => ({ envVar: { key, value }, cursor: key }));
  });
}

function checkKey(key: string): void {
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(key))
    throw badRequest("environment variable keys must be letters, digits, _ - .");
}

function valueOf(item: Record<string, unknown>): string {
  if (item.generateValue === true) return randomBytes(32).toString("base64");
  const value = text(item.value);
  if (value === undefined) throw badRequest("value or generateValue is required");
  return value;
}
