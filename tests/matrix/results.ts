// What is kept of what was tried: one file for each run of the matrix, a line for each call.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApplicationName } from "../../sandbox/environment.ts";
import { kinds, type Kind } from "./calls.ts";
import type { Phase } from "./cells.ts";

/** What makes a cell, or what lasts for a whole run, this one and no other. */
export interface CellName {
  application: ApplicationName;
  phase: Phase | "whole run";
  /** A call with its occurrence, or what lasted. */
  call: string;
  /** A fault at a call, or "whole run". */
  kind: string;
}

/** What came of a cell, or of what lasted for a whole run. */
export interface Result extends CellName {
  /** Runs behind the fault until everything held; null: never. */
  runs: number | null;
  problems: string[];
  refused: string[];
  leaked: string[];
}

/** What a run of the matrix leaves. */
export interface Kept {
  application: ApplicationName;
  /** RFC 3339: when it began. */
  at: string;
  /** The folder of a program in place of the repository's own, or "". */
  program: string;
  worlds: number;
  runs: number;
  /** Requests of users, and values that were searched for. */
  requests: number;
  values: number;
  /** Cells of one pass over all recorded calls. */
  planned: Partial<Record<Phase, number>>;
  /**
   * By phase and call, in the order in which they came, a sign for each of `kinds`: how many runs it took, `x` where it
   * did not come right, `m` where the call did not come, `.` where it was not tried.
   */
  cells: Partial<Record<Phase, Record<string, string>>>;
  /** What lasted for a whole run, and cells that did not come right. */
  whole: Result[];
  troubles: Result[];
}

export const [notRight, notMet, notTried] = ["x", "m", "."];

/** A line for each call. @param signOf what is known of a cell, by what `cellInWords` tells */
export function linesOf(
  of: Pick<CellName, "application" | "phase">,
  calls: readonly string[],
  signOf: ReadonlyMap<string, string>,
): Record<string, string> {
  const sign = (call: string, kind: Kind): string => signOf.get(cellInWords({ ...of, call, kind })) ?? notTried;
  return Object.fromEntries(calls.map((call) => [call, kinds.map((kind) => sign(call, kind)).join("")]));
}

/** Every `results-*.json` of a folder, the oldest first. */
export function keptIn(folder: string): Kept[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^results-.*\.json$/.test(name))
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Kept)
    .sort((a, b) => a.at.localeCompare(b.at));
}

/** What was tried, of a cell its last try; and cells whose call did not come, as `cellInWords` tells. */
export function resultsOf(kept: readonly Kept[]): { results: Result[]; missed: Set<string> } {
  const results = new Map<string, Result>();
  const missed = new Set<string>();
  for (const { application, cells, whole, troubles } of kept) {
    for (const [phase, calls] of Object.entries(cells))
      for (const [call, signs] of Object.entries(calls))
        for (const [index, kind] of kinds.entries()) {
          const sign = signs[index] ?? notTried;
          const name = { application, phase: phase as Phase, call, kind };
          if (sign === notMet) missed.add(cellInWords(name));
          if (/\d/.test(sign))
            results.set(cellInWords(name), { ...name, runs: Number(sign), problems: [], refused: [], leaked: [] });
        }
    for (const result of [...whole, ...troubles]) results.set(cellInWords(result), result);
  }
  return { results: [...results.values()], missed: new Set([...missed].filter((cell) => !results.has(cell))) };
}

/** What an earlier run, whose results a folder has, found to come right; as `cellInWords` tells. */
export function rightBefore(folder: string): Set<string> {
  return new Set(resultsOf(keptIn(folder)).results.filter(isRight).map(cellInWords));
}

export function cellInWords({ application, phase, call, kind }: CellName): string {
  return `${application}: ${phase}, ${call}, ${kind}`;
}

/** Whether it came right in the end, with no user refused and no value found. @param of a result, or how a try ended */
export function isRight(of: { runs: number | null | undefined; refused: string[]; leaked: string[] }): boolean {
  return typeof of.runs === "number" && !of.refused.length && !of.leaked.length;
}
