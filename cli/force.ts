// A rotation that a person asks for: an entry in the stack's config with a higher generation, the reason, the person
// and the time. The program reads it, so that it is in history and the scheduled run would do the same.
import { UsageError, type Call } from "./command.ts";
import type { Row } from "./inventory.ts";
import { who } from "./who.ts";

/** An entry of `secret-rotation:forced`. */
export interface Entry {
  generation: number;
  reason: string;
  by: string;
  at: string;
  revoke?: boolean;
}

/** What a person gave as reason. @throws UsageError when it says nothing, or would be read as a number or a switch */
export function reasonOf(text: string): string {
  const reason = text.replaceAll(/\s+/g, " ").trim();
  if (!/\p{L}{3}/u.test(reason) || reason.length > 300 || /^(true|false|null)$/i.test(reason))
    throw new UsageError(
      `The reason is "${reason.slice(0, 60)}"; write in a few words, up to 300 characters, what happened: --reason "laptop stolen"`,
    );
  return reason;
}

/** Refuses secrets that no program can make. */
export function forcible(row: Row): void {
  if (row.handedOver)
    throw new UsageError(
      `${row.name} comes from a person: no program can make a new one. Fetch one now and end the old: rotate hand-over ${row.secret}. Nothing was changed.`,
    );
}

/** Whether an earlier request stands in the config and has not been followed to its end. */
export function pending(row: Row, entry: Entry | undefined): boolean {
  return (
    entry !== undefined &&
    (entry.generation > row.forced || (entry.generation === row.forced && row.state === "unfinished"))
  );
}

/** Asked for under the same reason, and followed to the end. */
export function isDone(row: Row, entry: Entry | undefined, reason: string): boolean {
  return entry?.reason === reason && !pending(row, entry);
}

/** When something was first answered: what a person has handed over since then is done. */
export function firstAsked(entries: Record<string, Entry>, reason: string): string | undefined {
  return Object.values(entries)
    .filter((entry) => entry.reason === reason)
    .map(({ at }) => at)
    .sort()[0];
}

/** No secret by itself, and changing it would end every key that is built on it. */
export function isConstant({ handling }: Row): boolean {
  return handling.startsWith("a constant");
}

/** What "everything" means in an emergency: secrets that a program can make. */
export function makeable(rows: readonly Row[]): Row[] {
  return rows.filter((row) => !row.handedOver && !isConstant(row));
}

/**
 * Raises the generation by one, unless a raised one still waits to be followed: repeating a command that was killed
 * finishes it and does not rotate twice.
 * @returns the entry that now stands in the config
 */
export async function force(
  { engine, io }: Call,
  row: Row,
  entry: Entry | undefined,
  wish: { reason: string; revoke: boolean },
): Promise<Entry> {
  if (entry && pending(row, entry)) return entry;
  const raised: Entry = {
    generation: Math.max(row.forced, entry?.generation ?? 1) + 1,
    reason: wish.reason,
    by: who(io.env),
    at: io.now.toISOString(),
    revoke: wish.revoke,
  };
  await engine.setEntry("forced", row.name, { ...raised });
  return raised;
}
