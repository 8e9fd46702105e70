import type { FastifyInstance, FastifyRequest } from "fastify";
import { objectBody, text } from "./body.ts";
import { newId } from "./answers.ts";
import type { Access } from "./kit.ts";
import { newTokenValue, refuse, type VercelState, type VercelToken } from "./vercel-state.ts";

/** Access tokens of the user: the value is shown once, a revoked token is dead at once. */
export function tokenRoutes(
  app: FastifyInstance,
  access: Access<VercelState>,
  callerOf: (request: FastifyRequest) => VercelToken | undefined,
  activeAt: (token: VercelToken) => number,
): void {
  const body = (token: VercelToken) => {
    const { id, name, createdAt, expiresAt } = token;
    return {
      id,
      name,
      type: "oauth2-token",
      origin: "manual",
      createdAt,
      expiresAt,
      activeAt: activeAt(token),
      scopes: [],
    };
  };
  const find = (request: FastifyRequest<{ Params: { id: string } }>, state = access.read(request)) => {
    const { id } = request.params;
    const token = id === "current" ? callerOf(request) : state.tokens.find((known) => known.id === id);
    if (!token) throw refuse(404, "not_found", "Token not found");
    return token;
  };

  app.post("/v3/user/tokens", async (request) => {
    const { name, expiresAt } = objectBody(request, () => refuse(400, "bad_request", "Invalid JSON"));
    const label = text(name);
    if (label === undefined) throw refuse(400, "bad_request", "Invalid request: missing required property `name`.");
    const expires = typeof expiresAt === "number" ? expiresAt : undefined;
    const token = {
      id: newId("tok_", 24),
      name: label,
      value: newTokenValue(),
      createdAt: Date.now(),
      expiresAt: expires,
    };
    access.write((state) => void state.tokens.push(token), { kind: "token.create", subject: label });
    return { token: body(token), bearerToken: token.value };
  });
  for (const version of ["v5", "v6"]) {
    app.get(`/${version}/user/tokens`, async (request) => {
      const tokens = access.read(request).tokens.map(body);
      return { tokens, pagination: { count: tokens.length, next: null, prev: null } };
    });
  }
  app.get<{ Params: { id: string } }>("/v5/user/tokens/:id", async (request) => ({ token: body(find(request)) }));
  app.delete<{ Params: { id: string } }>("/v3/user/tokens/:id", async (request) => {
    const token = find(request, access.read());
    access.write((state) => void (state.tokens = state.tokens.filter(({ id }) => id !== token.id)), {
      kind: "token.delete",
      subject: token.name,
    });
    return { tokenId: token.id };
  });
}
