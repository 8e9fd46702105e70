// Brings every ciphertext of a column to the latest version of its transit key, beside live writes. It keeps no
// checkpoint: what is done shows in the ciphertexts, and a walk that was killed goes on with what is left.
import { setTimeout as sleep } from "node:timers/promises";
import type { Rewrapped, RewrapItem } from "../vendors/vault.ts";
import type { CipherColumn, Row, Swap } from "./column.ts";
import { count, Progress, type Pace } from "./progress.ts";

/** Rewraps one batch, in order. */
export type Rewrap = (items: RewrapItem[]) => Promise<Rewrapped[]>;

export interface Walk {
  /** The version that ciphertexts should have, or newer. */
  version: number;
  rewrap: Rewrap;
  pace: Pace;
  /** Rows in one batch, 1 to 5000. */
  batchSize: number;
  tell: (line: string) => void;
  /** Milliseconds between lines of progress. @default 5000 */
  tellEveryMs?: number;
}

/** A request holds at most this many bytes of ciphertext; Vault refuses more than 32 MB. */
const batchBytes = 8_000_000;
/** Rows that somebody writes to all the time are tried this often. */
const passes = 8;

/**
 * Walks until no older ciphertext is left.
 * @returns how many rows were changed
 * @throws when Vault cannot decrypt some of them (all others are done), or some stay locked through every pass
 */
export async function walk(column: CipherColumn, about: Walk): Promise<number> {
  const total = await column.count(about.version);
  const progress = new Progress(about.tell, column.label, total, about.tellEveryMs);
  let changed = 0;
  for (let pass = 1; ; pass++) {
    const failed = await sweep(column, about, (rows) => {
      changed += rows;
      progress.add(rows);
    });
    const left = await column.older(about.version);
    if (failed.length) throw new Error(explain(column.label, failed, left));
    if (left === 0) break;
    if (pass === passes)
      throw new Error(
        `${column.label}: ${count(left)} rows are still of an older key version after ${passes} passes, since other transactions hold them or write old ciphertexts. End those and run again; what is done stays done.`,
      );
    await sleep(100 * 2 ** pass);
  }
  progress.end();
  return changed;
}

interface Failed {
  key: string;
  reason: string;
}

/** One pass in the order of the key. */
async function sweep(
  column: CipherColumn,
  { version, rewrap, pace, batchSize }: Walk,
  done: (rows: number) => void,
): Promise<Failed[]> {
  const failed: Failed[] = [];
  let page = await column.page(version, undefined, batchSize);
  while (page.length) {
    await pace.take(page.length);
    const last = page.at(-1)?.key;
    // The next page is read while Vault works on this one.
    const [results, next] = await Promise.all([
      rewrapAll(page, rewrap),
      page.length < batchSize ? [] : column.page(version, last, batchSize),
    ]);
    const swaps: Swap[] = [];
    for (const [index, { key, ciphertext }] of page.entries()) {
      const result = results[index];
      if (!result || "error" in result) failed.push({ key, reason: result?.error ?? "no answer" });
      else if (result.ciphertext !== ciphertext) swaps.push({ key, from: ciphertext, to: result.ciphertext });
    }
    if (swaps.length) done(await column.swap(swaps));
    page = next;
  }
  return failed;
}

async function rewrapAll(rows: Row[], rewrap: Rewrap): Promise<Rewrapped[]> {
  const results: Rewrapped[] = [];
  for (let from = 0; from < rows.length;) {
    let to = from;
    for (let bytes = 0; to < rows.length && (to === from || bytes < batchBytes); to++)
      bytes += (rows[to]?.ciphertext.length ?? 0) + 100;
    const batch = rows.slice(from, to);
    results.push(
      ...(await rewrap(batch.map(({ ciphertext, context }) => ({ ciphertext, ...(context ? { context } : {}) })))),
    );
    from = to;
  }
  return results;
}

function explain(label: string, failed: Failed[], left: number): string {
  const some = failed.slice(0, 5).map(({ key, reason }) => `${key} (${reason})`);
  return `${label}: Vault cannot re-encrypt ${count(failed.length)} rows, and ${count(left)} stay of an older key version. Keys of the first: ${some.join(", ")}. Mend or remove these rows and run again; all others are done.`;
}
