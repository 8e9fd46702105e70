// The sandbox's Pulumi stack: made once, and run with the real CLI from the repository's root.
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { forStack } from "../cli/pulumi.ts";
import { stackName, type ApplicationName } from "./environment.ts";
import { sandboxSecrets } from "./secrets.ts";
import { writePrivate } from "./servers/wait.ts";

export const repository = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** Where a stack's configuration lives: beside its state, so that the repository's own file never changes. */
export function configFile(dir: string, application: ApplicationName = "visapi"): string {
  return join(dir, `Pulumi.${stackName(application)}.yaml`);
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
  /** What ended it from outside, like SIGKILL. */
  signal?: NodeJS.Signals;
}

export interface RunOptions {
  env: Record<string, string>;
  /** @default the repository's root */
  cwd?: string;
  /** Called with whatever comes, as it comes. */
  onOutput?: (text: string) => void;
  /** Takes the child's process id, for tests that kill it. */
  onStart?: (pid: number) => void;
  /** Goes to standard input; never give a value as an argument. */
  input?: string;
}

/** Runs `pulumi` with the arguments and collects what it says. */
export function pulumi(args: string[], { env, cwd = repository, onOutput, onStart, input }: RunOptions): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn("pulumi", args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    if (child.pid) onStart?.(child.pid);
    const out = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream]?.setEncoding("utf8").on("data", (text: string) => {
        out[stream] += text;
        onOutput?.(text);
      });
    }
    child.stdin?.end(input);
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code: code ?? 1, ...out, ...(signal ? { signal } : {}) }));
  });
}

/** Whether a run that was killed left operations open in an application's stack. */
export function leftOpen(dir: string, application: ApplicationName): boolean {
  const file = join(dir, "state", ".pulumi", "stacks", "secret-rotation", `${stackName(application)}.json`);
  if (!existsSync(file)) return false;
  const { checkpoint } = JSON.parse(readFileSync(file, "utf8")) as {
    checkpoint?: { latest?: { pending_operations?: unknown[] } };
  };
  return (checkpoint?.latest?.pending_operations ?? []).length > 0;
}

/**
 * Makes an application's stack if the state has none yet.
 * @param dir the sandbox's folder
 * @param env the sandbox's environment
 * @returns the environment in which pulumi works on that stack
 * @throws with what pulumi said
 */
export async function ensureStack(
  dir: string,
  env: Record<string, string>,
  application: ApplicationName = "visapi",
): Promise<Record<string, string>> {
  const name = stackName(application);
  const config = configFile(dir, application);
  const own = forStack(env, name);
  if (existsSync(config)) return own;
  const scratch = mkdtempSync(join(tmpdir(), "sandbox-stack-"));
  try {
    cpSync(join(repository, "Pulumi.yaml"), join(scratch, "Pulumi.yaml"));
    // A salt there belongs to a stack that somebody made in the checkout, with another passphrase.
    const shipped = readFileSync(join(repository, `Pulumi.${name}.yaml`), "utf8");
    writePrivate(join(scratch, `Pulumi.${name}.yaml`), shipped.replace(/^encryptionsalt: .*\n?/m, ""));
    const rest = { ...env };
    for (const name of ["PULUMI_STACK", "PULUMI_OPTION_CONFIG_FILE", "PULUMI_OPTION_POLICY_PACK"]) delete rest[name];
    const made = await pulumi(["stack", "init", name, "--non-interactive"], { env: rest, cwd: scratch });
    if (made.code !== 0 && !made.stderr.includes("already exists"))
      throw new Error(`The stack could not be made: ${made.stderr || made.stdout}`);
    writePrivate(config, readFileSync(join(scratch, `Pulumi.${name}.yaml`), "utf8"));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  await handOver(dir, own, application);
  return own;
}

/** Brings what in real life a person fetches from a vendor's pages, so that the first run has all of it. */
async function handOver(dir: string, env: Record<string, string>, application: ApplicationName): Promise<void> {
  const secrets = sandboxSecrets(dir);
  const values: Record<ApplicationName, Record<string, string | undefined>> = {
    visapi: {
      CGB_API_KEY: secrets.cgbApiKey,
      SLACK_BOT_TOKEN: secrets.slackBotToken,
      SLACK_SIGNING_SECRET: secrets.slackSigningSecret,
      SLACK_WEBHOOK_URL: env["SLACK_WEBHOOK_URL"],
      RENDER_API_KEY: secrets.renderApiKey,
      UPSTASH_API_KEY: secrets.upstashApiKey,
      CODECOV_TOKEN: secrets.codecovToken,
    },
    intelliflow: { ANTHROPIC_API_KEY: secrets.anthropicApiKey, STRIPE_API_KEY: secrets.stripeApiKey },
  };
  for (const [name, value] of Object.entries(values[application])) {
    if (!value) continue;
    const set = await pulumi(["config", "set", "--secret", `${application}:${name}`, "--non-interactive"], {
      env,
      input: value,
    });
    if (set.code !== 0) throw new Error(`${application}:${name} could not be set: ${set.stderr || set.stdout}`);
  }
}
