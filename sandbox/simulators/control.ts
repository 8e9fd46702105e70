import { timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { objectBody } from "./body.ts";
import type { FaultJson } from "./faults.ts";
import { Refusal } from "./answers.ts";
import type { Simulator } from "./kit.ts";

/**
 * The control API: another process drives a simulator through it, with the header `x-control-token`.
 *
 *     GET    /_control/faults    what is armed            POST {kind, match?: {method?, path?}, ...}    DELETE
 *     GET    /_control/journal   requests, oldest first   DELETE
 *     GET    /_control/effects   effects, oldest first    DELETE
 *     GET    /_control/names     what the vendor holds, by name
 *     POST   /_control/reset     back to the initial state
 *
 * Without a control token, or with a wrong one, all of it answers 404 as if it did not exist.
 */
export function registerControl(
  app: FastifyInstance,
  simulator: Simulator<object>,
  vendorRoutes: (control: FastifyInstance) => void,
): void {
  const token = simulator.options.controlToken;
  void app.register(
    async (control) => {
      control.addHook("onRequest", async (request) => {
        if (token === undefined || !holds(request, token)) throw new Refusal(404, { error: "not found" });
      });
      control.get("/faults", async () => simulator.faults.list());
      control.post("/faults", async (request, reply) => {
        try {
          simulator.faults.addJson(controlBody(request) as FaultJson & Record<string, unknown>);
        } catch (error) {
          if (error instanceof Refusal) throw error;
          throw new Refusal(400, { error: (error as Error).message });
        }
        return reply.code(201).send(simulator.faults.list());
      });
      control.delete("/faults", async (_request, reply) => {
        simulator.faults.clear();
        return reply.code(204).send();
      });
      control.get("/journal", async () => simulator.journal);
      control.delete("/journal", async (_request, reply) => {
        simulator.clearJournal();
        return reply.code(204).send();
      });
      control.get("/effects", async () => simulator.effects.list());
      control.delete("/effects", async (_request, reply) => {
        simulator.effects.clear();
        return reply.code(204).send();
      });
      control.get("/names", async () => simulator.names());
      control.post("/reset", async (_request, reply) => {
        await simulator.reset();
        return reply.code(204).send();
      });
      vendorRoutes(control);
    },
    { prefix: "/_control" },
  );
}

/** The body of a control request. @throws Refusal 400 where it is no JSON object. */
export function controlBody(request: FastifyRequest): Record<string, unknown> {
  return objectBody(request, () => new Refusal(400, { error: "the body must be a JSON object" }));
}

function holds(request: FastifyRequest, token: string): boolean {
  const given = Buffer.from(String(request.headers["x-control-token"] ?? ""));
  const wanted = Buffer.from(token);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
