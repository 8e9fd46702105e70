// Runs a command with what Vault gives to this job: no long-lived token is kept at GitHub.
//   node bootstrap.mjs ci/vault-login.ts <script.ts> [arguments]
// GitHub vouches for the job (OIDC), Vault's jwt method answers with a token for minutes, and one entry of its KV store
// holds the vendors' keys; those that the stack rotates itself are read where it keeps them. All of it goes to the one command and nowhere else: not to GITHUB_ENV, not to a file. The
// token is revoked when the command ends, however it ends. Without Vault's role in the environment (on a machine of
// one's own) the command runs with the environment as it is.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { ownTokens } from "../applications/visapi-own-tokens.ts";
import { request, type Vendor } from "../provider/vendors/http.ts";
import { CiError, onGithub, script } from "./context.ts";

/** Variables that the KV entry may set: credentials by their names. What steers a program (PATH, NODE_OPTIONS) is not. */
const credential = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*_(KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|URL|ID)$/;
const steering = /^(NODE|NPM|LD|DYLD|GIT|SSH|BASH|PULUMI_OPTION|ACTIONS|RUNNER|GITHUB(?!_TOKEN$))_/;

interface Login {
  vault: Vendor;
  /** VAULT_TOKEN and what the KV entry holds. */
  secrets: Record<string, string>;
}

/**
 * Logs in by the job's identity. Reads VAULT_ADDR, VAULT_ROLE, VAULT_AUTH_PATH (`jwt`), VAULT_AUDIENCE (the address of
 * Vault) and VAULT_KV_PATH (`secret/data/ci/rotation`, left out: no entry is read).
 * @throws CiError or VendorError that says what is missing; never with a token
 */
export async function login(env: NodeJS.ProcessEnv): Promise<Login> {
  const address = (env["VAULT_ADDR"] ?? "").replace(/\/$/, "");
  if (!address) throw new CiError("VAULT_ADDR is not set; set it as a variable of the repository or the environment");
  const jwt = await identity(env, env["VAULT_AUDIENCE"] ?? address);
  const vault: Vendor = {
    name: "Vault",
    baseUrl: `${address}/v1`,
    headers: {},
    tokenName: "VAULT_ROLE",
    patienceSeconds: 60,
  };
  const role = env["VAULT_ROLE"] ?? "";
  const reply = await request(vault, {
    method: "POST",
    path: `/auth/${env["VAULT_AUTH_PATH"] ?? "jwt"}/login`,
    body: { role, jwt },
    purpose: `log in to the role "${role}"; its bound claims must name this repository, workflow and environment`,
    repeatable: true,
  });
  const { auth } = reply.body as { auth?: { client_token?: string } };
  if (!auth?.client_token) throw new CiError(`Vault let the role "${role}" in, and gave it no token`);
  vault.headers["x-vault-token"] = auth.client_token;
  const secrets: Record<string, string> = { VAULT_TOKEN: auth.client_token };
  const path = env["VAULT_KV_PATH"];
  if (path) Object.assign(secrets, await entry(vault, path), await rotated(vault, path));
  return { vault, secrets };
}

/** A token by which GitHub (or GitLab) says which repository, workflow and environment this job belongs to. */
async function identity(env: NodeJS.ProcessEnv, audience: string): Promise<string> {
  // GitLab hands the token over ready made (docs.gitlab.com/ci/secrets/id_token_authentication).
  if (env["VAULT_ID_TOKEN"]) return env["VAULT_ID_TOKEN"];
  const [url, token] = [env["ACTIONS_ID_TOKEN_REQUEST_URL"], env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]];
  if (!url || !token)
    throw new CiError('This job has no identity to show to Vault; give it "permissions: id-token: write"');
  const { origin, pathname, searchParams } = new URL(url);
  searchParams.set("audience", audience);
  const reply = await request(
    { name: "GitHub", baseUrl: origin, headers: { authorization: `Bearer ${token}` }, tokenName: "id-token: write" },
    { method: "GET", path: `${pathname}?${searchParams.toString()}`, purpose: "vouch for this job" },
  );
  const { value } = reply.body as { value?: string };
  if (!value) throw new CiError("GitHub gave this job no identity token");
  return value;
}

async function entry(vault: Vendor, path: string): Promise<Record<string, string>> {
  const reply = await request(vault, { method: "GET", path: `/${path}`, purpose: `read ${path}` });
  const { data = {} } = (reply.body as { data?: { data?: Record<string, unknown> } }).data ?? {};
  const foreign = Object.keys(data).filter(
    (name) => !credential.test(name) || steering.test(name) || typeof data[name] !== "string",
  );
  if (foreign.length)
    throw new CiError(
      `${path} holds ${foreign.join(", ")}, which is no credential by its name (..._KEY, _TOKEN, _SECRET, _PASSWORD, _PASSPHRASE, _URL, _ID); take it out`,
    );
  return data as Record<string, string>;
}

/**
 * What the stack rotates and works with itself is given to it as it is now, not as it once was typed into the entry: so
 * a run that was started after a rotation works with the new one, and can end the old one.
 * @param path of the entry; its mount holds these too
 */
async function rotated(vault: Vendor, path: string): Promise<Record<string, string>> {
  const [mount] = path.split("/data/");
  const found = Object.entries(ownTokens).map(async ([variable, name]) => {
    // A role that may not read them, and a stack that has none yet, go on with the entry's.
    const reply = await request(vault, {
      method: "GET",
      path: `/${mount}/data/${name}`,
      purpose: `read ${mount}/${name}`,
      accept: [403, 404],
    });
    const value = (reply.body as { data?: { data?: { value?: unknown } | null } } | null)?.data?.data?.value;
    return reply.status === 200 && typeof value === "string" && value !== "" ? [[variable, value] as const] : [];
  });
  return Object.fromEntries((await Promise.all(found)).flat());
}

/** Ends the token; that it could not is told and never hides how the command ended. */
async function revoke(vault: Vendor): Promise<void> {
  try {
    await request(vault, {
      method: "POST",
      path: "/auth/token/revoke-self",
      purpose: "revoke the job's token",
      repeatable: true,
    });
  } catch (error) {
    process.stderr.write(`${(error as Error).message} It ends by itself after its time.\n`);
  }
}

function run([file = "", ...args]: string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file, ...args], {
      env,
      stdio: "inherit",
    });
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, pass);
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(signal ? 128 + constants.signals[signal] : (code ?? 1)));
  });
}

async function main(): Promise<number> {
  const { env } = process;
  const command = process.argv.slice(2);
  if (!command[0]?.endsWith(".ts"))
    throw new CiError("Say which script to run: node bootstrap.mjs ci/vault-login.ts ci/rotate.ts --stack production");
  if (!env["VAULT_ROLE"]) return run(command, env);
  const { vault, secrets } = await login(env);
  try {
    // Nothing prints a value; should something ever do, GitHub's log shows asterisks.
    if (onGithub(env)) for (const value of Object.values(secrets)) mask(value);
    // The command has no use for the means to get another token.
    const none = {
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: undefined,
      ACTIONS_ID_TOKEN_REQUEST_URL: undefined,
      VAULT_ID_TOKEN: undefined,
    };
    return await run(command, { ...env, ...none, ...secrets });
  } finally {
    await revoke(vault);
  }
}

function mask(value: string): void {
  for (const line of value.split(/\r?\n/)) if (line.length > 3) process.stdout.write(`::add-mask::${line}\n`);
}

if (import.meta.main) await script(main);
