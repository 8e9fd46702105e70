// Runs a command and measures all of its processes together: time, processor time, and the most memory at one moment.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Measured {
  code: number;
  seconds: number;
  /** Processor seconds of all processes, as last seen of each. */
  cpuSeconds: number;
  /** Most memory at one moment, in MiB: the sum over all processes, a shared page counted once (PSS). */
  memoryMiB: number;
  /** As `memoryMiB`, with shared pages counted in each process (RSS). */
  residentMiB: number;
  /** Most processes at one moment. */
  processes: number;
  /** By the program's name: processor seconds. */
  byProgram: Record<string, number>;
  /** By the program's name: its part of `memoryMiB` at the moment of the most, and how many processes of it there were. */
  memoryByProgram: Record<string, { processes: number; mib: number }>;
  stdout: string;
  stderr: string;
}

const ticks = 100;
const every = 150;

interface Stat {
  parent: number;
  cpu: number;
}

/** @throws Error when the program does not exist; a failure of the program itself is in `code` */
export async function measure(
  command: string,
  args: string[],
  { env, cwd, input }: { env: NodeJS.ProcessEnv; cwd?: string; input?: string },
): Promise<Measured> {
  const began = performance.now();
  const child = spawn(command, args, { env, ...(cwd ? { cwd } : {}), stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => undefined).end(input ?? "");
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const seen = new Map<number, { cpu: number; name: string }>();
  let [memory, resident, processes] = [0, 0, 0];
  let most: Measured["memoryByProgram"] = {};
  const look = (): void => {
    const pids = child.pid === undefined ? [] : familyOf(child.pid, seen);
    const sizes = pids.map(sizeOf);
    const together = sum(sizes.map(({ pss }) => pss));
    if (together > memory) {
      memory = together;
      most = {};
      for (const [at, { pss }] of sizes.entries()) {
        const of = (most[seen.get(pids[at] as number)?.name ?? "?"] ??= { processes: 0, mib: 0 });
        of.processes += 1;
        of.mib += pss / 1024;
      }
    }
    resident = Math.max(resident, sum(sizes.map(({ rss }) => rss)));
    processes = Math.max(processes, pids.length);
  };
  const timer = setInterval(look, every);
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (ended) => resolve(ended ?? 1));
  });
  clearInterval(timer);
  const byProgram: Record<string, number> = {};
  for (const { cpu, name } of seen.values()) byProgram[name] = (byProgram[name] ?? 0) + cpu / ticks;
  return {
    code,
    seconds: (performance.now() - began) / 1000,
    cpuSeconds: sum(Object.values(byProgram)),
    memoryMiB: Math.round(memory / 1024),
    residentMiB: Math.round(resident / 1024),
    processes,
    byProgram,
    memoryByProgram: most,
    stdout,
    stderr,
  };
}

/** The process and all of its descendants; what each has used so far is noted. */
function familyOf(root: number, seen: Map<number, { cpu: number; name: string }>): number[] {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = statOf(pid);
    if (stat) stats.set(pid, stat);
  }
  const family = [root];
  for (const pid of family) for (const [other, { parent }] of stats) if (parent === pid) family.push(other);
  for (const pid of family) {
    const stat = stats.get(pid);
    if (stat) seen.set(pid, { cpu: stat.cpu, name: nameOf(pid) ?? seen.get(pid)?.name ?? "?" });
  }
  return family.filter((pid) => stats.has(pid));
}

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold anything; what follows are numbers (man 5 proc).
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[1]), cpu: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined;
  }
}

/** What a process is, from its arguments: the script that Node runs, or the program. */
function nameOf(pid: number): string | undefined {
  try {
    const [program = "", ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const script = args.find((arg) => /\.(ts|m?js)$/.test(arg));
    const short = (path: string): string => path.split("/").slice(-3).join("/");
    // A process that is ending has no arguments any more.
    if (program === "") return undefined;
    return program.endsWith("node") && script ? short(script) : program.split("/").pop();
  } catch {
    return undefined;
  }
}

function sizeOf(pid: number): { pss: number; rss: number } {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
    return { pss: field("Pss"), rss: field("Rss") };
  } catch {
    return { pss: 0, rss: 0 };
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** The programs that hold the most at the moment of the most. */
export function memoryOf({ memoryByProgram }: Measured): string {
  return Object.entries(memoryByProgram)
    .sort(([, a], [, b]) => b.mib - a.mib)
    .map(([program, { processes, mib }]) => `${program}${processes > 1 ? ` × ${processes}` : ""}: ${Math.round(mib)}`)
    .join(", ");
}
