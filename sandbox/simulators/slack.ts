import type { FastifyInstance, FastifyRequest } from "fastify";
import { isObject } from "./body.ts";
import { controlBody } from "./control.ts";
import { Refusal, type Answer } from "./answers.ts";
import { Simulator, type SimulatorOptions } from "./kit.ts";
import type { LimitDecision, LimitRule, LimitUse } from "./limits.ts";

/** An incoming webhook; all three parts together are the credential. */
export interface SlackWebhook {
  /** "T...". */
  team: string;
  /** "B...". */
  bot: string;
  /** The part that nobody else knows. */
  token: string;
}

export interface SlackMessage {
  /** RFC 3339. */
  at: string;
  /** "T.../B...": which webhook it came through, without its secret part. */
  webhook: string;
  /** The payload as it came. */
  payload: Record<string, unknown>;
}

export interface SlackState {
  webhooks: (SlackWebhook & { revoked: boolean })[];
  messages: SlackMessage[];
}

export interface SlackOptions extends SimulatorOptions {
  /** Webhooks that exist from the beginning. @default one, `T00000000/B00000000` */
  webhooks?: SlackWebhook[];
}

const DEFAULT: SlackWebhook = { team: "T00000000", bot: "B00000000", token: "sandboxWebhookToken00000" };
/** "One message a second, short bursts allowed": ten in ten seconds. */
const RULES: Record<string, LimitRule> = { webhook: { limit: 10, windowMs: 10_000 } };

/** Slack's incoming webhooks. Answers are plain text, as Slack's are. */
export class SlackSimulator extends Simulator<SlackState> {
  readonly vendor = "slack";
  readonly #options: SlackOptions;

  constructor(options: SlackOptions) {
    super(options);
    this.#options = options;
  }

  /** The address of a webhook: it is the credential. @default the first webhook */
  webhookUrl(webhook: SlackWebhook = this.#wanted()[0] ?? DEFAULT): string {
    return `${this.url}/services/${webhook.team}/${webhook.bot}/${webhook.token}`;
  }

  /** Messages, oldest first. */
  get messages(): readonly SlackMessage[] {
    return this.read().messages;
  }

  /** As if a person had added a webhook in the browser. */
  addWebhook(webhook: SlackWebhook): void {
    this.write((state) => void state.webhooks.push({ ...webhook, revoked: false }), {
      kind: "webhook.create",
      subject: `${webhook.team}/${webhook.bot}`,
    });
  }

  /** As if a person had removed it. */
  revokeWebhook(team: string, bot: string): void {
    this.write(
      (state) => {
        for (const known of state.webhooks) if (known.team === team && known.bot === bot) known.revoked = true;
      },
      { kind: "webhook.revoke", subject: `${team}/${bot}` },
    );
  }

  names(): unknown {
    const { webhooks, messages } = this.read();
    return {
      webhooks: webhooks.map(({ team, bot, revoked }) => ({ webhook: `${team}/${bot}`, revoked })),
      messages: messages.length,
    };
  }

  protected initialState(): SlackState {
    return { webhooks: [], messages: [] };
  }

  protected override reconcile(draft: SlackState): void {
    for (const wanted of this.#wanted()) {
      const known = draft.webhooks.some(({ team, bot }) => team === wanted.team && bot === wanted.bot);
      if (!known) draft.webhooks.push({ ...wanted, revoked: false });
    }
  }

  protected override journalPath(path: string): string {
    return path.replace(/^(\/services\/[^/]+\/[^/]+)\/.*/, "$1/[secret]");
  }

  protected authorize(): Answer | undefined {
    return undefined;
  }

  protected limitRules(): Record<string, LimitRule> {
    return RULES;
  }

  protected limitsOf(request: FastifyRequest): LimitUse[] {
    return [{ class: "webhook", key: request.url }];
  }

  protected limitHeaders(): Record<string, string> {
    return {};
  }

  protected limitAnswer(refused: LimitDecision): Answer {
    return { status: 429, body: "rate_limited", headers: { "Retry-After": String(refused.resetSeconds) } };
  }

  protected errorBody(status: number): unknown {
    return status === 404 ? "no_service" : status < 500 ? "invalid_payload" : "rollup_error";
  }

  protected routes(app: FastifyInstance): void {
    app.post<{ Params: SlackWebhook }>("/services/:team/:bot/:token", async (request, reply) => {
      const { team, bot, token } = request.params;
      const webhook = this.read().webhooks.find((known) => known.team === team && known.bot === bot);
      if (!webhook || webhook.revoked) throw new Refusal(404, "no_service");
      if (webhook.token !== token) throw new Refusal(403, "invalid_token");
      const payload = payloadOf(request);
      const says = ["text", "blocks", "attachments"].some(
        (field) => payload[field] !== undefined && payload[field] !== "",
      );
      if (!says) throw new Refusal(400, "no_text");
      const message: SlackMessage = { at: new Date().toISOString(), webhook: `${team}/${bot}`, payload };
      this.write((state) => void state.messages.push(message), { kind: "message.post", subject: message.webhook });
      return reply.type("text/html").send("ok");
    });
  }

  protected override controlRoutes(app: FastifyInstance): void {
    app.get("/messages", async () => this.messages);
    app.post("/webhooks", async (request, reply) => {
      const { team, bot, token } = controlBody(request);
      this.addWebhook({ team: String(team), bot: String(bot), token: String(token) });
      return reply
        .code(201)
        .send({ url: this.webhookUrl({ team: String(team), bot: String(bot), token: String(token) }) });
    });
    app.delete<{ Params: { team: string; bot: string } }>("/webhooks/:team/:bot", async ({ params }, reply) => {
      this.revokeWebhook(params.team, params.bot);
      return reply.code(204).send();
    });
  }

  #wanted(): SlackWebhook[] {
    return this.#options.webhooks ?? [DEFAULT];
  }
}

/** The payload: JSON, or a form with JSON in its field `payload`. */
function payloadOf(request: FastifyRequest): Record<string, unknown> {
  const body = typeof request.body === "string" ? request.body : "";
  const isForm = String(request.headers["content-type"]).startsWith("application/x-www-form-urlencoded");
  try {
    const payload = JSON.parse(isForm ? (new URLSearchParams(body).get("payload") ?? "") : body) as unknown;
    if (isObject(payload)) return payload;
  } catch {
    // Said below: not JSON and not an object are the same mistake.
  }
  throw new Refusal(400, "invalid_payload");
}
