// The table of two programs that did the same work, and its ratios. Pure functions.
import type { Measured } from "../support/measure.ts";

/** Processor time, time and memory of one step of one side. */
export type Cost = Pick<Measured, "seconds" | "cpuSeconds" | "memoryMiB">;

export const head = [
  "",
  "seconds: Terraform",
  "ours",
  "ratio",
  "processor seconds: Terraform",
  "ours",
  "ratio",
  "MiB: Terraform",
  "ours",
  "ratio",
];

/** A line of the table: below 1 means that ours needs less. */
export function compared(what: string, terraform: Cost, ours: Cost): string[] {
  const pair = (mine: number, theirs: number, digits: number): string[] => [
    theirs.toFixed(digits),
    mine.toFixed(digits),
    ratio(mine, theirs),
  ];
  return [
    what,
    ...pair(ours.seconds, terraform.seconds, 1),
    ...pair(ours.cpuSeconds, terraform.cpuSeconds, 1),
    ...pair(ours.memoryMiB, terraform.memoryMiB, 0),
  ];
}

/** Two significant digits: `0.08`, `0.93`, `1.3`, `13`. What took no time that could be measured has no ratio. */
export function ratio(mine: number, theirs: number): string {
  if (!(theirs > 0)) return "-";
  const value = mine / theirs;
  if (value === 0) return "0";
  return value >= 10 ? value.toFixed(0) : value >= 0.995 ? value.toFixed(1) : value.toFixed(2);
}
