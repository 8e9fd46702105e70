import { join } from "node:path";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { Refusal, sendAnswer, type Answer } from "./answers.ts";
import { registerControl } from "./control.ts";
import { EffectLog } from "./effects.ts";
import { Faults } from "./faults.ts";
import { Gate, type GateRules, type JournalEntry } from "./gate.ts";
import { RateLimits, type LimitDecision, type LimitRule, type LimitUse } from "./limits.ts";
import { Store } from "./store.ts";

/** What every simulator takes. */
export interface SimulatorOptions {
  /** Port on 127.0.0.1. @default 0, a free one */
  port?: number;
  /** Directory for `<vendor>.json`, the vendor's own storage. @default none: the state lives in memory */
  directory?: string;
  /** Opens `/_control/` to requests whose header `x-control-token` equals it. @default none: closed */
  controlToken?: string;
  /** Log of effects, to be shared by simulators whose order matters. @default a log of its own */
  effects?: EffectLog;
  /** How many times faster than real the vendor's rate limits refill. @default 1 */
  limitScale?: number;
}

/** The state, as routes get at it. */
export interface Access<State> {
  /** What this request may see. */
  read: (request?: FastifyRequest) => Readonly<State>;
  /** Changes the state, then records the effect. */
  write: <Result>(mutate: (draft: State) => Result, effect?: { kind: string; subject: string }) => Result;
}

/**
 * A hosted service on 127.0.0.1. A vendor extends it with its state, its routes and the shapes of its errors; the basis
 * brings the port, tokens, storage, journal, effects, limits, faults and the control API.
 */
export abstract class Simulator<State extends object> {
  /** Short name: names the state file and the effects. */
  abstract readonly vendor: string;
  readonly effects: EffectLog;
  readonly faults = new Faults();
  readonly options: SimulatorOptions;
  #app: FastifyInstance | undefined;
  #store: Store<State> | undefined;
  #limits: RateLimits | undefined;
  #gate: Gate | undefined;
  #port = 0;

  constructor(options: SimulatorOptions) {
    this.options = options;
    this.effects = options.effects ?? new EffectLog();
  }

  /** The state of a vendor nobody has used yet. */
  protected abstract initialState(): State;
  /** Adds the vendor's routes. */
  protected abstract routes(app: FastifyInstance): void;
  /** The documented limits by class. */
  protected abstract limitRules(): Record<string, LimitRule>;
  /** What a request takes from which limits. */
  protected abstract limitsOf(request: FastifyRequest): LimitUse[];
  /** Headers that tell how the limits stand. */
  protected abstract limitHeaders(decisions: LimitDecision[]): Record<string, string>;
  /** The answer at a limit; its headers are added to `limitHeaders`. Class "fault" comes from a fault on demand. */
  protected abstract limitAnswer(refused: LimitDecision): Answer;
  /** Why a request is not let in, or undefined. */
  protected abstract authorize(request: FastifyRequest): Answer | undefined;
  /** The vendor's shape of an error. */
  protected abstract errorBody(status: number, message: string): unknown;
  /** Names of what the vendor holds, for the control API. Never values. */
  abstract names(): unknown;

