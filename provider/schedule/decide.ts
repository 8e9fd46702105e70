// When a secret is rotated: one pure function of what is remembered, what is declared and the time.
//
// For runs at most `c` apart (`h` apart inside the allowed hours), a secret is at its rotation no older than
//   interval + h - lead + max(0, c - leadHours when there is a notice)
// so never older than its interval where c and h are within leadHours. `lead` is leadHours; the second of a pair has
// 2 * leadHours, and h more for each run in a row that its partner takes. Two rotations by the clock are at least
// interval - lead apart, and never two for one window, however many runs were missed.
import { createHash } from "node:crypto";
import { day, formatInstant, horizonOf, hour, leadOf, parseInstant, tolerance, validate, type Terms } from "./terms.ts";

export { validate, type Refusal, type Terms } from "./terms.ts";

export interface Memory {
  /** RFC 3339 in UTC, seconds: since when the secret counts as it is. */
  window: string;
  generation: number;
  /** RFC 3339 in UTC, seconds: when the coming rotation was announced. Only with a notice. */
  announced?: string;
}

export type Hold = "hours" | "notice" | "pair" | "on request";

export interface Decision {
  /** What to remember; equal to what was remembered when there is nothing to do. */
  memory: Memory;
  /** A secret seen for the first time is not rotated. */
  rotate: boolean;
  /** RFC 3339 in UTC, seconds: window + interval of `memory`. */
  dueAt: string;
  /** Why a secret that is due was not rotated. */
  held?: Hold;
  /** One line for people. */
  reason: string;
}

/** Terms that contradict each other, what is remembered, or the time. */
export class TermsError extends RangeError {
  readonly property: string;
  constructor(property: string, reason: string) {
    super(reason);
    this.property = property;
  }
}

/**
 * @param memory undefined for a secret that is seen for the first time
 * @throws TermsError for terms that `validate` refuses, a generation below the remembered one and a future `adopted`
 * @throws Error for a memory that cannot be read, and for one later than `now`: the clock was set back
 */
export function decide(memory: Memory | undefined, terms: Terms, now: Date): Decision {
  const [refusal] = validate(terms);
  if (refusal) throw new TermsError(refusal.property, refusal.reason);
  const at = now.getTime();
  if (!memory) return begin(terms, at);

  if (terms.generation < memory.generation)
    throw new TermsError(
      "generation",
      `generation ${terms.generation} is below the remembered ${memory.generation}, and a rotation is not undone by ` +
        `lowering it: type ${memory.generation}, or ${memory.generation + 1} to rotate now`,
    );
  // Before the clock is looked at: this is also the way out when a run under a wrong clock left a wrong window.
  if (terms.generation > memory.generation)
    return rotation(terms, at, `rotated now: generation ${memory.generation} to ${terms.generation}`);

  const due = windowOf(memory, at) + terms.intervalDays * day;
  const kept = remember(memory, terms, due, at);
  const days = formatDays(formatInstant(due), now);
  const when = days.endsWith("overdue") ? days : `due ${days}`;
  if (due > at + leadOf(terms))
    return decision(kept, terms, kept.announced ? `${when}; announced ${kept.announced}` : when);
  const hold = holdOf(kept, terms, at);
  if (hold) return { ...decision(kept, terms, `${when}; ${hold.reason}`), held: hold.held };
  return rotation(terms, at, `rotated: ${when}`);
}

/** "in 29 days", "today", "3 days overdue", by days of the calendar in UTC. */
export function formatDays(dueAt: string, now: Date): string {
  const days = Math.floor(parseInstant(dueAt) / day) - Math.floor(now.getTime() / day);
  const count = `${Math.abs(days)} day${Math.abs(days) === 1 ? "" : "s"}`;
  return days === 0 ? "today" : days > 0 ? `in ${count}` : `${count} overdue`;
}

