// Which cells there are: every call that was recorded with everything that can go wrong at it.
import { createHash } from "node:crypto";
import { endsRun, kinds, killsConsumers, nameOf, type Kind, type NamedCall } from "./calls.ts";
import type { Armed } from "./wire.ts";

/** Parts of a secret's life in which calls are recorded, in their order. */
export const phases = ["first run", "rotation", "follow-up", "revocation"] as const;
export type Phase = (typeof phases)[number];

export interface Cell extends Armed {
  phase: Phase;
  vendor: string;
  /** Tried before without having been met. */
  misses: number;
  /** Cells that are tried with each other alone: halves of a batch that did not come right. */
  group?: number;
}

/** What belongs together, in its order: a rotation, what follows it, and the end of what it replaced. */
export const round = phases.slice(phases.indexOf("rotation"));

/** What was called in a phase, without a fault. */
export interface Recording {
  phase: Phase;
  calls: NamedCall[];
}

/**
 * Every server that was called, with the phase in which its being away is tried: the first of a rotation's that calls it,
 * else the first run, which takes a world of its own.
 */
export function serversOf(recordings: readonly Recording[]): Map<string, Phase> {
  const servers = new Map<string, Phase>();
  for (const phase of [...round, ...phases])
    for (const { calls } of recordings.filter((recording) => recording.phase === phase))
      for (const { vendor } of calls) if (!servers.has(vendor)) servers.set(vendor, phase);
  return servers;
}

/** Calls of one name beyond this one are repetitions: polling, and proofs by each instance. */
const mostOccurrences = { read: 1, write: 2 };

/** Whether a fault can be tried at a provider alone, where neither an engine nor consumers take part. */
export function atProvider({ kind }: Pick<Cell, "kind">): boolean {
  return !kind.startsWith("kill engine") && !killsConsumers(kind);
}

/** The kinds that make sense at a call. */
export function kindsOf(call: NamedCall): Kind[] {
  return kinds.filter(
    (kind) => kind.startsWith("kill ") || call.statuses.includes(kind) || (kind === "stale read" && call.eventual),
  );
}

/** The calls of a recording without repetitions, in the order in which they first came. */
export function distinct(calls: readonly NamedCall[]): NamedCall[] {
  const seen = new Set<string>();
  return calls.filter((call) => {
    const id = `${nameOf(call)} #${call.occurrence}`;
    if (seen.has(id) || call.occurrence > (call.write ? mostOccurrences.write : mostOccurrences.read)) return false;
    seen.add(id);
    return true;
  });
}

/**
 * All cells of a phase in an order that looks like chance and is the same each time, so that a run that ends early has
 * tried some of everything: first one kind for each call, then a second one for each, and so on.
 */
export function cellsOf(phase: Phase, calls: readonly NamedCall[]): Cell[] {
  return distinct(calls)
    .flatMap((call) => {
      const name = nameOf(call);
      return kindsOf(call)
        .map((kind) => ({ kind, hash: hashOf(`${phase} ${name} ${call.occurrence} ${kind}`) }))
        .sort((a, b) => a.hash - b.hash)
        .map(({ kind, hash }, round) => ({
          cell: { phase, vendor: call.vendor, name, occurrence: call.occurrence, kind, misses: 0 },
          round,
          hash,
        }));
    })
    .sort((a, b) => a.round - b.round || a.hash - b.hash)
    .map(({ cell }) => cell);
}

/** A message that does not arrive is a warning, and not sent again. */
const sentOnce = new Set(["slack"]);

/**
 * Cells of which the two calls of a name can be tried in one run: the first call goes wrong in a way that had no effect
 * and is asked again, and what was the second one comes behind that. One that does not come is tried alone later on.
 */
export function inOneRun(cells: readonly Cell[]): Cell[] {
  const twice = new Set(cells.filter(({ occurrence }) => occurrence > 1).map(({ name }) => name));
  return cells
    .filter(({ name, occurrence, kind }) => occurrence > 1 || !twice.has(name) || kind === "429" || kind === "500")
    .map((cell) => {
      if (cell.occurrence === 1) return cell;
      return { ...cell, behind: sentOnce.has(cell.vendor) ? 0 : cell.occurrence - 1 };
    });
}

export interface BatchLimits {
  /** Faults in one batch. */
  most: number;
  /** Of those, kills of the provider or the engine: each ends a run. */
  kills: number;
  /** Of those, at one server; where consumers are killed beside calls, the servers notice nothing. @default a quarter */
  perVendor?: number;
  /** Of those, time-outs: each takes as long as the answer is kept back. */
  hangs: number;
}

/**
 * Takes cells of one phase that can be tried in one go: each at another call, few of one vendor at a time. Consumers are
 * killed in batches of their own, since their users notice. Calls of one name are tried apart, where `inOneRun` did not
 * make them fit.
 */
export function takeBatch(
  waiting: Cell[],
  { most, kills, hangs, perVendor = Math.max(2, Math.ceil(most / 4)) }: BatchLimits,
): Cell[] {
  const batch: Cell[] = [];
  const [first] = waiting;
  if (!first) return batch;
  if (first.group !== undefined) {
    const end = waiting.findIndex(({ group }) => group !== first.group);
    return waiting.splice(0, end < 0 ? waiting.length : end);
  }
  for (let index = 0; index < waiting.length && batch.length < most;) {
    const cell = waiting[index] as Cell;
    const count = (test: (other: Cell) => boolean): number => batch.filter(test).length;
    const fits =
      cell.group === undefined &&
      cell.phase === first.phase &&
      killsConsumers(cell.kind) === killsConsumers(first.kind) &&
      count(({ name, behind }) => name === cell.name && (behind ?? cell.behind) === undefined) === 0 &&
      (killsConsumers(cell.kind) || count(({ vendor }) => vendor === cell.vendor) < perVendor) &&
      (!endsRun(cell.kind) || count(({ kind }) => endsRun(kind)) < kills) &&
      (cell.kind !== "time-out" || count(({ kind }) => kind === "time-out") < hangs);
    if (fits) batch.push(...waiting.splice(index, 1));
    else index++;
  }
  return batch;
}

function hashOf(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE();
}
