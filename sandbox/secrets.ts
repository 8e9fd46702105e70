// What the sandbox itself needs to know in secret: made up at the first start, kept in one file that only its owner reads.
import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writePrivate } from "./servers/wait.ts";

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** A random text of letters and digits. */
function text(length: number, alphabet = alphanumeric): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}

const hex = (bytes: number): string => randomBytes(bytes).toString("hex");

/** In the shape of Supabase's legacy keys: a JWT; nobody here checks its signature. */
function legacyKey(role: string): string {
  const part = (content: object): string => Buffer.from(JSON.stringify(content)).toString("base64url");
  return `${part({ alg: "HS256", typ: "JWT" })}.${part({ iss: "supabase", role })}.${text(43)}`;
}

/** How each one is made, in the shape of its vendor. */
const recipes = {
  postgresSuperuser: () => text(32),
  // Standing in for what a person once made with `openssl rand -base64`: it has to be percent-encoded in a URL.
  postgresApplication: () => `${text(20)}/+=`,
  redisAdmin: () => text(32),
  redisApplication: () => `${text(20)}/+=`,
  adminApiKey: () => `vapi_${hex(32)}`,
  pulumiPassphrase: () => text(40),
  renderApiKey: () => `rnd_${text(28)}`,
  vercelApiToken: () => text(24),
  githubToken: () => `ghp_${text(36)}`,
  slackWebhookToken: () => text(24),
  controlToken: () => text(32),
  fingerprintKey: () => hex(32),
  renderServiceId: () => `srv-visapi${text(14, "abcdefghijklmnopqrstuvwxyz0123456789")}`,
  renderOwnerId: () => `tea-${text(20, "abcdefghijklmnopqrstuvwxyz0123456789")}`,
  vercelProjectId: () => `prj_${text(28)}`,
  supabaseAccessToken: () => `sbp_${hex(20)}`,
  supabaseProjectRef: () => text(20, "abcdefghijklmnopqrstuvwxyz"),
  resendAdminKey: () => `re_${text(8)}_${text(24)}`,
  // The hand-made values that the applications ran with before rotation took over.
  jwtSecret: () => hex(32),
  sessionSecret: () => hex(32),
  cronSecret: () => hex(16),
  supabaseAnonKey: () => legacyKey("anon"),
  supabaseServiceRoleKey: () => legacyKey("service_role"),
  cgbApiKey: () => `${hex(4)}.${text(40)}`,
  slackBotToken: () => `xoxb-${text(12, "0123456789")}-${text(13, "0123456789")}-${text(24)}`,
  slackSigningSecret: () => hex(16),
  upstashApiKey: () => randomUUID(),
  codecovToken: () => randomUUID(),
  resendApiKey: () => `re_${text(8)}_${text(24)}`,
  openaiAdminKey: () => `sk-admin-${text(80)}`,
  openaiApiKey: () => `sk-proj-${text(120)}`,
  anthropicAdminKey: () => `sk-ant-admin01-${text(93)}AA`,
  anthropicApiKey: () => `sk-ant-api03-${text(93)}AA`,
  stripeApiKey: () => `rk_test_${text(98)}`,
};

/** Secrets and vendor ids of one sandbox, by name. */
export type SandboxSecrets = Record<keyof typeof recipes, string>;

/** Reads `<dir>/secrets.json` (0600), adding what it lacks. */
export function sandboxSecrets(dir: string): SandboxSecrets {
  const file = join(dir, "secrets.json");
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<SandboxSecrets>) : {};
  const made = Object.fromEntries(Object.entries(recipes).map(([name, make]) => [name, make()])) as SandboxSecrets;
  const secrets = { ...made, ...known };
  if (Object.keys(recipes).some((name) => !(name in known))) writePrivate(file, JSON.stringify(secrets, undefined, 2));
  return secrets;
}