function begin(terms: Terms, at: number): Decision {
  const remembered = (window: number): Memory => {
    const memory = { window: formatInstant(window), generation: terms.generation };
    return remember(memory, terms, window + terms.intervalDays * day, at);
  };
  if (terms.adopted !== undefined) {
    const changed = parseInstant(terms.adopted);
    if (changed > at + tolerance)
      throw new TermsError(
        "adopted",
        `adopted ${terms.adopted} is later than now, ${formatInstant(at)}: type the date of the last change`,
      );
    const memory = remembered(changed);
    const when = formatDays(formatInstant(changed + terms.intervalDays * day), new Date(at));
    return decision(memory, terms, `taken over as it is, last changed ${memory.window}; due ${when}`);
  }
  // As if it had been made up to `room` ago: then nothing new is due, or to be announced, already.
  const start = Math.floor(at / 1000) * 1000;
  const room = terms.intervalDays * day - horizonOf(terms) - 1000;
  const window = start - Math.floor(backdate(terms, start, room) / 1000) * 1000;
  const when = formatDays(formatInstant(window + terms.intervalDays * day), new Date(at));
  return decision(remembered(window), terms, `new; due ${when}`);
}

/** Milliseconds from 0 to `room`. */
function backdate(terms: Terms, start: number, room: number): number {
  if (terms.apartFrom === undefined)
    return (createHash("sha256").update(terms.anchor).digest().readUIntBE(0, 6) / 2 ** 48) * room;
  const apart = start - parseInstant(terms.apartFrom);
  const half = (terms.intervalDays * day) / 2;
  return Math.min(Math.max(apart + half <= room ? apart + half : apart - half, 0), room);
}

/** The remembered window in milliseconds. */
function windowOf(memory: Memory, at: number): number {
  const window = parseInstant(memory.window);
  if (Number.isNaN(window))
    throw new Error(`the remembered window ${JSON.stringify(memory.window)} is no RFC 3339 date`);
  if (window > at + tolerance)
    throw new Error(
      `the clock was set back: it is ${formatInstant(at)}, and the last rotation is remembered for ${memory.window}. ` +
        `Set the clock (or ROTATION_NOW) right and run again; if it was wrong then and is right now, ` +
        `rotate with generation ${memory.generation + 1}`,
    );
  return window;
}

/** The same window, with the announcement made when its time has come, and forgotten when it is no longer coming. */
function remember(memory: Memory, terms: Terms, due: number, at: number): Memory {
  const coming = (terms.noticeHours ?? 0) > 0 && !terms.onRequest && due <= at + horizonOf(terms);
  const { announced, ...unannounced } = memory;
  if (!coming) return announced === undefined ? memory : unannounced;
  // One from the future was written under a wrong clock and would hold the rotation until then.
  return parseInstant(announced) <= at + tolerance ? memory : { ...unannounced, announced: formatInstant(at) };
}

/** What keeps a secret that is due from being rotated in this run. */
function holdOf(memory: Memory, terms: Terms, at: number): { held: Hold; reason: string } | undefined {
  if (terms.onRequest)
    return { held: "on request", reason: `rotated only on request: generation ${terms.generation + 1} rotates it` };

  const notice = (terms.noticeHours ?? 0) * hour;
  if (notice > 0 && parseInstant(memory.announced) + notice > at)
    return {
      held: "notice",
      reason:
        `announced ${memory.announced} with ${terms.noticeHours} h notice, so held until ` +
        formatInstant(parseInstant(memory.announced) + notice),
    };

  if (terms.hours && !isOpen(terms.hours, new Date(at).getUTCHours()))
    return {
      held: "hours",
      reason: `held for the allowed hours, ${terms.hours.from}:00 to ${terms.hours.to}:00 UTC; now ${formatInstant(at)}`,
    };

  // Within minutes rather than equal: the two decisions of a run need not fall in the same second.
  if (terms.apartFrom !== undefined && Math.abs(at - parseInstant(terms.apartFrom)) <= tolerance)
    return {
      held: "pair",
      reason: "held because the other one of its pair rotates in this run; the next run rotates it",
    };
  return undefined;
}

function isOpen({ from, to }: { from: number; to: number }, hourOfDay: number): boolean {
  return from < to ? from <= hourOfDay && hourOfDay < to : from <= hourOfDay || hourOfDay < to;
}

function rotation(terms: Terms, at: number, reason: string): Decision {
  const memory = { window: formatInstant(at), generation: terms.generation };
  return { ...decision(memory, terms, reason), rotate: true };
}

function decision(memory: Memory, terms: Terms, reason: string): Decision {
  const dueAt = formatInstant(parseInstant(memory.window) + terms.intervalDays * day);
  return { memory, rotate: false, dueAt, reason };
}
