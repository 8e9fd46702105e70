import type { OutgoingHttpHeaders } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyReply, FastifyRequest } from "fastify";
import { sendAnswer, type Answer } from "./answers.ts";
import type { Fault, Faults } from "./faults.ts";
import type { LimitDecision, LimitUse, RateLimits } from "./limits.ts";

/** A request as the journal keeps it: no bodies, no headers, no credentials. */
export interface JournalEntry {
  seq: number;
  /** RFC 3339, milliseconds. */
  at: string;
  method: string;
  path: string;
  /** With its "?", or empty. */
  query: string;
  /** Status of the answer; undefined where none was written. */
  status?: number;
  /** Kind of the fault that hit it (of the last one, where several did). */
  fault?: string;
}

/** What a vendor says about letting a request in. */
export interface GateRules {
  journalPath(path: string): string;
  authorize(request: FastifyRequest): Answer | undefined;
  limitsOf(request: FastifyRequest): LimitUse[];
  limitHeaders(decisions: LimitDecision[]): Record<string, string>;
  limitAnswer(refused: LimitDecision): Answer;
  errorBody(status: number, message: string): unknown;
}

interface Passage {
  entry: JournalEntry;
  asOf?: number;
  after?: "lost-reply" | "half-body";
}

/** The journal keeps this many requests. */
const JOURNAL = 10_000;
/** A promise for hooks whose connection is gone: the framework must not go on with the request. */
const NEVER = new Promise<never>(() => {});

/** What every request passes on its way in and out: journal, faults, token, limits. */
export class Gate {
  journal: JournalEntry[] = [];
  #requests = 0;
  readonly #passages = new WeakMap<FastifyRequest, Passage>();
  readonly #rules: GateRules;
  readonly #faults: Faults;
  readonly #limits: RateLimits;

  constructor(rules: GateRules, faults: Faults, limits: RateLimits) {
    this.#rules = rules;
    this.#faults = faults;
    this.#limits = limits;
  }

  /** The moment whose state a request may see: undefined for now. */
  asOf(request: FastifyRequest): number | undefined {
    return this.#passages.get(request)?.asOf;
  }

  /** Before anything is read of the body. */
  async arrive(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const [path = "/", query = ""] = request.url.split(/(?=\?)/, 2);
    if (path.startsWith("/_control/")) return;
    const passage: Passage = { entry: this.#note(request.method, path, query) };
    this.#passages.set(request, passage);
    for (const fault of this.#faults.take(request.method, request.url)) {
      passage.entry.fault = fault.kind;
      if (fault.kind === "slow") await sleep(fault.ms);
      else if (fault.kind === "stale-read") passage.asOf = Date.now() - fault.ms;
      else if (fault.kind === "lost-reply" || fault.kind === "half-body") passage.after = fault.kind;
      else return this.#answerFault(fault, request, reply);
    }
    const refusal = this.#rules.authorize(request);
    if (refusal) return sendAnswer(reply, refusal);
    const { decisions, refused } = this.#limits.take(this.#rules.limitsOf(request));
    void reply.headers(this.#rules.limitHeaders(decisions));
    if (refused) return sendAnswer(reply, this.#rules.limitAnswer(refused));
  }

  /** After the effect, before the answer. */
  async leave(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
    const passage = this.#passages.get(request);
    if (!passage) return payload;
    const body = typeof payload === "string" || Buffer.isBuffer(payload) ? Buffer.from(payload) : Buffer.alloc(0);
    if (passage.after === "half-body" && body.length > 1) {
      const headers = { ...(reply.getHeaders() as OutgoingHttpHeaders), "content-length": body.length };
      reply.raw.writeHead(reply.statusCode, headers);
      reply.raw.write(body.subarray(0, Math.floor(body.length / 2)), () => request.raw.socket.destroy());
      return NEVER;
    }
    if (passage.after) {
      request.raw.socket.destroy();
      return NEVER;
    }
    passage.entry.status = reply.statusCode;
    return payload;
  }

  #note(method: string, path: string, query: string): JournalEntry {
    const shown = this.#rules.journalPath(path);
    const entry = { seq: ++this.#requests, at: new Date().toISOString(), method, path: shown, query };
    this.journal.push(entry);
    if (this.journal.length > JOURNAL) this.journal.shift();
    return entry;
  }

  #answerFault(fault: Fault, request: FastifyRequest, reply: FastifyReply): unknown {
    if (fault.kind === "status") {
      const body = fault.body ?? this.#rules.errorBody(fault.status, `injected ${fault.status}`);
      return sendAnswer(reply, { status: fault.status, body, headers: fault.headers });
    }
    if (fault.kind === "rate-limited") {
      const resetAt = Date.now() + fault.resetSeconds * 1000;
      const state = { allowed: false, limit: 1, used: 1, remaining: 0, resetAt, resetSeconds: fault.resetSeconds };
      const refused = { class: fault.class ?? "fault", ...state };
      void reply.headers(this.#rules.limitHeaders([refused]));
      return sendAnswer(reply, this.#rules.limitAnswer(refused));
    }
    request.raw.socket.destroy();
    return NEVER;
  }
}
