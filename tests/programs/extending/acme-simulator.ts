// sandbox/simulators/acme.ts
import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { bearer, Refusal, type Answer } from "../../../sandbox/simulators/answers.ts";
import { objectBody, text } from "../../../sandbox/simulators/body.ts";
import { KeyedSimulator, type KeyedState } from "../../../sandbox/simulators/keyed.ts";
import type { LimitRule } from "../../../sandbox/simulators/limits.ts";

/** Acme, with the shapes of its documentation. The first key manages the others; 100 calls a minute. */
export class AcmeSimulator extends KeyedSimulator {
  readonly vendor = "acme";

  protected initialState(): KeyedState {
    return { keys: [] };
  }
  protected authorize(): Answer | undefined {
    return undefined;
  }
  protected limitRules(): Record<string, LimitRule> {
    return { all: { limit: 100, windowMs: 60_000 } };
  }
  protected limitsOf(): { class: string; key: string }[] {
    return [{ class: "all", key: "all" }];
  }
  protected limitHeaders(): Record<string, string> {
    return {};
  }
  protected limitAnswer(): Answer {
    return { status: 429, body: { error: "slow down" }, headers: { "retry-after": "1" } };
  }
  protected errorBody(_status: number, message: string): unknown {
    return { error: message };
  }

  protected routes(app: FastifyInstance): void {
    const live = () => this.read().keys.filter(({ revoked }) => !revoked);
    // The token's end names the key, so that the example needs no second table.
    const idOf = (token: string): string => token.slice(-8);
    app.get("/keys", async () => ({ keys: live().map(({ name, token }) => ({ id: idOf(token), name })) }));
    app.post("/keys", async (request) => {
      const { name: given } = objectBody(request, () => new Refusal(400, { error: "no JSON" }));
      const name = text(given) ?? "";
      const value = `acme_${randomUUID()}`;
      this.addKey(name, value);
      return { id: idOf(value), name, value };
    });
    app.delete<{ Params: { id: string } }>("/keys/:id", async ({ params: { id } }, reply) => {
      const found = live().find(({ token }) => idOf(token) === id);
      if (!found) return reply.code(404).send({ error: "no such key" });
      this.revokeKey(found.token);
      return {};
    });
    app.get("/me", async (request, reply) =>
      live().some(({ token }) => token === bearer(request)) ? {} : reply.code(401).send({ error: "no such key" }),
    );
  }
}
