// Waiting by polling with a deadline, and files that only their owner reads.
import { randomBytes } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** How to wait. */
export interface WaitOptions {
  /** What is waited for, for the error: `PostgreSQL to answer`. */
  what: string;
  /** Bound, in milliseconds. @default 20000 */
  timeoutMs?: number;
  /** Pause between two looks, in milliseconds. @default 50 */
  everyMs?: number;
}

/**
 * Looks again and again until `look` returns something true, and returns that.
 * An error thrown by `look` ends the wait: what may fail for a while is caught inside of it.
 * @throws when the time is over
 */
export async function waitFor<T>(look: () => Promise<T> | T, options: WaitOptions): Promise<NonNullable<T>> {
  const timeoutMs = options.timeoutMs ?? 20_000;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s for ${options.what}, in vain`);
    await sleep(options.everyMs ?? 50);
  }
}

/** Whether an HTTP GET is answered with a status below `below`, within two seconds. */
export async function answers(url: string, below = 300): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.status < below;
  } catch {
    return false;
  }
}

/** Writes a file that only its owner may read (0600), whole or not at all. */
export function writePrivate(file: string, text: string): void {
  const draft = `${file}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    writeFileSync(draft, text, { mode: 0o600, flag: "wx" });
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}
