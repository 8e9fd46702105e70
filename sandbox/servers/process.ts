// Long-lived child processes: started, waited for until ready, logged to files, and never left behind.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { identityOf, signalGroup } from "./identity.ts";
import { waitFor, writePrivate } from "./wait.ts";

/** What to start. Values of secrets go into `env`, never into `args`, which every user of the machine can list. */
export interface ProcessOptions {
  /** Names the log file and the errors: `postgres`, `visapi-1`. */
  name: string;
  command: string;
  args: readonly string[];
  /** The whole environment; nothing is inherited. */
  env: Record<string, string>;
  cwd?: string;
  /** Looks once whether the process serves; asked again until it says true. @default ready at once */
  ready?: () => Promise<boolean>;
  /** Bound for getting ready, in milliseconds. @default 20000 */
  readyTimeoutMs?: number;
  /** Signal that asks for a clean end. @default SIGTERM */
  stopSignal?: NodeJS.Signals;
  /** How long a clean end may take before SIGKILL, in milliseconds. @default 10000 */
  stopTimeoutMs?: number;
}

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process that was started and got ready. */
export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process has ended, never rejects. */
  readonly exited: Promise<Exit>;
  /** Asks for a clean end, insists after `stopTimeoutMs`, and resolves when the process is gone. */
  stop(): Promise<Exit>;
  /** Ends the process at once with SIGKILL. */
  kill(): Promise<Exit>;
}

const guardName = "guard";
const guardFile = fileURLToPath(new URL("guard.mjs", import.meta.url));

/**
 * Starts processes for one folder and ends them all: `stop()` in order, or the guard when this process dies.
 * Every child leads a process group of its own, so that what it forks ends with it and Ctrl-C does not reach it.
 */
export class Supervisor {
  readonly #logs: string;
  readonly #run: string;
  readonly #running = new Map<number, { process: ManagedProcess; signal: NodeJS.Signals }>();
  #guard: ChildProcess | undefined;
  #stopping = false;

