// Tries cells: runs with faults until each was met, then runs without any until everything holds again.
import type { Run } from "../support/world.ts";
import { byClock, examine, type Expected } from "./checks.ts";
import type { Cell } from "./cells.ts";
import { killsConsumers, nameOf } from "./calls.ts";
import type { Field } from "./field.ts";
import type { Armed } from "./wire.ts";

/** How cells ended. */
export interface Outcome {
  /** Cells whose fault happened, and the others. */
  met: Cell[];
  missed: Cell[];
  /** Runs that it took after the last fault: 0 when the run with the faults got through by itself; undefined: never. */
  runs: number | undefined;
  /** Runs with faults. */
  broken: number;
  seconds: number;
  /** What did not hold at the end. */
  problems: string[];
  /** What did not hold after the first run that ended well, where a further one mended it. */
  mended: string[];
  /** Requests of users that failed meanwhile, and values that were found: neither is ever mended. */
  refused: string[];
  leaked: string[];
  /** What the last run said, for people. */
  said: string;
}

export interface Attempt {
  cells: Cell[];
  /** RFC 3339: the time of the first run. */
  now: string;
  /** Secrets that are due, `<application>/<secret>`. */
  due: ReadonlySet<string>;
  before: ReadonlyMap<string, number>;
  ends: boolean;
  /**
   * Whether users find a consumer or Vault gone, which is no fault of a rotation: then only what a service answers counts
   * as a refusal. @default whether a cell kills consumers
   */
  expectRefused?: boolean;
  /** What belongs to the whole of the attempt, beside or in place of faults at calls. */
  around?: {
    env?: Record<string, string>;
    start?: () => Promise<void>;
    /** Behind the run with the fault. */
    stop?: () => Promise<void>;
    /** Once everything has been looked at. */
    end?: () => void;
  };
}

const mostRuns = 4;
/** Between two runs: thirty of them count as one for a pair, whose second follows five minutes behind the first. */
const betweenRunsMs = 10_000;
/** A service that is there says no: never right, whatever happens to the others. */
const refusal = / answered 4\d\d: /;

export async function attempt(
  field: Field,
  { cells, now, due, before, ends, around, expectRefused = cells.some(({ kind }) => killsConsumers(kind)) }: Attempt,
): Promise<Outcome> {
  const started = Date.now();
  // What failed before is nobody's here.
  field.users.take();
  const later = (runs: number): string => new Date(Date.parse(now) + runs * betweenRunsMs).toISOString();
  let waiting: Armed[] = [...cells];
  const met = new Set<Armed>();
  let runs = 0;
  let run: Run | undefined;
  await around?.start?.();
  try {
    for (;;) {
      run = field.killed
        ? // Behind a run that was killed: what `npm start` does first.
          await field.next([], { now: later(runs++) }, waiting)
        : await field.run([], waiting, { now: later(runs++), env: around?.env ?? {} });
      for (const armed of field.wire.fired) met.add(armed);
      const fired = waiting.filter((armed) => met.has(armed));
      waiting = waiting.filter((armed) => !met.has(armed));
      // The next run counts anew, and the fault before it has happened.
      for (const armed of waiting)
        if (armed.behind && !waiting.some((other) => other !== armed && other.name === armed.name))
          armed.behind = undefined;
      // On it goes with what waits, as long as something happens and the run did not get through.
      if ((run.code === 0 && !field.killed) || !fired.length || !waiting.length || runs > cells.length + 1) break;
    }
  } finally {
    await around?.stop?.();
  }
  const broken = runs;
  const expected = (): Expected => ({ before, due, ends, now: later(runs) });
  let problems = run.code === 0 && !field.killed ? await examine(field, expected()) : ["the run did not get through"];
  let [after, mended] = [0, [] as string[]];
  while (problems.length && after < mostRuns) {
    if (run.code === 0 && !field.killed) mended = problems;
    after++;
    run = await field.next([], { now: later(runs++) });
    problems = run.code === 0 ? await examine(field, expected()) : [`the run failed: ${run.errors.join(" | ")}`];
  }
  const { gate } = field.world;
  gate.note("the names of calls", field.wire.calls.map(nameOf).join("\n"));
  await gate.sweep();
  field.world.sandbox.simulators.effects.clear();
  const refused = field.users.take();
  field.world.now = later(runs);
  around?.end?.();
  return {
    met: cells.filter((cell) => met.has(cell)),
    missed: cells.filter((cell) => !met.has(cell)),
    runs: problems.length ? undefined : after,
    broken,
    seconds: (Date.now() - started) / 1000,
    problems,
    mended: problems.length ? [] : mended,
    refused: [...new Set(refused.filter((each) => !expectRefused || refusal.test(each)))],
    leaked: gate.found,
    said: run.output.slice(-4000),
  };
}

/** Generations now, by secret. */
export function generationsOf(field: Field): Map<string, number> {
  return new Map([...field.secrets().values()].map(({ secret, generation }) => [secret, generation]));
}

/** Secrets that the clock rotates at a time, where none of them waits for a partner. */
export function dueAt(field: Field, now: string, waits: (secret: string) => boolean): Set<string> {
  return new Set(
    byClock(field.secrets())
      .filter(({ secret, window, intervalDays }) => {
        const end = Date.parse(window) + intervalDays * 86_400_000;
        return end < Date.parse(now) && !waits(secret);
      })
      .map(({ secret }) => secret),
  );
}
