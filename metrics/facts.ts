// What the metrics tell, gathered from what the stack remembers, its past runs and the audit trail. Never a value.
import type { Row } from "../cli/inventory.ts";
import { destinationOf, nameOf, secretOf } from "../cli/inventory.ts";
import type { State, StateResource } from "../cli/engine.ts";
import type { Phase, Run } from "../report/data.ts";

/** What is measured of one secret. */
export interface SecretFacts {
  /** `<application>/<secret>` */
  name: string;
  class: string;
  owner: string;
  state: string;
  generation: number;
  /** RFC 3339. */
  rotatedAt: string;
  /** RFC 3339. */
  dueAt: string;
  /** Whether its last rotation got to the end. */
  finished: boolean;
  /** Destinations that hold something else than the current value; 1 for one or more that somebody else changed. */
  outdated: number;
  /** Sessions or consumers that keep its previous credential from being revoked; 0: none. */
  held: number;
}

/** One `pulumi up` as the backend remembers it. */
export interface Update {
  /** RFC 3339; the end is empty while it runs. */
  began: string;
  ended: string;
  succeeded: boolean;
}

export interface Facts {
  /** Name of the stack, without its project. */
  stack: string;
  /** RFC 3339: when this was gathered. */
  now: string;
  secrets: SecretFacts[];
  /** The last one that ended; undefined before the first. */
  last: Update | undefined;
  /** Seconds by phase of the last run that rotated something. */
  phases: Partial<Record<Phase, number>>;
  /** Whether the stack could be read; if not, the rest is what was known before. */
  fresh: boolean;
}

export function factsOf(
  stack: string,
  state: State,
  rows: readonly Row[],
  updates: readonly Update[],
  runs: readonly Run[],
  now: Date,
): Facts {
  const bySecret = Map.groupBy(state.resources, ({ urn }) => secretOf(nameOf(urn)) ?? "");
  return {
    stack,
    now: now.toISOString(),
    secrets: rows.map((row) => secretFacts(row, bySecret.get(row.name) ?? [])),
    last: updates.filter(({ ended }) => ended !== "").sort((a, b) => b.ended.localeCompare(a.ended))[0],
    phases: runs.find(({ phases }) => Object.keys(phases).length > 0)?.phases ?? {},
    fresh: true,
  };
}

function secretFacts(row: Row, resources: StateResource[]): SecretFacts {
  const { name, class: level, owner, state, generation, rotatedAt, dueAt } = row;
  const finished = state !== "unfinished";
  const held = resources.find(({ type }) => type === "rotation:index:Revocation")?.outputs?.["held"];
  return {
    ...{ name, class: level, owner, state, generation, rotatedAt, dueAt, finished },
    // `rotate drift` finds what others changed; it names them, and one is enough to be looked at.
    outdated: state === "drifted" ? 1 : finished ? 0 : behind(resources),
    held: Number(held ?? 0),
  };
}

/**
 * How many destinations have not been written since the value was made: of a rotation that got to its end, none. By the
 * moments at which the engine last changed each resource.
 */
function behind(resources: StateResource[]): number {
  const made = resources.find(
    ({ outputs }) => typeof outputs?.["generation"] === "number" && typeof outputs["fingerprint"] === "string",
  )?.modified;
  if (!made) return 0;
  const old = resources.filter(
    (resource) =>
      destinationOf(resource) !== undefined &&
      !nameOf(resource.urn).endsWith("-previous") &&
      (resource.modified ?? "") < made,
  );
  return new Set(old.map((resource) => destinationOf(resource))).size;
}
