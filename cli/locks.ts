// A self-managed backend keeps a lock while a run lasts; a run that is killed leaves it behind. Pulumi's message
// about it names the process (github.com/pulumi/pulumi `pkg/backend/diy/lock.go`).
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Store } from "./backends/store.ts";

export interface DeadLock {
  pid: number;
}

/**
 * The lock that a message complains about, when every lock in it belongs to a process of this machine that is gone.
 * A lock of another machine, or of a run that lives, is never touched.
 */
export function deadLock(
  message: string,
  here = hostname(),
  alive: (pid: number) => boolean = isPulumi,
): DeadLock | undefined {
  if (!message.includes("currently locked by")) return undefined;
  const locks = [...message.matchAll(/created by (.+)@(\S+) \(pid (\d+)\)/g)].map(([, , host, pid]) => ({
    host,
    pid: Number(pid),
  }));
  const [first] = locks;
  if (!first || locks.some(({ host, pid }) => host !== here || alive(pid))) return undefined;
  return { pid: first.pid };
}

/**
 * Takes away the locks that killed runs of this machine left in a backend, and no others: a run that has begun since keeps
 * its own.
 * @returns how many there were
 * @throws Error when the store cannot be asked, or a lock is none
 */
export async function clearDeadLocks(store: Store): Promise<number> {
  const keys = (await store.list(".pulumi/locks/")).filter((key) => key.endsWith(".json"));
  const gone = await Promise.all(
    keys.map(async (key) => {
      const lock = await store.read(key);
      // It was given back meanwhile.
      if (!lock) return false;
      const { pid, hostname: host } = JSON.parse(lock.toString("utf8")) as { pid: number; hostname: string };
      if (host !== hostname() || isPulumi(pid)) return false;
      await store.remove(key);
      return true;
    }),
  );
  return gone.filter(Boolean).length;
}

/** Whether the process lives and, where the system tells, is a pulumi: numbers are given out again. */
export function isPulumi(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").includes("pulumi");
  } catch {
    return true;
  }
}
