// A self-managed backend keeps a lock while a run lasts; a run that is killed leaves it behind. Pulumi's message
// about it names the process (github.com/pulumi/pulumi `pkg/backend/diy/lock.go`).
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Store } from "./backends/store.ts";

/** A lock, and who made it. A lock knows its machine by the host's name alone. */
export interface Lock {
  /** In the backend, like `.pulumi/locks/organization/<project>/<stack>/<id>.json`; "" where a message names none. */
  key: string;
  user: string;
  host: string;
  pid: number;
  /** RFC 3339, by the clock of the machine that made it. */
  at: string;
}

/** What is known of the run that made a lock. */
export interface Fate {
  gone: boolean;
  /** One sentence for people: how that is known, or what is in the way of knowing it. */
  why: string;
}

/** Is asked of a lock of another machine, of which nothing can be seen from here. */
export type AskElsewhere = (lock: Lock) => Promise<Fate>;

/** The locks that a message of pulumi complains about; empty when it is about something else. */
export function locksIn(message: string): Lock[] {
  if (!message.includes("currently locked by")) return [];
  // The key stands in an address, which may go on with the backend's parameters.
  const shape = /^\s*(\S+): created by (.+)@(\S+) \(pid (\d+)\) at (\S+)/gm;
  return [...message.matchAll(shape)].map(([, address = "", user = "", host = "", pid, at = ""]) => ({
    key: /\.pulumi\/locks\/[^\s?]+\.json/.exec(address)?.[0] ?? "",
    user,
    host,
    pid: Number(pid),
    at,
  }));
}

/**
 * Whether the run that made a lock is known to be gone: on this machine by its process, on another one by who is asked.
 * @param elsewhere left out: nothing is known of other machines
 */
export async function fateOf(
  lock: Lock,
  elsewhere?: AskElsewhere,
  here = hostname(),
  alive: (pid: number) => boolean = isPulumi,
): Promise<Fate> {
  if (lock.host !== here) return (await elsewhere?.(lock)) ?? { gone: false, why: "That is another machine." };
  return alive(lock.pid)
    ? { gone: false, why: "That process of this machine lives." }
    : { gone: true, why: `The lock of a run that died (process ${lock.pid} on this machine) is taken away.` };
}

/** Whose a lock is that stays, and what a person can do about it. */
export function heldBy({ user, host, pid, at }: Lock, { why }: Fate, stack: string | undefined): string {
  const cancel = `pulumi cancel${stack === undefined ? "" : ` --stack ${stack}`}`;
  return `The lock of ${user}@${host} (process ${pid}, since ${at}) stays. ${why} Once that run or its machine is known to be gone, type: ${cancel}`;
}

/**
 * Takes away one lock, when it is still that of the same process.
 * @throws Error when the store cannot be asked
 */
export async function removeLock(store: Store, { key, host, pid }: Lock): Promise<void> {
  const found = key === "" ? undefined : await readLock(store, key);
  if (found?.host === host && found.pid === pid) await store.remove(key);
}

/**
 * Takes away those locks of a stack whose runs are known to be gone, one by one, and says so.
 * @param about `store` undefined: nothing is taken away here, and nothing said unless all of them are dead
 * @returns a sentence for each that stays; empty when all were dead
 */
export async function takeAwayDead(
  locks: Lock[],
  about: {
    store: Store | undefined;
    stack: string | undefined;
    elsewhere: AskElsewhere | undefined;
    say: (text: string) => void;
  },
): Promise<string[]> {
  const { store, stack, elsewhere, say } = about;
  const judged = await Promise.all(locks.map(async (lock) => ({ lock, fate: await fateOf(lock, elsewhere) })));
  const held = judged.filter(({ fate }) => !fate.gone);
  for (const { lock, fate } of judged) {
    if (!fate.gone || (!store && held.length > 0)) continue;
    say(fate.why);
    if (store) await removeLock(store, lock);
  }
  return held.map(({ lock, fate }) => heldBy(lock, fate, stack));
}

/** The locks of one stack. @throws Error when the store cannot be asked, or a lock is none */
export async function locksOf(store: Store, project: string, stack: string): Promise<Lock[]> {
  return locksBelow(store, `.pulumi/locks/organization/${project}/${stack}/`);
}

/**
 * Takes away the locks that killed runs of this machine left in a backend, and no others: a run that has begun since keeps
 * its own.
 * @returns how many there were
 * @throws Error when the store cannot be asked, or a lock is none
 */
export async function clearDeadLocks(store: Store): Promise<number> {
  const locks = await locksBelow(store, ".pulumi/locks/");
  const dead = locks.filter(({ host, pid }) => host === hostname() && !isPulumi(pid));
  for (const { key } of dead) await store.remove(key);
  return dead.length;
}

async function locksBelow(store: Store, folder: string): Promise<Lock[]> {
  const keys = (await store.list(folder)).filter((key) => key.endsWith(".json"));
  return (await Promise.all(keys.map((key) => readLock(store, key)))).filter((lock) => lock !== undefined);
}

/** @returns undefined for one that was given back meanwhile */
async function readLock(store: Store, key: string): Promise<Lock | undefined> {
  const bytes = await store.read(key);
  if (!bytes) return undefined;
  const { pid, username, hostname: host, timestamp } = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
  return { key, user: String(username), host: String(host), pid: Number(pid), at: String(timestamp) };
}

/**
 * Whether the process lives and, where the system tells, is a pulumi: numbers are given out again. One that has ended and
 * that nobody has asked about (a zombie, proc(5)) is as dead: where a container's first process asks about no orphans, it
 * stays for good.
 */
export function isPulumi(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
  try {
    const [, name = "", state = ""] = /\((.*)\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return name.includes("pulumi") && !["Z", "X"].includes(state);
  } catch {
    return true;
  }
}
