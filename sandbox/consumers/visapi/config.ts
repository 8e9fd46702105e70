// What the VisAPI API reads from its environment, once, at the start: as on the real platform, a new value
// reaches a process only by a new deployment.
import { randomUUID } from "node:crypto";
import type { Environment } from "../proof.ts";

/** A secret with its predecessor, both accepted while the overlap lasts. */
export interface Pair {
  /** Signs; absent when the platform has none. */
  current: string | undefined;
  /** Verifies only. */
  previous: string | undefined;
}

/** The API's settings. */
export interface Config {
  jwt: Pair;
  session: Pair;
  cron: Pair;
  /** Start of every key that the API issues. @default "vapi_" */
  apiKeyPrefix: string;
  /** The one key that the X-API-Key routes accept. */
  adminApiKey: string | undefined;
  databaseUrl: string | undefined;
  redisUrl: string | undefined;
  /** Id of this process, from the platform where it gives one. */
  instance: string;
  startedAt: Date;
  /** Makes the health endpoints answer 503. */
  simulateUnhealthy: boolean;
  /** Path of a file whose existence makes the health endpoints answer 503. */
  simulateUnhealthyFile: string | undefined;
  env: Environment;
}

/** Without these the API cannot do its work and reports itself unhealthy. */
export const requiredSecrets = ["JWT_SECRET", "SESSION_SECRET", "CRON_SECRET", "DATABASE_URL", "REDIS_URL"] as const;

/** Secrets that the API can prove the use of. */
export const provableSecrets = [
  ...["JWT_SECRET", "SESSION_SECRET", "CRON_SECRET"].flatMap((name) => [name, `${name}_PREVIOUS`]),
  "API_KEY_PREFIX",
  "DATABASE_URL",
  "REDIS_URL",
  "SUPABASE_SERVICE_ROLE_KEY",
  "SUPABASE_ANON_KEY",
  "CGB_API_KEY",
  "RESEND_API_KEY",
  "SLACK_BOT_TOKEN",
  "SLACK_SIGNING_SECRET",
  "SLACK_WEBHOOK_URL",
];

/** Reads the settings; an empty variable counts as absent, since platforms cannot always unset one. */
export function readConfig(env: Environment): Config {
  const read = (name: string): string | undefined => env[name] || undefined;
  const pair = (name: string): Pair => ({ current: read(name), previous: read(`${name}_PREVIOUS`) });
  return {
    jwt: pair("JWT_SECRET"),
    session: pair("SESSION_SECRET"),
    cron: pair("CRON_SECRET"),
    apiKeyPrefix: read("API_KEY_PREFIX") ?? "vapi_",
    adminApiKey: read("ADMIN_API_KEY"),
    databaseUrl: read("DATABASE_URL"),
    redisUrl: read("REDIS_URL"),
    instance: read("RENDER_INSTANCE_ID") ?? randomUUID(),
    startedAt: new Date(),
    simulateUnhealthy: read("SIMULATE_UNHEALTHY") === "1",
    simulateUnhealthyFile: read("SIMULATE_UNHEALTHY_FILE"),
    env,
  };
}

/** Names of the required secrets that the environment lacks. */
export function missingSecrets(config: Config): string[] {
  return requiredSecrets.filter((name) => !config.env[name]);
}