  /** @param dir folder of the sandbox; logs go to `<dir>/logs`, records of what runs to `<dir>/run` */
  constructor(dir: string) {
    this.#logs = join(dir, "logs");
    this.#run = join(dir, "run");
    for (const folder of [this.#logs, this.#run]) {
      mkdirSync(folder, { recursive: true });
      chmodSync(folder, 0o700);
    }
  }

  /** Numbers of the processes that run, without the guard. */
  get pids(): number[] {
    return [...this.#running.keys()];
  }

  /**
   * Starts a process and waits until it is ready.
   * @throws when it cannot be started, ends before it is ready (with the end of its log), or is not ready in time
   */
  async start(options: ProcessOptions): Promise<ManagedProcess> {
    if (this.#stopping) throw new Error(`${options.name} was not started: the sandbox is stopping`);
    this.#watch();
    const logFile = join(this.#logs, `${options.name}.log`);
    const log = openSync(logFile, "a", 0o600);
    const child = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const exited = new Promise<Exit>((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
    if (child.pid === undefined) {
      const cause = await new Promise<Error>((resolve) => child.once("error", resolve));
      throw new Error(`${options.name} could not be started from ${options.command}: ${cause.message}`);
    }
    const { pid } = child;
    const signal = options.stopSignal ?? "SIGTERM";
    this.#tellGuard(`+${pid} ${signal}`);
    this.#record(pid, options.name);

    let ended: Exit | undefined;
    const gone = exited.then((exit) => {
      ended = exit;
      // What the process forked must not outlive it.
      signalGroup(pid, "SIGKILL");
      this.#running.delete(pid);
      this.#tellGuard(`-${pid}`);
      rmSync(join(this.#run, String(pid)), { force: true });
      return exit;
    });
    const kill = async (): Promise<Exit> => {
      if (!ended) signalGroup(pid, "SIGKILL");
      return gone;
    };
    const stop = async (): Promise<Exit> => {
      if (ended) return ended;
      signalGroup(pid, signal);
      const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), options.stopTimeoutMs ?? 10_000);
      return gone.finally(() => clearTimeout(timer));
    };
    const managed: ManagedProcess = { name: options.name, pid, exited: gone, stop, kill };
    this.#running.set(pid, { process: managed, signal });

    try {
      await waitFor(
        async () => {
          if (ended) throw new Error(`it ended with ${ended.signal ?? `code ${ended.code}`}`);
          return options.ready ? options.ready() : true;
        },
        { what: "it to answer", timeoutMs: options.readyTimeoutMs ?? 20_000, everyMs: 30 },
      );
    } catch (error) {
      await kill();
      const tail = readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-8).join("\n");
      throw new Error(`${options.name} did not start: ${(error as Error).message}. End of ${logFile}:\n${tail}`, {
        cause: error,
      });
    }
    return managed;
  }

  /** Ends every process, the last started first, then the guard. Nothing can be started afterwards. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const { process } of [...this.#running.values()].reverse()) await process.stop();
    const guard = this.#guard;
    if (guard?.pid === undefined || guard.exitCode !== null) return;
    await new Promise<void>((resolve) => {
      guard.ref();
      guard.once("exit", () => resolve());
      guard.stdin?.end();
    });
  }

  #watch(): void {
    if (this.#guard) return;
    const guard = spawn(process.execPath, [guardFile], {
      detached: true,
      env: {},
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#guard = guard;
    guard.on("error", () => undefined);
    guard.stdin.on("error", () => undefined);
    // The guard alone must not keep the supervisor's process alive.
    guard.unref();
    (guard.stdin as unknown as { unref(): void }).unref();
    guard.once("exit", () => {
      if (guard.pid) rmSync(join(this.#run, String(guard.pid)), { force: true });
      if (this.#guard === guard) this.#guard = undefined;
      if (this.#stopping || this.#running.size === 0) return;
      // Somebody ended the guard: a new one takes over.
      this.#watch();
      for (const [pid, { signal }] of this.#running) this.#tellGuard(`+${pid} ${signal}`);
    });
    if (guard.pid) this.#record(guard.pid, guardName);
  }

  #tellGuard(line: string): void {
    this.#guard?.stdin?.write(`${line}\n`);
  }

  #record(pid: number, name: string): void {
    writePrivate(join(this.#run, String(pid)), JSON.stringify({ pid, name, identity: identityOf(pid) }));
  }
}

/** A process that a supervisor of a folder recorded and that still runs. */
interface Leftover {
  pid: number;
  name: string;
}

function survivors(dir: string): Leftover[] {
  const run = join(dir, "run");
  let names: string[];
  try {
    names = readdirSync(run).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
  return names.flatMap((file) => {
    try {
      const { pid, name, identity } = JSON.parse(readFileSync(join(run, file), "utf8")) as Leftover & {
        identity?: string;
      };
      if (identity && identityOf(pid) === identity) return [{ pid, name }];
    } catch {
      // Written only in part, or gone meanwhile: nothing that can be acted on.
    }
    rmSync(join(run, file), { force: true });
    return [];
  });
}

/** Numbers of the processes recorded in a folder that still run, the guard included. */
export function leftovers(dir: string): number[] {
  return survivors(dir).map(({ pid }) => pid);
}

/**
 * Ends what an earlier supervisor of this folder left behind, and touches nothing else. Where its guard still is, the
 * guard gets the time to do that; otherwise every process is asked by SIGINT, which all servers here take as a clean end.
 */
export async function reap(dir: string): Promise<void> {
  const gone = (): boolean => survivors(dir).length === 0;
  const wait = (timeoutMs: number): Promise<boolean> =>
    waitFor(gone, { what: "an earlier run's processes to end", timeoutMs }).catch(() => false);
  if (survivors(dir).some(({ name }) => name === guardName) && (await wait(3_000))) return;
  for (const { pid } of survivors(dir)) signalGroup(pid, "SIGINT");
  if (await wait(3_000)) return;
  for (const { pid } of survivors(dir)) signalGroup(pid, "SIGKILL");
  if (await wait(5_000)) return;
  throw new Error(`processes ${leftovers(dir).join(", ")} of an earlier run in ${dir} do not end`);
}
