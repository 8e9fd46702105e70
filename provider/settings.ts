// What the plugin is configured with: Pulumi config `rotation:<key>`, else the environment.
import { Anthropic } from "./vendors/anthropic.ts";
import { readPlace } from "./audit/store.ts";
import { readRoutes } from "./notify/routes.ts";
import type { Contacts } from "./notify/send.ts";
import { readKubeconfig } from "./vendors/kubeconfig.ts";
import { Kubernetes } from "./vendors/kubernetes.ts";
import { OpenAi } from "./vendors/openai.ts";
import { Render } from "./vendors/render.ts";
import { Resend } from "./vendors/resend.ts";
import { Supabase } from "./vendors/supabase.ts";
import type { Vendor } from "./vendors/http.ts";
import { Vault, vaultVendor } from "./vendors/vault.ts";
import { Vercel } from "./vendors/vercel.ts";
import { VercelTokens } from "./vendors/vercel-tokens.ts";
import { Visapi } from "./vendors/visapi.ts";
import { reveal, type Properties } from "./wire/values.ts";

const sources = {
  now: "ROTATION_NOW",
  renderUrl: "RENDER_API_URL",
  renderApiKey: "RENDER_API_KEY",
  vercelUrl: "VERCEL_API_URL",
  vercelToken: "VERCEL_API_TOKEN",
  vercelTeamId: "VERCEL_TEAM_ID",
  supabaseUrl: "SUPABASE_API_URL",
  supabaseAccessToken: "SUPABASE_ACCESS_TOKEN",
  resendUrl: "RESEND_API_URL",
  resendAdminKey: "RESEND_ADMIN_KEY",
  openaiUrl: "OPENAI_API_URL",
  openaiAdminKey: "OPENAI_ADMIN_KEY",
  anthropicUrl: "ANTHROPIC_API_URL",
  anthropicAdminKey: "ANTHROPIC_ADMIN_KEY",
  stripeUrl: "STRIPE_API_URL",
  visapiAdminKey: "VISAPI_ADMIN_API_KEY",
  vaultAddress: "VAULT_ADDR",
  vaultToken: "VAULT_TOKEN",
  vaultNamespace: "VAULT_NAMESPACE",
  kubeconfig: "KUBECONFIG",
  kubeContext: "ROTATION_KUBE_CONTEXT",
  slackWebhookUrl: "SLACK_WEBHOOK_URL",
  pagerdutyRoutingKey: "PAGERDUTY_ROUTING_KEY",
  pagerdutyUrl: "PAGERDUTY_EVENTS_URL",
  smtpUrl: "ROTATION_SMTP_URL",
  mailFrom: "ROTATION_MAIL_FROM",
  mailTo: "ROTATION_MAIL_TO",
  notify: "ROTATION_NOTIFY",
  fingerprintKey: "ROTATION_FINGERPRINT_KEY",
  audit: "ROTATION_AUDIT",
  auditKey: "ROTATION_AUDIT_KEY",
  auditFormerKeys: "ROTATION_AUDIT_FORMER_KEYS",
  patienceSeconds: "ROTATION_PATIENCE_SECONDS",
} as const;
type Key = keyof typeof sources;

export const settingNames = Object.keys(sources) as Key[];

export class Settings {
  #values: Partial<Record<Key, string>> = {};
  #started = new Date();
  #configured = Date.now();
  /** Each with its open connections. */
  readonly #clusters = new Map<string, Kubernetes>();

