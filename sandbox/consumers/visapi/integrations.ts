// The API's test endpoints: each sends one message through an integration, or one job through the queue.
import { randomUUID } from "node:crypto";
import type { FastifyInstance, preHandlerAsyncHookHandler } from "fastify";
import type { Parts } from "./app.ts";

/** Outcome of one integration's test. */
interface Outcome {
  /** `skipped`: the environment lacks what the integration needs. */
  status: "ok" | "error" | "skipped";
  detail?: string;
}

/** One message to a vendor; the address comes from the environment, so that it can be a simulator. */
interface Message {
  url: string;
  headers: Record<string, string>;
  body: object;
}

/** How long a vendor gets to answer, in milliseconds. */
const vendorTimeoutMs = 5_000;
/** How long a worker gets to finish the test job, in milliseconds. */
const jobTimeoutMs = 3_000;

type Environment = Parts["config"]["env"];

function whatsapp(env: Environment): Message | undefined {
  if (!env.CGB_API_URL || !env.CGB_API_KEY) return undefined;
  return { url: `${env.CGB_API_URL}/test`, headers: { authorization: `Bearer ${env.CGB_API_KEY}` }, body: {} };
}

function email(env: Environment): Message | undefined {
  if (!env.RESEND_API_URL || !env.RESEND_API_KEY) return undefined;
  return {
    url: `${env.RESEND_API_URL}/emails`,
    headers: { authorization: `Bearer ${env.RESEND_API_KEY}` },
    body: { from: "test@visanet.app", to: "admin@visanet.com", subject: "Test after rotation", html: "Test message" },
  };
}

async function supabase(env: Environment): Promise<Outcome> {
  if (!env.SUPABASE_URL || !env.SUPABASE_SERVICE_ROLE_KEY) return { status: "skipped", detail: "not configured" };
  try {
    const response = await fetch(`${env.SUPABASE_URL}/rest/v1/`, {
      headers: { apikey: env.SUPABASE_SERVICE_ROLE_KEY },
      signal: AbortSignal.timeout(vendorTimeoutMs),
    });
    await response.body?.cancel();
    return { status: response.ok ? "ok" : "error", detail: `HTTP ${response.status}` };
  } catch {
    return { status: "error", detail: "no answer" };
  }
}

function slack(env: Environment): Message | undefined {
  if (!env.SLACK_WEBHOOK_URL) return undefined;
  return { url: env.SLACK_WEBHOOK_URL, headers: {}, body: { text: "Test after rotation" } };
}

async function send(message: Message | undefined): Promise<Outcome> {
  if (!message) return { status: "skipped", detail: "not configured" };
  try {
    const response = await fetch(message.url, {
      method: "POST",
      headers: { "content-type": "application/json", ...message.headers },
      body: JSON.stringify(message.body),
      signal: AbortSignal.timeout(vendorTimeoutMs),
    });
    return { status: response.ok ? "ok" : "error", detail: `HTTP ${response.status}` };
  } catch {
    // The error of fetch may name the address, and a webhook's address is a secret.
    return { status: "error", detail: "no answer" };
  }
}

/** Adds `POST /api/v1/test/queue|whatsapp|email|slack|supabase|all`; 200 when all went well, 503 when something failed or nothing is set up. */
export function registerTests(app: FastifyInstance, parts: Parts, requireApiKey: preHandlerAsyncHookHandler): void {
  const { config, queue } = parts;
  const tests: Record<string, () => Promise<Outcome>> = {
    queue: async () => {
      if (!queue) return { status: "skipped", detail: "REDIS_URL is not set" };
      const id = randomUUID();
      try {
        await queue.add(id, { type: "test" });
        const done = await queue.finished(id, jobTimeoutMs);
        return done ? { status: "ok", detail: `job ${id} done` } : { status: "error", detail: `job ${id} still waits` };
      } catch (error) {
        return { status: "error", detail: (error as Error).message };
      }
    },
    whatsapp: () => send(whatsapp(config.env)),
    email: () => send(email(config.env)),
    slack: () => send(slack(config.env)),
    supabase: () => supabase(config.env),
  };

  for (const [name, test] of Object.entries(tests)) {
    app.post(`/api/v1/test/${name}`, { preHandler: requireApiKey }, async (_request, reply) => {
      const outcome = await test();
      return reply.code(outcome.status === "ok" ? 200 : 503).send(outcome);
    });
  }
  app.post("/api/v1/test/all", { preHandler: requireApiKey }, async (_request, reply) => {
    const names = Object.keys(tests);
    const outcomes = await Promise.all(Object.values(tests).map((test) => test()));
    const good = outcomes.every((outcome) => outcome.status !== "error") && outcomes.some((o) => o.status === "ok");
    const results = Object.fromEntries(names.map((name, index) => [name, outcomes[index]]));
    return reply.code(good ? 200 : 503).send({ status: good ? "ok" : "error", results });
  });
}
