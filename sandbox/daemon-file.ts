// How a sandbox's daemon is found and spoken to: `<dir>/daemon.json`, and a control server on loopback.
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { identityOf } from "./servers/identity.ts";

/** The repository's own sandbox. */
export const defaultDir = fileURLToPath(new URL("../.sandbox/default", import.meta.url));

/** Content of `daemon.json` (0600). */
export interface DaemonFile {
  pid: number;
  /** See `identityOf`: tells the daemon from a later process of the same number. */
  identity: string;
  /** Port of the control server on 127.0.0.1. */
  port: number;
  /** Bearer token of the control server. */
  token: string;
}

/** What the control server answers to `GET /status?after=<line>`. */
export interface DaemonStatus {
  state: "starting" | "ready" | "stopping";
  /** Lines of progress after the one asked for. */
  lines: string[];
  /** Number of the last line. */
  last: number;
  /** What pulumi and the tests get; only when ready. */
  env?: Record<string, string>;
  /** Why the cluster that was asked for did not start. */
  clusterFailure?: string;
}

/** Exit code of a daemon that found another one at work. */
export const alreadyRunning = 75;

/** Files of a daemon in its sandbox's folder. */
export const daemonFiles = (dir: string) => ({
  daemon: join(dir, "daemon.json"),
  options: join(dir, "options.json"),
  failure: join(dir, "failure.json"),
  log: join(dir, "logs", "daemon.log"),
});

/** The sandbox's folder that a command line names by `--dir <folder>`, else SANDBOX_DIR, else the repository's own. */
export function chosenDir(args: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
  const at = args.indexOf("--dir");
  if (at < 0) return env.SANDBOX_DIR ? resolve(env.SANDBOX_DIR) : defaultDir;
  const dir = args[at + 1];
  if (!dir || dir.startsWith("-")) throw new Error("--dir needs a folder, for instance: --dir /tmp/my-sandbox");
  return resolve(dir);
}

/** The daemon that is alive, by its file; undefined when there is none. */
export function readDaemon(dir: string): DaemonFile | undefined {
  const { daemon } = daemonFiles(dir);
  if (!existsSync(daemon)) return undefined;
  try {
    const found = JSON.parse(readFileSync(daemon, "utf8")) as DaemonFile;
    return identityOf(found.pid) === found.identity ? found : undefined;
  } catch {
    return undefined;
  }
}

/** One call of the control server; undefined when nobody answers. */
export async function control(
  daemon: DaemonFile,
  method: string,
  path: string,
  body?: object,
): Promise<DaemonStatus | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${daemon.port}${path}`, {
      method,
      headers: { authorization: `Bearer ${daemon.token}` },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(5_000),
    });
    return response.ok ? ((await response.json()) as DaemonStatus) : undefined;
  } catch {
    return undefined;
  }
}
