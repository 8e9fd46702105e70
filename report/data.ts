// What the report shows: everything about the secrets but their values.
import type { Row } from "../cli/inventory.ts";

/** One value that a secret had, by its number. Dates are RFC 3339. */
export interface Generation {
  /** `<application>/<secret>` */
  secret: string;
  generation: number;
  /** When it went live. */
  from: string;
  /** When the next one went live; empty while it is the current one. */
  until: string;
  /** Until when it is accepted beside its successor; empty where it ended with the hand-over. */
  accepted: string;
  /** Whether `accepted` is when it really ended; else it is when the grace period is over. */
  ended: boolean;
}

/** The phases of a rotation of which the trail keeps how long they took, in their order. */
export const phases = ["material", "destinations", "re-encryption", "rollout", "verification", "revocation"] as const;
export type Phase = (typeof phases)[number];

export interface Run {
  id: string;
  /** When it began, RFC 3339. */
  at: string;
  /** A person or a schedule. */
  by: string;
  why: string;
  result: "done" | "failed" | "unfinished";
  /** The whole run by the clock; undefined where it is not known. */
  seconds: number | undefined;
  /** By phase, summed over its secrets: several run at the same time. */
  phases: Partial<Record<Phase, number>>;
  secrets: string[];
}

export interface ReportData {
  stack: string;
  /** When the report was made, RFC 3339. */
  now: string;
  secrets: Row[];
  generations: Generation[];
  /** Newest first. */
  runs: Run[];
}

/** Days from `now`, negative in the past. */
export function daysUntil(at: string, now: string): number {
  return (Date.parse(at) - Date.parse(now)) / 86_400_000;
}

/** States that a person has to look at. */
export const grave: readonly string[] = ["overdue", "unfinished", "drifted"];

/** What is overdue, the longest first. */
export function overdue({ secrets, now }: ReportData): Row[] {
  return secrets
    .filter(({ state, dueAt }) => grave.includes(state) || daysUntil(dueAt, now) < 0)
    .sort((a, b) => a.dueAt.localeCompare(b.dueAt));
}

/** What is due next, the soonest first. @param most how many at most */
export function coming({ secrets, now }: ReportData, most: number): Row[] {
  return secrets
    .filter(({ dueAt }) => daysUntil(dueAt, now) >= 0)
    .sort((a, b) => a.dueAt.localeCompare(b.dueAt))
    .slice(0, most);
}
