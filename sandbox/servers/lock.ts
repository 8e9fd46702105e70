// One owner at a time for a folder, kept by the kernel: the lock ends with its process, however that ends.
import { DatabaseSync } from "node:sqlite";

/** How long two that ask at once may be in each other's way, in milliseconds. */
const contentionMs = 200;

/** A held lock. */
export interface Lock {
  release(): void;
}

/**
 * Takes the lock of a file, creating it when needed; undefined when another process, or this one, holds it.
 * SQLite's exclusive transaction is the portable way to the system's own file locks, which never go stale.
 */
export function tryLock(file: string): Lock | undefined {
  const database = new DatabaseSync(file, { timeout: contentionMs });
  try {
    database.exec("begin exclusive");
  } catch (error) {
    database.close();
    if (/locked|busy/i.test((error as Error).message)) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}
