// What a job of GitHub Actions is told about itself, and the three files by which it answers
// (docs.github.com/actions/reference/workflows-and-actions/variables and .../workflow-commands).
import { appendFileSync, readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";

/** A mistake of a person or of the set-up, told in one line; nothing has happened. */
export class CiError extends Error {}

export interface Context {
  /** `owner/name` */
  repository: string;
  runId: number;
  /** Counts how often the run was started again, from 1 on. */
  attempt: number;
  /** Name of the event: `schedule`, `workflow_dispatch`, `pull_request`, ... */
  event: string;
  /** Login of whoever started this attempt. */
  by: string;
  workflow: string;
  /** Of GitHub, for people. */
  serverUrl: string;
  /** Address of the run, for people. */
  runUrl: string;
  apiUrl: string;
  /** The job's own token, which the workflow hands over as CI_TOKEN: GITHUB_TOKEN is what the stack writes secrets with. */
  token: string;
}

type Env = NodeJS.ProcessEnv;

/** Whether this process is a job of GitHub Actions. */
export function onGithub(env: Env): boolean {
  return env["GITHUB_ACTIONS"] === "true";
}

/** @throws CiError outside of GitHub Actions */
export function readContext(env: Env): Context {
  const need = (name: string): string => {
    const value = env[name];
    if (value) return value;
    throw new CiError(`${name} is not set; this script runs in a job of GitHub Actions (docs/ci.md has the others)`);
  };
  const repository = need("GITHUB_REPOSITORY");
  const runId = Number(need("GITHUB_RUN_ID"));
  const serverUrl = env["GITHUB_SERVER_URL"] ?? "https://github.com";
  return {
    repository,
    runId,
    attempt: Number(env["GITHUB_RUN_ATTEMPT"] ?? 1),
    event: need("GITHUB_EVENT_NAME"),
    by: env["GITHUB_TRIGGERING_ACTOR"] ?? env["GITHUB_ACTOR"] ?? "unknown",
    workflow: env["GITHUB_WORKFLOW"] ?? "workflow",
    serverUrl,
    runUrl: `${serverUrl}/${repository}/actions/runs/${runId}`,
    apiUrl: env["GITHUB_API_URL"] ?? "https://api.github.com",
    token: env["CI_TOKEN"] ?? env["GITHUB_TOKEN"] ?? "",
  };
}

/** Fields of the event that started the run; empty where there is no file. */
export function readEvent(env: Env): Record<string, unknown> {
  const path = env["GITHUB_EVENT_PATH"];
  return path ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>) : {};
}

/** Hands a value to later steps and jobs; never a secret. Outside of GitHub it goes nowhere. */
export function setOutput(env: Env, name: string, value: string): void {
  const file = env["GITHUB_OUTPUT"];
  // The delimiter is not to be guessed, or a text could set other outputs.
  const end = `end-${randomUUID()}`;
  if (file) appendFileSync(file, `${name}<<${end}\n${value}\n${end}\n`);
}

/** Adds Markdown to the run's summary, or prints it where there is none. GitHub takes 1 MiB a step. */
export function addSummary(env: Env, markdown: string): void {
  const file = env["GITHUB_STEP_SUMMARY"];
  if (file) appendFileSync(file, `${markdown}\n\n`);
  else process.stdout.write(`${markdown}\n`);
}

/**
 * The given options of a script: `--name value`.
 * @throws CiError for what the script does not know, with what it does
 */
export function readOptions<Name extends string>(
  args: string[],
  names: readonly Name[],
): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  for (let at = 0; at < args.length; at += 2) {
    const name = args[at]?.replace(/^--/, "") as Name;
    const value = args[at + 1];
    if (!names.includes(name) || value === undefined)
      throw new CiError(
        `"${args[at]}" is no option of this script; it has ${names.map((each) => `--${each} <value>`).join(", ")}`,
      );
    // An input that a person left empty reaches a workflow as an empty text.
    if (value !== "") found[name] = value;
  }
  return found;
}

/**
 * Runs a script: an error becomes an annotation of the run and the output `failed`, and the exit code 1.
 * @param main what the script does; resolves to its exit code, or nothing for 0
 */
export async function script(main: () => Promise<number | void>): Promise<void> {
  const { env } = process;
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    const message = (error as Error).message;
    setOutput(env, "failed", message);
    process.stderr.write(`${message}\n`);
    if (onGithub(env))
      process.stdout.write(
        `::error::${message.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A")}\n`,
      );
    process.exitCode = 1;
  }
}
