// What is kept of what was tried.
import type { ApplicationName } from "../../sandbox/environment.ts";
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

/** What is kept of a cell. */
export interface Result extends CellName {
  vendor: string;
  /** Runs behind the fault until everything held; null: never. */
  runs: number | null;
  /** Cells that shared its batch, itself included. */
  shared: number;
  problems: string[];
  refused: string[];
  leaked: string[];
  seconds: number;
}

export function cellInWords({ application, phase, call, kind }: CellName): string {
  return `${application}: ${phase}, ${call}, ${kind}`;
}

/** Whether it came right in the end, with no user refused and no value found. @param of a result, or how a try ended */
export function isRight(of: { runs: number | null | undefined; refused: string[]; leaked: string[] }): boolean {
  return typeof of.runs === "number" && !of.refused.length && !of.leaked.length;
}
