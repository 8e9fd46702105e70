// IntelliFlow's web service: checks users by the API's key set, which it keeps for a while, reads the database by
// itself, and asks the API for customers.
import Fastify, { type FastifyInstance } from "fastify";
import { serverOptions } from "../serve.ts";
import { bearer, registerCommon } from "./api.ts";
import type { Config } from "./config.ts";
import type { Database } from "./database.ts";
import { remoteVerifier } from "./tokens.ts";

export interface WebParts {
  config: Config;
  database: Database | undefined;
  logger?: boolean;
}

/** @throws when API_URL is not set */
export function buildWeb({ config, database, logger = false }: WebParts): FastifyInstance {
  const app = Fastify(serverOptions(logger));
  if (!config.apiUrl) throw new Error("API_URL is not set");
  const { apiUrl } = config;
  const verify = remoteVerifier(`${apiUrl}/.well-known/jwks.json`, config.jwksCacheSeconds);
  registerCommon(app, config, database);

  app.get("/", async (_request, reply) => {
    if (!database) return reply.code(503).send({ error: "DATABASE_URL is not set" });
    const { user } = await database.check();
    return { customers: await database.count(), user };
  });

  app.get("/me", async (request, reply) => {
    const token = bearer(request.headers.authorization);
    const email = token && (await verify(token));
    return email ? { email } : reply.code(401).send({ error: "sign in first" });
  });

  app.get("/customers", async (request, reply) => {
    const response = await fetch(`${apiUrl}/customers`, {
      headers: { authorization: request.headers.authorization ?? "" },
      signal: AbortSignal.timeout(10_000),
    });
    return reply.code(response.status).send(await response.json());
  });
  return app;
}
