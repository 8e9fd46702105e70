import type { FastifyInstance } from "fastify";
import { objectBody, text, type JsonObject } from "./body.ts";
import { Refusal, type Answer } from "./answers.ts";
import { Simulator, type SimulatorOptions } from "./kit.ts";
import type { LimitDecision, LimitRule, LimitUse } from "./limits.ts";

export interface PagerdutyEvent {
  /** RFC 3339. */
  at: string;
  action: "trigger" | "acknowledge" | "resolve";
  dedupKey: string;
  /** Without the routing key. */
  payload: JsonObject;
}

export interface PagerdutyState {
  events: PagerdutyEvent[];
}

export interface PagerdutyOptions extends SimulatorOptions {
  /** The integration key of the one service, 32 characters. @default one of the sandbox's */
  routingKey?: string;
}

const DEFAULT_KEY = "sandboxroutingkey000000000000000";
const SEVERITIES = ["critical", "error", "warning", "info"];
/** "120 events a minute for an integration" (support.pagerduty.com, Events API rate limits). */
const RULES: Record<string, LimitRule> = { events: { limit: 120, windowMs: 60_000 } };

/**
 * PagerDuty's Events API v2: `POST /v2/enqueue`. The routing key in the body is the credential.
 * An unknown key is taken like a known one (202), as PagerDuty does, but alerts nobody.
 */
export class PagerdutySimulator extends Simulator<PagerdutyState> {
  readonly vendor = "pagerduty";
  readonly routingKey: string;

  constructor(options: PagerdutyOptions) {
    super(options);
    this.routingKey = options.routingKey ?? DEFAULT_KEY;
  }

  /** Events of the service, oldest first. */
  get events(): readonly PagerdutyEvent[] {
    return this.read().events;
  }

  /** Dedup keys of alerts that are open. */
  get open(): string[] {
    const last = new Map(this.events.map(({ dedupKey, action }) => [dedupKey, action]));
    return [...last].filter(([, action]) => action !== "resolve").map(([key]) => key);
  }

  names(): unknown {
    return { events: this.events.map(({ action, dedupKey }) => ({ action, dedupKey })) };
  }

  protected initialState(): PagerdutyState {
    return { events: [] };
  }

  protected authorize(): Answer | undefined {
    return undefined;
  }

  protected limitRules(): Record<string, LimitRule> {
    return RULES;
  }

  protected limitsOf(): LimitUse[] {
    return [{ class: "events", key: "integration" }];
  }

  protected limitHeaders(): Record<string, string> {
    return {};
  }

  protected limitAnswer(refused: LimitDecision): Answer {
    const body = { status: "throttle exceeded", message: "Requests for this service are arriving too quickly." };
    return { status: 429, body, headers: { "Retry-After": String(refused.resetSeconds) } };
  }

  protected errorBody(status: number, message: string): unknown {
    return { status: status < 500 ? "invalid event" : "error", message, errors: [message] };
  }

  protected routes(app: FastifyInstance): void {
    app.post("/v2/enqueue", async (request, reply) => {
      const body = objectBody(request, () => invalid(["JSON parse error"]));
      const problems = problemsOf(body);
      if (problems.length) throw invalid(problems);
      const { routing_key: key, event_action: action, payload, ...rest } = body;
      const dedupKey = text(body.dedup_key) ?? crypto.randomUUID().replaceAll("-", "");
      if (key === this.routingKey) {
        const event = { at: new Date().toISOString(), action: action as PagerdutyEvent["action"], dedupKey };
        this.write((state) => void state.events.push({ ...event, payload: { ...rest, payload } }), {
          kind: `event.${event.action}`,
          subject: dedupKey,
        });
      }
      return reply.code(202).send({ status: "success", message: "Event processed", dedup_key: dedupKey });
    });
  }

  protected override controlRoutes(app: FastifyInstance): void {
    app.get("/events", async () => this.events);
  }
}

function problemsOf(body: JsonObject): string[] {
  const key = text(body.routing_key);
  const action = text(body.event_action);
  const payload = (body.payload ?? {}) as JsonObject;
  const said: string[] = [];
  if (key?.length !== 32) said.push("Length of 'routing_key' is incorrect (should be 32 characters)");
  if (!["trigger", "acknowledge", "resolve"].includes(action ?? "")) said.push("'event_action' is missing or invalid");
  if (action !== "trigger" && text(body.dedup_key) === undefined) said.push("'dedup_key' is missing or blank");
  if ((text(body.dedup_key) ?? "").length > 255) said.push("'dedup_key' is too long (maximum is 255 characters)");
  if (action !== "trigger") return said;
  for (const field of ["summary", "source"])
    if (!text(payload[field])) said.push(`'payload.${field}' is missing or blank`);
  if ((text(payload.summary) ?? "").length > 1024)
    said.push("'payload.summary' is too long (maximum is 1024 characters)");
  if (!SEVERITIES.includes(text(payload.severity) ?? "")) said.push("'payload.severity' is missing or invalid");
  return said;
}

function invalid(errors: string[]): Refusal {
  return new Refusal(400, { status: "invalid event", message: "Event object is invalid", errors });
}
