// The hosted services of the sandbox: whose they are, what they start with, and how pulumi reaches them.
import { api, frontend, launcher } from "./consumers/launch.ts";
import type { SandboxSecrets } from "./secrets.ts";
import type { Supervisor } from "./servers/process.ts";
import { resetPassword } from "./servers/redis.ts";
import { startSimulators } from "./simulators/index.ts";
import type { Simulators } from "./simulators/index.ts";

/** Names under which ports are remembered; `api` and `app` are the public addresses of the consumers. */
export const vendorPorts = [
  "github",
  "render",
  "vercel",
  "slack",
  "pagerduty",
  "supabase",
  "resend",
  "slackApi",
  "cgb",
  "upstash",
  "openai",
  "anthropic",
  "stripe",
  "api",
  "app",
] as const;

/** The repository whose Actions secrets are rotated. */
export const githubRepository = { owner: "visanet", name: "visapi" };

/** The account at Upstash that the management keys belong to. */
const upstashEmail = "operations@visanet.com";

/** The Redis that the API uses, as Upstash would call it. */
const upstashDatabase = "8f0e8b1c-63a5-4d0f-9a55-1f2f64a1c0de";

/** IntelliFlow's project at OpenAI. */
const openaiProject = "proj_intelliflow";

/** What the vendors need. */
export interface VendorsOptions {
  /** Folder of the vendors' own storage; what they hold outlives a restart. */
  dir: string;
  supervisor: Supervisor;
  ports: Record<(typeof vendorPorts)[number], number>;
  secrets: SandboxSecrets;
  /** Connection strings that the API starts with. */
  databaseUrl: string;
  redisUrl: string;
  /** An administrator's; what Upstash does to its database is done through it. */
  redisAdminUrl: string;
  /** How many times faster than real the vendors' rate limits refill. @default 1 */
  limitScale?: number | undefined;
}

/** The running vendors. */
export interface Vendors {
  simulators: Simulators;
  /** Endpoints, tokens and ids for pulumi. */
  env: Record<string, string>;
  stop(): Promise<void>;
}

/**
 * Starts GitHub, Render, Vercel, Slack, Supabase and Resend, and behind Render and Vercel the consumers.
 *
 * At their first start the platforms hold what a person once typed in: connection strings, the administrator's key and
 * the hand-made values that rotation takes over from. Later starts find what the
 * vendors' storage says, whatever has been rotated meanwhile.
 * @throws when a vendor cannot start; none of them runs then
 */
