// Puts together what the report shows: the inventory as the stack remembers it, and the history that the audit trail keeps.
import type { Row } from "../cli/inventory.ts";
import type { AuditEvent, AuditRecord } from "../provider/audit/record.ts";
import type { Generation, Phase, ReportData, Run } from "./data.ts";

const phaseOf: Partial<Record<AuditEvent, Phase>> = {
  made: "material",
  written: "destinations",
  reencrypted: "re-encryption",
  rolledOut: "rollout",
  verified: "verification",
  ended: "revocation",
  revoked: "revocation",
};

/**
 * @param rows all secrets of the stack
 * @param records the trail, oldest first; empty where none is kept
 */
export function gather(stack: string, rows: Row[], records: readonly AuditRecord[], now: Date): ReportData {
  return {
    stack,
    now: now.toISOString(),
    secrets: rows,
    generations: generationsOf(rows, records),
    runs: runsOf(records),
  };
}

/** The lives of values, in the order in which they began. */
export function generationsOf(rows: readonly Row[], records: readonly AuditRecord[]): Generation[] {
  const bySecret = new Map<string, Generation[]>();
  for (const { event, secret, generation, at } of records) {
    const known = bySecret.get(secret) ?? [];
    const last = known.at(-1);
    if (event === "made" && generation !== undefined) {
      // A step that was repeated by a later run makes nothing new.
      if (last?.generation === generation) continue;
      if (last) last.until = at;
      known.push({ secret, generation, from: at, until: "", accepted: "", ended: false });
      bySecret.set(secret, known);
    }
    const previous = known.at(-2);
    if ((event === "ended" || event === "revoked") && previous && !previous.ended)
      Object.assign(previous, { accepted: at, ended: true });
  }
  for (const { name, previousUntil } of rows) {
    const previous = bySecret.get(name)?.at(-2);
    if (previous && !previous.ended) previous.accepted = previousUntil;
  }
  return [...bySecret.values()].flat();
}

/** Newest first. */
export function runsOf(records: readonly AuditRecord[]): Run[] {
  const byRun = new Map<string, AuditRecord[]>();
  for (const record of records) byRun.set(record.run.id, [...(byRun.get(record.run.id) ?? []), record]);
  return [...byRun.values()].map(runOf).sort((a, b) => b.at.localeCompare(a.at));
}

function runOf(records: AuditRecord[]): Run {
  const [first] = records;
  const began = Math.min(...records.map(({ at, seconds = 0 }) => Date.parse(at) - seconds * 1000));
  const over = Math.max(...records.map(({ at }) => Date.parse(at)));
  const durations: Partial<Record<Phase, number>> = {};
  for (const { event, seconds } of records) {
    const phase = phaseOf[event];
    if (phase && seconds !== undefined) durations[phase] = (durations[phase] ?? 0) + seconds;
  }
  return {
    id: first?.run.id ?? "",
    at: new Date(began).toISOString(),
    by: first?.run.by ?? "",
    why: whyOf(records),
    result: resultOf(records),
    seconds: (over - began) / 1000,
    phases: durations,
    secrets: [...new Set(records.map(({ secret }) => secret).filter((name) => name !== ""))].sort(),
  };
}

/** What people asked for, else the kinds of rotation. */
function whyOf(records: AuditRecord[]): string {
  const asked = records.flatMap(({ asked }) => (asked ? [`${asked.action}: ${asked.reason}`] : []));
  const actions = records.flatMap(({ action }) => (action ? [action] : []));
  return [...new Set(asked.length > 0 ? asked : actions)].join("; ");
}

/** A run that decided or made something and did not prove it was cut off. */
function resultOf(records: AuditRecord[]): Run["result"] {
  if (records.some(({ event }) => event === "failed")) return "failed";
  const proven = new Set(records.filter(({ event }) => event === "verified").map(({ secret }) => secret));
  const made = records.filter(({ event }) => event === "made" || event === "written");
  return made.some(({ secret }) => !proven.has(secret)) ? "unfinished" : "done";
}