  configure(config: Properties): void {
    this.#values = {};
    this.#clusters.clear();
    for (const key of settingNames) {
      const configured = reveal(config[key]);
      const value = typeof configured === "string" && configured !== "" ? configured : process.env[sources[key]];
      if (value) this.#values[key] = value;
    }
    const now = this.#values.now;
    if (now && Number.isNaN(Date.parse(now)))
      throw new Error(
        `rotation:now is "${now}", which is no date; write it like 2026-01-31T02:00:00Z, or leave it out to use the system's clock.`,
      );
    if (!(this.patienceSeconds() >= 1 && this.patienceSeconds() <= 3600))
      throw new Error(
        `rotation:patienceSeconds is "${this.#values.patienceSeconds}"; give the seconds from 1 to 3600 for which a vendor is asked again, for instance 180`,
      );
    readPlace(this.#values.audit);
    readRoutes(this.#values.notify);
    this.#started = now ? new Date(now) : new Date();
    this.#configured = Date.now();
  }

  get(key: Key): string | undefined {
    return this.#values[key];
  }

  require(key: Key, what: string): string {
    const value = this.#values[key];
    if (!value)
      throw new Error(
        `${what} is missing. Set the environment variable ${sources[key]}, or: pulumi config set --secret rotation:${key}`,
      );
    return value;
  }

  /** For how long a vendor that does not answer, or asks to wait, is asked again. 1 to 3600; @default 180 */
  patienceSeconds(): number {
    return Number(this.#values.patienceSeconds ?? 180);
  }

  /** Where people are told about a run. */
  contacts(): Contacts {
    const keys = [
      "slackWebhookUrl",
      "pagerdutyRoutingKey",
      "pagerdutyUrl",
      "smtpUrl",
      "mailFrom",
      "mailTo",
      "notify",
    ] as const;
    return Object.fromEntries(keys.map((key) => [key, this.get(key)]));
  }

  /** The run's one instant: the same for every decision of the run, however long it takes. */
  now(): Date {
    return this.#started;
  }

  /** The run's instant and what has passed since: when something happened, for the audit trail. */
  elapsed(): Date {
    return new Date(this.#started.getTime() + Date.now() - this.#configured);
  }

  render(patienceSeconds = this.patienceSeconds()): Render {
    return new Render(
      this.get("renderUrl") ?? "https://api.render.com/v1",
      this.require("renderApiKey", "The Render API key"),
      patienceSeconds,
    );
  }

  vercel(patienceSeconds = this.patienceSeconds()): Vercel {
    return new Vercel(
      this.get("vercelUrl") ?? "https://api.vercel.com",
      this.require("vercelToken", "The Vercel token"),
      patienceSeconds,
      this.get("vercelTeamId"),
    );
  }

  /** @param token @default the run's own */
  vercelTokens(token = this.require("vercelToken", "The Vercel token")): VercelTokens {
    return new VercelTokens(this.get("vercelUrl") ?? "https://api.vercel.com", token, this.patienceSeconds());
  }

  /** @param context of the kubeconfig; empty: `rotation:kubeContext`, else the kubeconfig's current one */
  kubernetes(context = "", patienceSeconds = this.patienceSeconds()): Kubernetes {
    const key = `${context}/${patienceSeconds}`;
    const known = this.#clusters.get(key);
    if (known) return known;
    const cluster = readKubeconfig(this.get("kubeconfig"), context || this.get("kubeContext"));
    const made = new Kubernetes(cluster, patienceSeconds);
    this.#clusters.set(key, made);
    return made;
  }

  supabase(): Supabase {
    return new Supabase(
      this.get("supabaseUrl") ?? "https://api.supabase.com",
      this.require("supabaseAccessToken", "The Supabase access token"),
      this.patienceSeconds(),
    );
  }

  resendUrl(): string {
    return this.get("resendUrl") ?? "https://api.resend.com";
  }

  resend(): Resend {
    return new Resend(
      this.resendUrl(),
      this.require("resendAdminKey", "The Resend key that manages keys"),
      this.patienceSeconds(),
    );
  }

  openaiUrl(): string {
    return this.get("openaiUrl") ?? "https://api.openai.com/v1";
  }

  openai(project: string): OpenAi {
    const key = this.require("openaiAdminKey", "The OpenAI admin key");
    return new OpenAi(this.openaiUrl(), key, project, this.patienceSeconds());
  }

  anthropicUrl(): string {
    return this.get("anthropicUrl") ?? "https://api.anthropic.com";
  }

  anthropic(): Anthropic {
    const key = this.require("anthropicAdminKey", "The Anthropic admin key");
    return new Anthropic(this.anthropicUrl(), key, this.patienceSeconds());
  }

  stripeUrl(): string {
    return this.get("stripeUrl") ?? "https://api.stripe.com";
  }

  /** @param key @default the run's own */
  visapi(url: string, key = this.require("visapiAdminKey", "The key for VisAPI's keys")): Visapi {
    return new Visapi(url, key, this.patienceSeconds());
  }

  vault(): Vault {
    return new Vault(...this.#vaultAccess());
  }

  vaultVendor(): Vendor {
    return vaultVendor(...this.#vaultAccess());
  }

  #vaultAccess(): [string, string, number, string | undefined] {
    return [
      this.require("vaultAddress", "The address of Vault"),
      this.require("vaultToken", "The Vault token"),
      this.patienceSeconds(),
      this.get("vaultNamespace"),
    ];
  }
}