export async function startVendors(options: VendorsOptions): Promise<Vendors> {
  const { ports, secrets, supervisor } = options;
  const webhook = { team: "T00000000", bot: "B00000000", token: secrets.slackWebhookToken };
  const redisUser = decodeURIComponent(new URL(options.redisUrl).username);
  const supabaseUrl = `http://127.0.0.1:${ports.supabase}/data/${secrets.supabaseProjectRef}`;
  const simulators = await startSimulators({
    directory: options.dir,
    controlToken: secrets.controlToken,
    limitScale: options.limitScale,
    github: {
      port: ports.github,
      token: secrets.githubToken,
      repositories: [{ ...githubRepository, environments: ["production"] }],
    },
    render: {
      port: ports.render,
      apiKey: secrets.renderApiKey,
      ownerId: secrets.renderOwnerId,
      services: [
        {
          id: secrets.renderServiceId,
          name: "visapi",
          instances: 2,
          publicPort: ports.api,
          launch: launcher(api, supervisor),
          healthPath: api.liveness,
          env: {
            DATABASE_URL: options.databaseUrl,
            REDIS_URL: options.redisUrl,
            ADMIN_API_KEY: secrets.adminApiKey,
            API_KEY_PREFIX: "vapi_",
            JWT_SECRET: secrets.jwtSecret,
            SESSION_SECRET: secrets.sessionSecret,
            CRON_SECRET: secrets.cronSecret,
            SUPABASE_URL: supabaseUrl,
            SUPABASE_SERVICE_ROLE_KEY: secrets.supabaseServiceRoleKey,
            SUPABASE_ANON_KEY: secrets.supabaseAnonKey,
            RESEND_API_URL: `http://127.0.0.1:${ports.resend}`,
            RESEND_API_KEY: secrets.resendApiKey,
            CGB_API_URL: `http://127.0.0.1:${ports.cgb}/api`,
            SLACK_WEBHOOK_URL: `http://127.0.0.1:${ports.slack}/services/${webhook.team}/${webhook.bot}/${webhook.token}`,
          },
        },
      ],
    },
    vercel: {
      port: ports.vercel,
      token: secrets.vercelApiToken,
      projects: [
        {
          id: secrets.vercelProjectId,
          name: "visapi-frontend",
          publicPort: ports.app,
          launch: launcher(frontend, supervisor),
          healthPath: frontend.liveness,
          env: {
            API_URL: `http://127.0.0.1:${ports.api}`,
            CRON_SECRET: secrets.cronSecret,
            SUPABASE_SERVICE_KEY: secrets.supabaseServiceRoleKey,
            NEXT_PUBLIC_SUPABASE_ANON_KEY: secrets.supabaseAnonKey,
          },
        },
      ],
    },
    slack: { port: ports.slack, webhooks: [webhook] },
    pagerduty: { port: ports.pagerduty },
    supabase: {
      port: ports.supabase,
      accessToken: secrets.supabaseAccessToken,
      projects: [
        {
          ref: secrets.supabaseProjectRef,
          anonKey: secrets.supabaseAnonKey,
          serviceRoleKey: secrets.supabaseServiceRoleKey,
        },
      ],
    },
    resend: {
      port: ports.resend,
      adminKey: secrets.resendAdminKey,
      keys: [{ name: "made by hand", token: secrets.resendApiKey }],
      domains: [{ id: "4dd369bc-aa82-4ff3-97de-514ae3000ee0", name: "visanet.app" }],
    },
    slackApi: { port: ports.slackApi, keys: [{ name: "visapi", token: secrets.slackBotToken }] },
    cgb: { port: ports.cgb, keys: [{ name: "visapi", token: secrets.cgbApiKey }] },
    upstash: {
      port: ports.upstash,
      email: upstashEmail,
      apiKey: secrets.upstashApiKey,
      databases: [
        {
          id: upstashDatabase,
          name: "visapi",
          endpoint: "127.0.0.1",
          port: Number(new URL(options.redisUrl).port),
          password: decodeURIComponent(new URL(options.redisUrl).password),
          tls: false,
        },
      ],
      onReset: ({ password }) => resetPassword(options.redisAdminUrl, redisUser, password),
    },
    openai: {
      port: ports.openai,
      adminKey: secrets.openaiAdminKey,
      project: openaiProject,
      keys: [{ name: "made by hand", token: secrets.openaiApiKey }],
    },
    anthropic: {
      port: ports.anthropic,
      adminKey: secrets.anthropicAdminKey,
      keys: [{ name: "intelliflow", token: secrets.anthropicApiKey }],
    },
    stripe: { port: ports.stripe, keys: [{ name: "intelliflow", token: secrets.stripeApiKey }] },
  });
  return {
    simulators,
    env: {
      ...simulators.endpoints,
      PAGERDUTY_ROUTING_KEY: simulators.pagerduty.routingKey,
      GITHUB_OWNER: githubRepository.owner,
      GITHUB_TOKEN: secrets.githubToken,
      RENDER_API_KEY: secrets.renderApiKey,
      RENDER_SERVICE_ID: secrets.renderServiceId,
      VERCEL_API_TOKEN: secrets.vercelApiToken,
      VERCEL_PROJECT_ID: secrets.vercelProjectId,
      SUPABASE_ACCESS_TOKEN: secrets.supabaseAccessToken,
      SUPABASE_PROJECT_REF: secrets.supabaseProjectRef,
      SUPABASE_URL: supabaseUrl,
      RESEND_ADMIN_KEY: secrets.resendAdminKey,
      VISAPI_MAIL_FROM: "noreply@visanet.app",
      UPSTASH_EMAIL: upstashEmail,
      UPSTASH_DATABASE_ID: upstashDatabase,
      VISAPI_REDIS_USER: redisUser,
      OPENAI_ADMIN_KEY: secrets.openaiAdminKey,
      OPENAI_PROJECT_ID: openaiProject,
      ANTHROPIC_ADMIN_KEY: secrets.anthropicAdminKey,
      VISAPI_ADMIN_API_KEY: secrets.adminApiKey,
      VISAPI_API_URL: simulators.render.serviceUrl(secrets.renderServiceId),
      VISAPI_APP_URL: simulators.vercel.projectUrl(secrets.vercelProjectId),
      // For tests that inject faults over the vendors' control APIs; the product does not read it.
      SANDBOX_CONTROL_TOKEN: secrets.controlToken,
    },
    stop: () => simulators.stop(),
  };
}
