// Finds the sandbox's daemon or starts one, and stops it.
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { alreadyRunning, control, daemonFiles, readDaemon } from "./daemon-file.ts";
import type { DaemonStatus } from "./daemon-file.ts";
import type { ToolchainPaths } from "./servers/toolchain-paths.ts";
import { identityOf, signalGroup } from "./servers/identity.ts";
import { leftovers, reap } from "./servers/process.ts";
import { waitFor, writePrivate } from "./servers/wait.ts";
import type { KubernetesToolchain } from "./toolchain/kubernetes.ts";

/** A sandbox that is up. */
export interface Connection {
  dir: string;
  /** What pulumi and the tests get, PATH included. */
  env: Record<string, string>;
  /** Number of the daemon's process. */
  pid: number;
  /** Whether this call started it. */
  started: boolean;
}

/** How to start a sandbox when none runs. */
export interface StartOptions {
  /** Finds or builds the programs; only called when a daemon has to be started. */
  toolchain: () => Promise<ToolchainPaths>;
  /** How many times faster than real the vendors' rate limits refill. @default 1 */
  limitScale?: number;
  /** Bound for the start, without the toolchain, in milliseconds. @default 90000 */
  timeoutMs?: number;
}

const daemonModule = fileURLToPath(new URL("daemon.ts", import.meta.url));

/**
 * Connects to the sandbox of a folder, starting its daemon when none runs. Any number may call this at once.
 * @param log takes one line of progress at a time
 * @throws when the sandbox cannot start, with the reason, or is not up in time
 */
export async function connectOrStart(
  dir: string,
  log: (line: string) => void,
  options: StartOptions,
): Promise<Connection> {
  const files = daemonFiles(dir);
  const mine: { pid?: number; exit?: number | null } = {};
  let lastLine = 0;
  let lastPid = 0;
  let deadline = performance.now() + (options.timeoutMs ?? 90_000);
  for (;;) {
    const daemon = readDaemon(dir);
    if (daemon && daemon.pid !== lastPid) [lastPid, lastLine] = [daemon.pid, 0];
    const status = daemon && (await control(daemon, "GET", `/status?after=${lastLine}`));
    if (daemon && status) {
      if (status.state !== "ready" || daemon.pid === mine.pid) status.lines.forEach(log);
      lastLine = status.last;
      if (status.env) return { dir, env: status.env, pid: daemon.pid, started: daemon.pid === mine.pid };
    } else if (!daemon && (mine.pid === undefined || mine.exit !== undefined)) {
      if (mine.exit !== undefined && mine.exit !== alreadyRunning && mine.exit !== 0) throw startFailure(dir);
      const began = performance.now();
      const toolchain = await options.toolchain();
      deadline += performance.now() - began;
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      writePrivate(files.options, JSON.stringify({ toolchain, limitScale: options.limitScale }));
      spawnDaemon(dir, mine);
    }
    if (performance.now() > deadline) {
      throw new Error(
        `The sandbox in ${dir} was not up in time; its log is ${files.log}. ` +
          `Stop what is left of it with: npm run stop -- --dir ${dir}`,
      );
    }
    await sleep(100);
  }
}

/**
 * Has the running sandbox of a folder start its cluster; nothing when it has one.
 * @returns the environment, with the cluster in it
 * @throws when there is no sandbox, or the cluster does not start in time (bound: two minutes), with the reason
 */
export async function addKubernetes(
  dir: string,
  toolchain: KubernetesToolchain,
  log: (line: string) => void,
): Promise<Record<string, string>> {
  const daemon = readDaemon(dir);
  if (!daemon) throw new Error(`No sandbox runs in ${dir}. Start it with: npm start`);
  let line = (await control(daemon, "GET", "/status"))?.last ?? 0;
  await control(daemon, "POST", "/kubernetes", toolchain);
  const deadline = performance.now() + 120_000;
  while (performance.now() < deadline) {
    const status = await control(daemon, "GET", `/status?after=${line}`);
    status?.lines.forEach(log);
    line = status?.last ?? line;
    if (status?.clusterFailure) throw new Error(`The cluster did not start: ${status.clusterFailure}`);
    if (status?.env?.["KUBECONFIG"]) return status.env;
    await sleep(100);
  }
  throw new Error(`The cluster was not up in time; the sandbox's log is ${daemonFiles(dir).log}`);
}

function spawnDaemon(dir: string, mine: { pid?: number; exit?: number | null }): void {
  const { log } = daemonFiles(dir);
  mkdirSync(dirname(log), { recursive: true, mode: 0o700 });
  const output = openSync(log, "a", 0o600);
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", daemonModule, dir], {
    detached: true,
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  mine.pid = child.pid;
  delete mine.exit;
  child.once("error", () => (mine.exit = 1));
  child.once("exit", (code) => (mine.exit = code ?? 1));
  child.unref();
}

function startFailure(dir: string): Error {
  const { failure, log } = daemonFiles(dir);
  const reason = existsSync(failure)
    ? (JSON.parse(readFileSync(failure, "utf8")) as { error: string }).error
    : "its process ended";
  return new Error(`The sandbox in ${dir} did not start: ${reason}\nIts log is ${log}.`);
}

/** The state of a folder's daemon; undefined when none runs. */
export async function sandboxStatus(dir: string): Promise<DaemonStatus | undefined> {
  const daemon = readDaemon(dir);
  return daemon && control(daemon, "GET", "/status");
}

/**
 * Stops the sandbox of a folder and waits until none of its processes is left; the data stays.
 * @returns whether anything ran
 */
export async function stopSandbox(dir: string): Promise<boolean> {
  const daemon = readDaemon(dir);
  let ran = leftovers(dir).length > 0;
  if (daemon) {
    ran = true;
    const alive = (): boolean => identityOf(daemon.pid) === daemon.identity;
    const gone = (timeoutMs: number): Promise<boolean> =>
      waitFor(() => !alive(), { what: "the daemon to end", timeoutMs }).catch(() => false);
    if (!(await control(daemon, "POST", "/stop")) && alive()) process.kill(daemon.pid, "SIGTERM");
    if (!(await gone(45_000))) {
      signalGroup(daemon.pid, "SIGKILL");
      await gone(5_000);
    }
  }
  await reap(dir);
  rmSync(daemonFiles(dir).daemon, { force: true });
  return ran;
}
