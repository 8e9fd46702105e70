// IntelliFlow's API: issues tokens, serves the key set that they are checked by, and keeps customers, encrypted.
import Fastify, { type FastifyInstance } from "fastify";
import { registerProof } from "../proof.ts";
import { serverOptions } from "../serve.ts";
import { provable, type Config } from "./config.ts";
import type { Database } from "./database.ts";
import { jwksIn, localVerifier, signer, tokenSeconds } from "./tokens.ts";
import type { Transit } from "./transit.ts";

export interface ApiParts {
  config: Config;
  database: Database | undefined;
  transit: Transit | undefined;
  logger?: boolean;
}

const pageSize = 20;

/** Builds the application; on closing it closes the database. */
export function buildApi({ config, database, transit, logger = false }: ApiParts): FastifyInstance {
  const app = Fastify(serverOptions(logger));
  const document = config.jwksFile ? jwksIn(config.jwksFile) : (): undefined => undefined;
  const verify = localVerifier(document);
  const issue = config.privateKey && config.kid ? signer(config.privateKey, config.kid) : undefined;
  registerCommon(app, config, database);

  app.get("/.well-known/jwks.json", async (_request, reply) => {
    const text = document();
    if (text === undefined) return reply.code(503).send({ error: "the key set is not there yet" });
    return reply.headers({ "content-type": "application/json", "cache-control": "max-age=600" }).send(text);
  });

  app.post<{ Body: { email: string } }>(
    "/auth/signin",
    { schema: { body: { type: "object", required: ["email"], properties: { email: { type: "string" } } } } },
    async (request, reply) => {
      if (!issue) return reply.code(503).send({ error: "sign-in needs JWT_PRIVATE_KEY and JWT_KID" });
      const token = await issue(request.body.email);
      return reply.header("cache-control", "no-store").send({ token, expiresIn: tokenSeconds });
    },
  );

  void app.register(async (inner) => {
    inner.addHook("preHandler", async (request, reply) => {
      const token = bearer(request.headers.authorization);
      const email = token && (await verify(token));
      if (!email) return reply.code(401).send({ error: "sign in first" });
    });
    inner.get<{ Querystring: { after?: number } }>(
      "/customers",
      { schema: { querystring: { type: "object", properties: { after: { type: "integer", minimum: 0 } } } } },
      async (request, reply) => {
        if (!database || !transit) return reply.code(503).send({ error: "the stores are not set" });
        const rows = await database.customers(request.query.after ?? 0, pageSize);
        const cards = await transit.decrypt(rows.map(({ card }) => card));
        return { customers: rows.map(({ id, name }, index) => ({ id, name, card: cards[index] })) };
      },
    );
    inner.post<{ Body: { name: string; card: string } }>("/customers", async (request, reply) => {
      if (!database || !transit) return reply.code(503).send({ error: "the stores are not set" });
      const { name, card } = request.body;
      const [ciphertext = ""] = await transit.encrypt([card]);
      return { id: await database.add(name, ciphertext) };
    });
  });
  return app;
}

export function bearer(header: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(header ?? "")?.[1];
}

/** Health, the proof of secrets, errors and the end: the same in both services. */
export function registerCommon(app: FastifyInstance, config: Config, database: Database | undefined): void {
  const { instance, startedAt, env } = config;
  registerProof(app, { path: "/healthz/secrets", names: provable(env), env, instance, startedAt });
  app.get("/healthz/live", async () => ({ status: "ok", instance }));
  app.get("/healthz", async (_request, reply) => {
    try {
      if (!database) throw new Error("DATABASE_URL is not set");
      return { status: "ok", instance, ...(await database.check()) };
    } catch (error) {
      return reply.code(503).send({ status: "error", instance, error: (error as Error).message });
    }
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    // Only the text: errors of the stores' clients can carry the arguments of a login.
    if (status >= 500) app.log.error(`request failed: ${error.message}`);
    return reply.code(status).send({ error: status < 500 ? error.message : "internal error" });
  });
  app.addHook("onClose", async () => database?.close());
}
