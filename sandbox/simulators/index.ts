import { randomUUID } from "node:crypto";
import { AnthropicSimulator, type AnthropicOptions } from "./anthropic.ts";
import { CgbSimulator } from "./cgb.ts";
import { EffectLog } from "./effects.ts";
import { GithubSimulator, type GithubOptions } from "./github.ts";
import type { SimulatorOptions } from "./kit.ts";
import { OpenAiSimulator, type OpenAiOptions } from "./openai.ts";
import { PagerdutySimulator, type PagerdutyOptions } from "./pagerduty.ts";
import { RenderSimulator, type RenderOptions } from "./render.ts";
import { ResendSimulator, type ResendOptions } from "./resend.ts";
import type { KeyedOptions } from "./keyed.ts";
import { SlackApiSimulator } from "./slack-api.ts";
import { SlackSimulator, type SlackOptions } from "./slack.ts";
import { StripeSimulator } from "./stripe.ts";
import { SupabaseSimulator, type SupabaseOptions } from "./supabase.ts";
import { UpstashSimulator, type UpstashOptions } from "./upstash.ts";
import { VercelSimulator, type VercelOptions } from "./vercel.ts";

export { EffectLog, type Effect } from "./effects.ts";
export type { Fault, FaultJson, FaultMatch } from "./faults.ts";
export { GithubSimulator, type GithubOptions } from "./github.ts";
export type { JournalEntry } from "./gate.ts";
export { Simulator, type SimulatorOptions } from "./kit.ts";
export { PagerdutySimulator, type PagerdutyEvent, type PagerdutyOptions } from "./pagerduty.ts";
export { Platform, type Launch, type PlatformOptions, type Running } from "./platform.ts";
export { RenderSimulator, type RenderOptions, type RenderServiceSpec } from "./render.ts";
export { ResendSimulator, type ResendOptions } from "./resend.ts";
export { sealBox } from "./sealed-box.ts";
export { SlackSimulator, type SlackMessage, type SlackOptions, type SlackWebhook } from "./slack.ts";
export { SupabaseSimulator, type SupabaseOptions } from "./supabase.ts";
export { VercelSimulator, type VercelOptions, type VercelProjectSpec } from "./vercel.ts";

/** What all simulators share, and what each needs for itself (whose own fields win, a fixed `port` for instance). */
export interface SimulatorsOptions extends Omit<SimulatorOptions, "port"> {
  github: GithubOptions;
  render: RenderOptions;
  vercel: VercelOptions;
  slack?: SlackOptions;
  pagerduty?: PagerdutyOptions;
  /** @default a project that nobody knows of */
  supabase?: SupabaseOptions;
  /** @default a team that nobody knows of */
  resend?: ResendOptions;
  /** Vendors whose keys only a person can make. @default no key is accepted */
  slackApi?: KeyedOptions;
  cgb?: KeyedOptions;
  upstash?: UpstashOptions;
  /** @default a project that nobody knows of */
  openai?: OpenAiOptions;
  /** @default no key is accepted */
  anthropic?: AnthropicOptions;
  stripe?: KeyedOptions;
}

/** The running simulators. */
export interface Simulators {
  github: GithubSimulator;
  render: RenderSimulator;
  vercel: VercelSimulator;
  slack: SlackSimulator;
  pagerduty: PagerdutySimulator;
  supabase: SupabaseSimulator;
  resend: ResendSimulator;
  slackApi: SlackApiSimulator;
  cgb: CgbSimulator;
  upstash: UpstashSimulator;
  openai: OpenAiSimulator;
  anthropic: AnthropicSimulator;
  stripe: StripeSimulator;
  /** What happened at all of them, in order. */
  effects: EffectLog;
  /** Where they are, in the variables by which the product finds them. Tokens are not among them. */
  endpoints: {
    GITHUB_BASE_URL: string;
    RENDER_API_URL: string;
    VERCEL_API_URL: string;
    SLACK_WEBHOOK_URL: string;
    PAGERDUTY_EVENTS_URL: string;
    SUPABASE_API_URL: string;
    RESEND_API_URL: string;
    SLACK_API_URL: string;
    CGB_API_URL: string;
    UPSTASH_API_URL: string;
    OPENAI_API_URL: string;
    ANTHROPIC_API_URL: string;
    STRIPE_API_URL: string;
  };
  stop(): Promise<void>;
}

/**
 * Starts all hosted services on 127.0.0.1 with one log of effects.
 * @throws Error where one of them cannot start; those that did are stopped before.
 */
export async function startSimulators(options: SimulatorsOptions): Promise<Simulators> {
  const effects = options.effects ?? new EffectLog();
  const { directory, controlToken, limitScale } = options;
  const shared = { directory, controlToken, limitScale, effects };
  const github = new GithubSimulator({ ...shared, ...options.github });
  const render = new RenderSimulator({ ...shared, ...options.render });
  const vercel = new VercelSimulator({ ...shared, ...options.vercel });
  const slack = new SlackSimulator({ ...shared, ...options.slack });
  const pagerduty = new PagerdutySimulator({ ...shared, ...options.pagerduty });
  const supabase = new SupabaseSimulator({
    ...shared,
    ...(options.supabase ?? { accessToken: `sbp_${randomUUID()}`, projects: [] }),
  });
  const resend = new ResendSimulator({ ...shared, ...(options.resend ?? { adminKey: `re_${randomUUID()}` }) });
  const slackApi = new SlackApiSimulator({ ...shared, ...options.slackApi });
  const cgb = new CgbSimulator({ ...shared, ...options.cgb });
  const upstash = new UpstashSimulator({
    ...shared,
    ...(options.upstash ?? { email: "nobody@example.com", apiKey: randomUUID(), databases: [] }),
  });
  const openai = new OpenAiSimulator({
    ...shared,
    ...(options.openai ?? { adminKey: `sk-admin-${randomUUID()}`, project: "proj_nobody" }),
  });
  const anthropic = new AnthropicSimulator({ ...shared, ...options.anthropic });
  const stripe = new StripeSimulator({ ...shared, ...options.stripe });
  const simulators = {
    ...{ github, render, vercel, slack, pagerduty, supabase, resend, slackApi, cgb, upstash },
    ...{ openai, anthropic, stripe },
  };
  const all = Object.values(simulators);
  const stop = async () => {
    await Promise.all(all.map((simulator) => simulator.stop()));
  };
  const starts = await Promise.allSettled(all.map((simulator) => simulator.start()));
  const failed = starts.find((start) => start.status === "rejected");
  if (failed) {
    await stop();
    throw failed.reason;
  }
  const endpoints = {
    GITHUB_BASE_URL: `${github.url}/`,
    RENDER_API_URL: `${render.url}/v1`,
    VERCEL_API_URL: vercel.url,
    SLACK_WEBHOOK_URL: slack.webhookUrl(),
    PAGERDUTY_EVENTS_URL: pagerduty.url,
    SUPABASE_API_URL: supabase.url,
    RESEND_API_URL: resend.url,
    SLACK_API_URL: `${slackApi.url}/api`,
    CGB_API_URL: `${cgb.url}/api`,
    UPSTASH_API_URL: `${upstash.url}/v2`,
    OPENAI_API_URL: `${openai.url}/v1`,
    ANTHROPIC_API_URL: anthropic.url,
    STRIPE_API_URL: stripe.url,
  };
  return { ...simulators, effects, endpoints, stop };
}
