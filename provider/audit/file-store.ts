// The audit trail as a file of JSON lines, with its head in a file beside it. Whoever writes holds a lock file; a line
// that a dying process left half is taken away by the next writer, since nobody was told that it was written.
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { emptyHead, type AuditHead, type AuditRecord } from "./record.ts";
import type { AuditStore } from "./store.ts";

/** Milliseconds that a writer waits for another one. */
const patienceMs = 30_000;

/** @param path of the file, by convention `*.jsonl`; the head stands in `<path>.head`, the lock in `<path>.lock` */
export function fileStore(path: string): AuditStore {
  const file = resolve(path);
  let at: AuditHead = emptyHead;
  const load = (): { records: AuditRecord[]; whole: number; size: number } => {
    const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
    const whole = bytes.lastIndexOf(10) + 1;
    const lines = bytes.subarray(0, whole).toString("utf8").split("\n");
    const records = lines.flatMap((line) => {
      try {
        return line === "" ? [] : [JSON.parse(line) as AuditRecord];
      } catch {
        // Missing then, and verification says so.
        return [];
      }
    });
    return { records, whole, size: bytes.length };
  };
  const headOf = (records: AuditRecord[]): AuditHead => {
    const last = records.at(-1);
    return last ? { count: last.seq, hash: last.hash } : emptyHead;
  };
  const kept = (): AuditHead | undefined =>
    existsSync(`${file}.head`) ? (JSON.parse(readFileSync(`${file}.head`, "utf8")) as AuditHead) : undefined;
  /** Behind a tail that was cut off nothing is written: that would hide the cut. */
  const current = (records: AuditRecord[]): AuditHead => {
    const [found, remembered] = [headOf(records), kept()];
    return remembered && remembered.count > found.count ? remembered : found;
  };

  return {
    place: file,
    head: async () => (at = current(load().records)),
    async append(records) {
      const last = records.at(-1);
      if (!last) return true;
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      const unlock = await lock(`${file}.lock`);
      try {
        const { records: there, whole, size } = load();
        if (current(there).hash !== at.hash) return false;
        if (whole < size) truncateSync(file, whole);
        durably(file, "a", records.map((record) => `${JSON.stringify(record)}\n`).join(""));
        at = { count: last.seq, hash: last.hash };
        durably(`${file}.head.new`, "w", `${JSON.stringify(at)}\n`);
        renameSync(`${file}.head.new`, `${file}.head`);
        return true;
      } finally {
        unlock();
      }
    },
    writable: async () => {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      closeSync(openSync(file, "a", 0o600));
    },
    read: async (from = 1) => load().records.filter(({ seq }) => seq >= from),
    keptHead: async () => kept(),
  };
}

function durably(file: string, flags: "a" | "w", text: string): void {
  const handle = openSync(file, flags, 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** @returns what takes it away again. A lock of a process of this machine that is gone counts as none. */
async function lock(path: string): Promise<() => void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      durablyNew(path, JSON.stringify({ host: hostname(), pid: process.pid }));
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    if (isDead(path)) {
      // Renamed first, and looked at again: of two that find it dead, the slower one must not take away a third's.
      const aside = `${path}.${process.pid}`;
      try {
        renameSync(path, aside);
        if (isDead(aside)) rmSync(aside, { force: true });
        else renameSync(aside, path);
      } catch {
        // Somebody else was faster.
      }
      continue;
    }
    if (Date.now() > deadline)
      throw new Error(
        `${path} has been held for ${patienceMs / 1000} s. If no rotation runs, remove it and run again.`,
      );
    await sleep(20 + Math.random() * 30);
  }
}

function durablyNew(path: string, text: string): void {
  const handle = openSync(path, "wx", 0o600);
  writeSync(handle, text);
  closeSync(handle);
}

function isDead(path: string): boolean {
  try {
    const { host, pid } = JSON.parse(readFileSync(path, "utf8")) as { host: string; pid: number };
    if (host !== hostname() || pid === process.pid) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // Unreadable: just being written, or gone already.
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
