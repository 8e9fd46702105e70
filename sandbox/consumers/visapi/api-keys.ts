// `/api/v1/api-keys`: keys of VisAPI's customers and operators, and the check of `X-API-Key`.
import type { FastifyInstance, FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from "fastify";
import type { ApiKey, ApiKeys } from "./api-key-store.ts";
import type { Config } from "./config.ts";
import { sameSecret } from "./tokens.ts";

export type Guard = (scope?: string) => preHandlerAsyncHookHandler;

/** The scopes that a key can have. */
const scopes = ["keys:create", "keys:read", "keys:delete", "workflows:read", "logs:read", "tests:run"];

/**
 * Makes the check of `X-API-Key`: 401 for a key that is missing or unknown, 403 for one without the scope.
 * The administrator's own key, given by the platform, may do everything.
 */
export function apiKeyGuard(config: Config, keys: ApiKeys | undefined): Guard {
  return (scope) => async (request: FastifyRequest, reply: FastifyReply) => {
    const key = request.headers["x-api-key"];
    const refused = (): FastifyReply => reply.code(401).send({ error: "X-API-Key is missing or unknown" });
    if (typeof key !== "string") return refused();
    if (config.adminApiKey && sameSecret(key, config.adminApiKey)) return;
    const holder = await keys?.check(key);
    if (!holder) return refused();
    if (scope && !holder.scopes.includes(scope))
      return reply.code(403).send({ error: `this API key lacks the scope ${scope}` });
  };
}

/** Adds `POST`, `GET` and `DELETE /api/v1/api-keys`; 503 without a database. */
export function registerApiKeys(app: FastifyInstance, keys: ApiKeys | undefined, guard: Guard): void {
  const unavailable = (reply: FastifyReply): FastifyReply => reply.code(503).send({ error: "DATABASE_URL is not set" });

  app.post<{ Body: { name: string; scopes: string[] } }>(
    "/api/v1/api-keys",
    {
      preHandler: guard("keys:create"),
      schema: {
        body: {
          type: "object",
          required: ["name", "scopes"],
          properties: {
            name: { type: "string", minLength: 1, maxLength: 100 },
            scopes: { type: "array", minItems: 1, items: { type: "string", enum: scopes } },
          },
        },
      },
    },
    async (request, reply) => {
      if (!keys) return unavailable(reply);
      const { row, key } = await keys.create(request.body.name, request.body.scopes, "api");
      const message = "Store this key now: it is not shown again.";
      return reply
        .code(201)
        .header("cache-control", "no-store")
        .send({ ...row, key, message });
    },
  );
  app.get(
    "/api/v1/api-keys",
    { preHandler: guard("keys:read") },
    async (_request, reply): Promise<ApiKey[] | FastifyReply> => (keys ? keys.list() : unavailable(reply)),
  );
  app.delete<{ Params: { id: string } }>(
    "/api/v1/api-keys/:id",
    { preHandler: guard("keys:delete") },
    async (request, reply) => {
      if (!keys) return unavailable(reply);
      const removed = await keys.remove(request.params.id);
      return removed
        ? reply.send({ message: "API key revoked successfully" })
        : reply.code(404).send({ error: "no such API key" });
    },
  );
}
