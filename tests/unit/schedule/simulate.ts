// Runs of a simulated schedule over decades, for the property tests.
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { decide, validate, type Decision, type Memory, type Terms } from "../../../provider/schedule/decide.ts";

export const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
export const millis = (text: string): number => Date.parse(text);

export interface Step {
  at: number;
  before: Memory;
  terms: Terms;
  decision: Decision;
}

/** One decision after another, each run repeated at once, which must change nothing. */
export function simulate(runs: number[], termsOf: (run: number, memory: Memory | undefined) => Terms): Step[] {
  const steps: Step[] = [];
  let memory: Memory | undefined;
  for (const [run, at] of runs.entries()) {
    const terms = Object.freeze(termsOf(run, memory));
    const decision = decide(memory && Object.freeze(memory), terms, new Date(at));
    const again = decide(decision.memory, terms, new Date(at));
    assert.ok(isDeepStrictEqual(again.memory, decision.memory), "repeating a run changed something");
    assert.ok(run === 0 || !again.rotate, "repeating a run rotated");
    if (memory && !decision.rotate) assert.equal(decision.memory.window, memory.window, "the window moved");
    assert.equal(millis(decision.dueAt), millis(decision.memory.window) + terms.intervalDays * day);
    if (memory) steps.push({ at, before: memory, terms, decision });
    else assert.equal(decision.rotate, false);
    memory = decision.memory;
  }
  return steps;
}

export const start = fc.integer({ min: millis("2001-01-01"), max: millis("2060-01-01") });
const hours = fc
  .record({ from: fc.integer({ min: 0, max: 24 }), to: fc.integer({ min: 0, max: 24 }) })
  .filter(({ from, to }) => from !== to && !(from === 24 && to === 0));
/** Terms of one secret that `validate` accepts. */
export const possible = fc
  .record({
    intervalDays: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 400 })),
    leadHours: fc.integer({ min: 1, max: 168 }),
    anchor: fc.string({ minLength: 1, maxLength: 8 }),
    hours: fc.option(hours, { nil: undefined }),
    noticeHours: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 96 })),
    generation: fc.constant(1),
  })
  .filter((terms) => validate(terms).length === 0);

/** Instants from `first`, `fractions` of `longest` apart. */
export function instants(first: number, fractions: number[], longest: number): number[] {
  const runs = [first];
  for (const fraction of fractions) runs.push((runs.at(-1) ?? 0) + Math.max(1, Math.floor(fraction * longest)));
  return runs;
}
/** Even between 0 and 1 (doubles would nearly all be close to 0), often the longest. */
export const fraction = fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.constant(1000)).map((n) => n / 1000);
export const fractions = (most: number): fc.Arbitrary<number[]> =>
  fc.array(fraction, { minLength: 20, maxLength: most });
/** Runs at a regular cadence, with a fifth of them missed: up to 300 runs, so up to decades. */
export const wild = fc
  .tuple(
    start,
    fc.integer({ min: 10, max: 60 * 24 * 60 }),
    fc.array(fc.nat({ max: 9 }), { minLength: 20, maxLength: 300 }),
  )
  .map(([first, minutes, luck]) =>
    instants(
      first,
      luck.map((n) => (n < 8 ? 1 : n === 8 ? 7.3 : 0.01)),
      minutes * minute,
    ),
  );

export function open(terms: Terms, at: number): boolean {
  const now = new Date(at).getUTCHours();
  const { from, to } = terms.hours ?? { from: 0, to: 24 };
  return Array.from({ length: (to - from + 24) % 24 || 24 }, (_, i) => (from + i) % 24).includes(now);
}
export const longestGap = (times: number[]): number =>
  Math.max(0, ...times.slice(1).map((time, index) => time - (times[index] ?? time)));
