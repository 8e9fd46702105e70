// The lock that a run has on its stack, as Pulumi keeps it in a self-managed backend (pkg/backend/diy/lock.go).
import { randomUUID } from "node:crypto";
import { hostname, userInfo } from "node:os";
import type { Store } from "../backends/store.ts";
import { locksOf } from "../locks.ts";

/** Somebody else has the stack; the message is Pulumi's own, and says who. */
export class Locked extends Error {}

/**
 * @param pid of the engine: as long as that lives, the lock counts
 * @returns the lock's key
 * @throws Locked; Error when the store cannot be asked
 */
export async function lock(store: Store, project: string, stack: string, pid: number): Promise<string> {
  const key = `.pulumi/locks/organization/${project}/${stack}/${randomUUID()}.json`;
  await refuse(store, project, stack, key);
  const content = { pid, username: userInfo().username, hostname: hostname(), timestamp: new Date().toISOString() };
  await store.write(key, JSON.stringify(content));
  try {
    // Of two that come at once, both see the other's.
    await refuse(store, project, stack, key);
    return key;
  } catch (error) {
    await store.remove(key);
    throw error;
  }
}

async function refuse(store: Store, project: string, stack: string, own: string): Promise<void> {
  const others = (await locksOf(store, project, stack)).filter(({ key }) => key !== own);
  if (others.length === 0) return;
  const each = others.map(
    ({ key, user, host, pid, at }) => `\n  ${key}: created by ${user}@${host} (pid ${pid}) at ${at}`,
  );
  throw new Locked(
    `the stack is currently locked by ${others.length} lock(s). Either wait for the other process(es) to end or delete the lock file with \`pulumi cancel\`.${each.join("")}`,
  );
}