  /** Adds what the options name and an older state file does not hold. */
  protected reconcile?(draft: State): void;
  /** Makes several spellings of a path one (a prefix, for instance). */
  protected rewrite(url: string): string {
    return url;
  }
  /** Takes credentials out of a path before it is written down. */
  protected journalPath(path: string): string {
    return path;
  }
  /** Further routes under `/_control/`, behind the control token. */
  protected controlRoutes?(app: FastifyInstance): void;
  /** Runs once the server listens, and again after a reset. */
  protected async started(): Promise<void> {}
  /** Runs before the server closes, and before a reset. */
  protected async stopping(): Promise<void> {}

  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  get url(): string {
    if (this.#port === 0) throw new Error(`the ${this.vendor} simulator is not started: call start() first`);
    return `http://127.0.0.1:${this.#port}`;
  }
  get port(): number {
    return this.#port;
  }
  /** Requests, oldest first. */
  get journal(): readonly JournalEntry[] {
    return this.#gate?.journal ?? [];
  }
  clearJournal(): void {
    if (this.#gate) this.#gate.journal = [];
  }

  /** Listens. @throws Error where the port is taken. */
  async start(): Promise<this> {
    const { directory } = this.options;
    this.#store = new Store(() => this.initialState(), directory && join(directory, `${this.vendor}.json`));
    this.#store.change((draft) => this.reconcile?.(draft));
    this.#limits = new RateLimits(this.limitRules(), this.options.limitScale);
    const gate = new Gate(this.#rules(), this.faults, this.#limits);
    this.#gate = gate;
    const app = fastify({
      forceCloseConnections: true,
      exposeHeadRoutes: false,
      routerOptions: { maxParamLength: 500 },
      rewriteUrl: (request) => this.rewrite(request.url ?? "/"),
    });
    this.#app = app;
    this.#parseBodies(app);
    app.addHook("onRequest", (request, reply) => gate.arrive(request, reply));
    app.addHook("onSend", (request, reply, payload) => gate.leave(request, reply, payload));
    app.setErrorHandler((error, request, reply) => this.#fail(error, request, reply));
    app.setNotFoundHandler((_request, reply) => reply.code(404).send(this.errorBody(404, "Not Found")));
    this.routes(app);
    registerControl(app, this, (control) => this.controlRoutes?.(control));
    await app.listen({ host: "127.0.0.1", port: this.options.port ?? 0 });
    const address = app.server.address();
    this.#port = typeof address === "object" && address ? address.port : 0;
    await this.started();
    return this;
  }

  async stop(): Promise<void> {
    if (!this.#app) return;
    await this.stopping();
    await this.#app.close();
    this.#app = undefined;
    this.#port = 0;
  }

  /** Back to the initial state; journal, faults and limits are emptied, the (possibly shared) effects are not. */
  async reset(): Promise<void> {
    await this.stopping();
    this.#state().reset();
    this.#state().change((draft) => this.reconcile?.(draft));
    this.#limits?.reset();
    this.faults.clear();
    this.clearJournal();
    await this.started();
  }

  /** As if every window of the limits had ended: whoever measures begins with all of them. */
  fullLimits(): void {
    this.#limits?.reset();
  }

  /** The state that a request may see: the current one, or an older one where a fault says so. */
  protected read(request?: FastifyRequest): Readonly<State> {
    const asOf = request && this.#gate?.asOf(request);
    return asOf === undefined ? this.#state().current : this.#state().asOf(asOf);
  }

  /** Changes the state, on disk before anything is answered; then records the effect. */
  protected write<Result>(mutate: (draft: State) => Result, effect?: { kind: string; subject: string }): Result {
    const result = this.#state().change(mutate);
    if (effect) this.effects.record(this.vendor, effect.kind, effect.subject);
    return result;
  }

  /** `read` and `write` for routes that live in a file of their own. */
  protected access(): Access<State> {
    return { read: (request) => this.read(request), write: (mutate, effect) => this.write(mutate, effect) };
  }

  /** How a limit stands. */
  protected limit(use: LimitUse): LimitDecision {
    if (!this.#limits) throw new Error(`the ${this.vendor} simulator is not started`);
    return this.#limits.peek(use);
  }

  /** The protected methods of the vendor, for the gate. */
  #rules(): GateRules {
    return {
      journalPath: (path) => this.journalPath(path),
      authorize: (request) => this.authorize(request),
      limitsOf: (request) => this.limitsOf(request),
      limitHeaders: (decisions) => this.limitHeaders(decisions),
      limitAnswer: (refused) => this.limitAnswer(refused),
      errorBody: (status, message) => this.errorBody(status, message),
    };
  }

  #state(): Store<State> {
    if (!this.#store) throw new Error(`the ${this.vendor} simulator is not started: call start() first`);
    return this.#store;
  }

  /** Vendors take JSON under any content type, and no body at all where nothing is required. */
  #parseBodies(app: FastifyInstance): void {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", { parseAs: "string" }, (_request, text, done) => done(null, String(text)));
  }

  #fail(error: unknown, request: FastifyRequest, reply: FastifyReply): unknown {
    if (error instanceof Refusal) return sendAnswer(reply, error.answer);
    const status = (error as { statusCode?: number }).statusCode ?? 500;
    const reason = error instanceof Error ? error.message : "unknown";
    // A simulator that breaks must be seen by the person who runs the sandbox, not only by the client.
    if (status >= 500)
      console.error(`${this.vendor} simulator: ${request.method} ${this.journalPath(request.url)}: ${reason}`);
    return sendAnswer(reply, { status, body: this.errorBody(status, status < 500 ? reason : "Internal Server Error") });
  }
}
