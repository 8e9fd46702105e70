// Who holds a lock, in a way that outlives the reuse of process ids.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** A process, told apart from later ones with the same id by its start. */
export interface Owner {
  pid: number;
  /** When the process started, in whatever the system counts; letters, digits and `.` only. */
  start: string;
  /** When the lock was taken, RFC 3339. */
  since: string;
  /** The folder from which the process runs, to tell a person which of their terminals it is. */
  cwd: string;
  /** Tells two locks of the same process apart. */
  token: string;
}

/** This process as an owner; every call has a token of its own. */
export async function self(): Promise<Owner> {
  const start = (await startOf(process.pid)) ?? "unknown";
  const token = randomBytes(8).toString("hex");
  return { pid: process.pid, start, since: new Date().toISOString(), cwd: process.cwd(), token };
}

/** Whether the very process still runs. A zombie does not: it holds nothing any more. */
export async function isAlive(owner: Pick<Owner, "pid" | "start">): Promise<boolean> {
  if (!Number.isInteger(owner.pid) || owner.pid <= 0) return false;
  return (await startOf(owner.pid)) === owner.start;
}

/** Says to a person whom they wait for. */
export function introduce(owner: Owner): string {
  return `process ${owner.pid} (since ${owner.since.slice(11, 19)} UTC, in ${owner.cwd})`;
}

/** The start of a process, or undefined when there is none with this id. */
async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform === "linux") {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      // proc(5): the name in field 2 may hold spaces and parentheses, so count from its end; 3 is the state,
      // 22 the start in clock ticks since boot. Ticks alone could repeat after a reboot.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[0] === "Z" || fields[0] === "X") return undefined;
      const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).slice(0, 8);
      return `${fields[19] ?? ""}.${boot}`;
    } catch {
      return undefined;
    }
  }
  try {
    const { stdout } = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)]);
    return stdout.trim().replace(/\W+/g, ".") || undefined;
  } catch {
    return undefined;
  }
}
