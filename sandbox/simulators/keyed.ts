import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refusal } from "./answers.ts";
import { text } from "./body.ts";
import { controlBody } from "./control.ts";
import { Simulator, type SimulatorOptions } from "./kit.ts";

/** A key that a person made in the vendor's browser pages: these vendors have no way to make one by a program. */
export interface MadeKey {
  name: string;
  token: string;
  revoked: boolean;
}

export interface KeyedState {
  keys: MadeKey[];
}

export interface KeyedOptions extends SimulatorOptions {
  /** Keys that exist from the beginning. @default none */
  keys?: { name: string; token: string }[];
}

/** What vendors have in common whose keys come from a person: the browser's part is played over the control API. */
export abstract class KeyedSimulator<State extends KeyedState = KeyedState> extends Simulator<State> {
  readonly #keys: { name: string; token: string }[];

  constructor(options: KeyedOptions) {
    super(options);
    this.#keys = options.keys ?? [];
  }

  /** As if a person had made a key in the browser. */
  addKey(name: string, token: string): void {
    this.write((state) => void state.keys.push({ name, token, revoked: false }), { kind: "key.create", subject: name });
  }

  /** As if a person had ended it there. */
  revokeKey(token: string): void {
    const key = this.read().keys.find((known) => known.token === token);
    if (!key) return;
    const effect = { kind: "key.revoke", subject: key.name };
    this.write((state) => state.keys.forEach((known) => known.token === token && (known.revoked = true)), effect);
  }

  /** Names of the keys that are accepted. */
  get liveKeys(): string[] {
    return this.read()
      .keys.filter(({ revoked }) => !revoked)
      .map(({ name }) => name);
  }

  names(): unknown {
    return { keys: this.read().keys.map(({ name, revoked }) => ({ name, revoked })) };
  }

  protected override reconcile(draft: State): void {
    for (const { name, token } of this.#keys)
      if (!draft.keys.some((known) => known.token === token)) draft.keys.push({ name, token, revoked: false });
  }

  protected keyOf(token: string | undefined, request?: FastifyRequest): MadeKey | undefined {
    return this.read(request).keys.find((known) => known.token === token);
  }

  protected override controlRoutes(app: FastifyInstance): void {
    app.post("/keys", async (request, reply) => {
      const body = controlBody(request);
      const [name, token] = [text(body["name"]), text(body["token"])];
      if (!name || !token) throw new Refusal(400, { error: "give name and token" });
      this.addKey(name, token);
      return reply.code(201).send({ name });
    });
    app.delete("/keys", async (request, reply) => {
      this.revokeKey(text(controlBody(request)["token"]) ?? "");
      return reply.code(204).send();
    });
  }
}
