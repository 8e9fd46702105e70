// A rotation that a person asks for: the secret's generation is raised in the stack's configuration with reason, person
// and time, and a pull request brings the change to main, so that it is reviewed and kept in history. Until it is
// merged, the next run says that the generation is below the remembered one.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { repository as root, type Engine, type State } from "../cli/engine.ts";
import { nameOf } from "../cli/inventory.ts";
import { CiError, type Context } from "./context.ts";
import type { Repository } from "./github.ts";

export interface Asked {
  reason: string;
  by: string;
  /** RFC 3339. */
  at: string;
}

/**
 * Raises each secret's generation by one, above both what is configured and what the stack remembers.
 * @param revoke whether the old value ends in the same run, without grace
 */
export async function raise(
  engine: Engine,
  state: State,
  secrets: string[],
  asked: Asked,
  revoke: boolean,
): Promise<void> {
  checkReason(asked.reason);
  const configured = await engine.config<{ generation?: number }>("forced");
  for (const secret of secrets) {
    const schedule = state.resources.find(
      ({ urn, type }) => type === "rotation:index:Schedule" && nameOf(urn) === `${secret}/schedule`,
    );
    const last = Math.max(Number(schedule?.inputs?.["generation"] ?? 1), configured[secret]?.generation ?? 1);
    await engine.setEntry("forced", secret, { generation: last + 1, ...asked, ...(revoke ? { revoke } : {}) });
  }
}

/** @throws CiError for a reason that would tell nobody anything */
export function checkReason(reason: string): void {
  if (reason.trim().length < 10 || reason.length > 300 || /[\r\n]/.test(reason))
    throw new CiError(
      `The reason is "${reason.slice(0, 60)}"; write a line of 10 to 300 characters that says why, for instance: laptop stolen on Monday`,
    );
}

/** The file that holds the stack's configuration, and its path in the repository. */
export function configFile(stack: string, env: NodeJS.ProcessEnv): { file: string; path: string } {
  const file = env["PULUMI_OPTION_CONFIG_FILE"] ?? join(root, `Pulumi.${stack}.yaml`);
  return { file, path: basename(file) };
}

/**
 * Opens the pull request with the changed configuration.
 * @returns its number
 */
export async function propose(
  repository: Repository,
  context: Context,
  stack: string,
  secrets: string[],
  asked: Asked,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const { file, path } = configFile(stack, env);
  const content = readFileSync(file).toString("base64");
  const branch = `rotation/${stack}-${context.runId}`;
  const base = "main";
  const what = secrets.length > 3 ? `${secrets.length} secrets` : secrets.join(", ");
  const title = `Keep the request to rotate ${what} in ${stack}`;
  const head = await repository.call<{ object: { sha: string } }>("GET", `/git/ref/heads/${base}`, `find ${base}`);
  await repository.call("POST", "/git/refs", `make the branch ${branch}`, {
    body: { ref: `refs/heads/${branch}`, sha: head.body.object.sha },
  });
  const known = await repository.call<{ sha?: string }>("GET", `/contents/${path}?ref=${branch}`, `read ${path}`, {
    accept: [404],
  });
  await repository.call("PUT", `/contents/${path}`, `commit ${path}`, {
    body: { message: title, content, branch, ...(known.status === 200 ? { sha: known.body.sha } : {}) },
  });
  const body = [
    `${asked.by} asked for it at ${asked.at}: ${asked.reason}`,
    "",
    `The [run](${context.runUrl}) raised the generation in \`${path}\`. Merge this before the next run, which refuses a generation below the one that the stack remembers.`,
  ].join("\n");
  const pull = await repository.call<{ number: number }>("POST", "/pulls", "open a pull request", {
    body: { title, head: branch, base, body },
  });
  return pull.body.number;
}
