// Puts the records of one rotation together, and answers what was live at a time. Works on records alone.
import type { AuditAction, AuditRecord } from "./record.ts";

export type Outcome = "completed" | "failed" | "open";

/** One rotation, hand-over, emergency or rollback of one secret. Times are RFC 3339, "" while they have not come. */
export interface Rotation {
  secret: string;
  /** Of the new value; 0 when it was never made. */
  generation: number;
  action: AuditAction;
  /** Whoever asked, else whoever ran it. */
  by: string;
  reason: string;
  approvals: string[];
  /** The runs that had a part in it, in order. */
  runs: string[];
  startedAt: string;
  madeAt: string;
  verifiedAt: string;
  completedAt: string;
  /** Keyed fingerprints. */
  from: string;
  to: string;
  destinations: string[];
  checks: string[];
  /** Seconds of each step, by the last part of its resource's name: `overlap`, `render-api`, `verification`. */
  durations: { step: string; seconds: number }[];
  /** Completed; or its last step failed; or it goes on still. */
  outcome: Outcome;
  failures: { at: string; detail: string }[];
  /** What became of the value before. */
  previous: { state: "none" | "accepted" | "held" | "dead"; at: string; until: string; detail: string };
  /** Its records. */
  records: number[];
}

/** All rotations that the records tell of, in the order of their beginnings. */
export function rotationsOf(records: readonly AuditRecord[]): Rotation[] {
  const all: Rotation[] = [];
  const open = new Map<string, Rotation>();
  for (const record of records) {
    if (record.secret === "" || ["drifted", "pushed", "removed"].includes(record.event)) continue;
    const current = open.get(record.secret);
    const mine = belongs(record, current, all) ?? begin(record);
    if (!all.includes(mine)) {
      all.push(mine);
      open.set(record.secret, mine);
    }
    take(mine, record);
  }
  return all;
}

function belongs(record: AuditRecord, current: Rotation | undefined, all: Rotation[]): Rotation | undefined {
  const { event, generation = 0 } = record;
  if (["ended", "revoked", "held"].includes(event))
    return all.findLast((each) => each.secret === record.secret && each.generation === generation + 1) ?? current;
  // A request or a window opens a rotation, unless one is open that has made nothing yet.
  if (event === "requested" || event === "clock" || event === "noticed")
    return current?.generation === 0 || event === "noticed" ? current : undefined;
  if (event === "made") return current?.generation === 0 || current?.generation === generation ? current : undefined;
  return current;
}

function begin({ secret, at, run }: AuditRecord): Rotation {
  return {
    ...{ secret, generation: 0, action: "scheduled", by: run.by, reason: "", approvals: [], runs: [] },
    ...{ startedAt: at, madeAt: "", verifiedAt: "", completedAt: "", from: "", to: "" },
    ...{ destinations: [], checks: [], durations: [], outcome: "open", failures: [] },
    previous: { state: "none", at: "", until: "", detail: "" },
    records: [],
  };
}

function take(rotation: Rotation, record: AuditRecord): void {
  const { event, at, run, asked, seq, detail = "" } = record;
  rotation.records.push(seq);
  add(rotation.runs, [run.id]);
  add(rotation.approvals, run.approvals);
  if (record.action) rotation.action = record.action;
  if (asked) [rotation.by, rotation.reason] = [asked.by, asked.reason];
  if (record.seconds !== undefined && record.resource)
    rotation.durations.push({ step: record.resource.split("/").pop() ?? "", seconds: record.seconds });
  switch (event) {
    case "made":
      rotation.generation = record.generation ?? 0;
      rotation.madeAt ||= at;
      rotation.from ||= record.from ?? "";
      rotation.to = record.to ?? "";
      if (record.until) rotation.previous = { state: "accepted", at, until: record.until, detail };
      else if (rotation.generation > 1) rotation.previous = { state: "dead", at: "", until: "", detail: "" };
      break;
    case "verified":
      rotation.verifiedAt = at;
      rotation.destinations = [...(record.destinations ?? [])];
      rotation.checks = [...(record.checks ?? [])];
      break;
    case "written":
    case "rolledOut":
      if (rotation.verifiedAt === "") add(rotation.destinations, record.destinations ?? []);
      break;
    case "completed":
      [rotation.completedAt, rotation.outcome] = [at, "completed"];
      break;
    case "failed":
      rotation.failures.push({ at, detail });
      if (rotation.outcome === "open") rotation.outcome = "failed";
      break;
    case "ended":
    case "revoked":
      rotation.previous = { state: "dead", at, until: "", detail };
      break;
    case "held":
      rotation.previous = { ...rotation.previous, state: "held", detail };
      break;
    default:
  }
}

function add(list: string[], more: readonly string[]): void {
  for (const each of more) if (!list.includes(each)) list.push(each);
}

/** A secret's values at one time. */
export interface Live {
  secret: string;
  generation: number;
  fingerprint: string;
  /** Since when. */
  since: string;
  /** Whether consumers had proven by then that they use it. */
  proven: boolean;
  /** The value before, if it was valid still: its generation and until when at the latest. */
  beside?: { generation: number; fingerprint: string; until: string };
}

/** @param at RFC 3339; what had been made by then, and what of the value before was alive still */
export function liveAt(records: readonly AuditRecord[], at: string): Live[] {
  const time = Date.parse(at);
  const until = rotationsOf(records.filter((record) => Date.parse(record.at) <= time));
  const last = new Map<string, Rotation>();
  for (const rotation of until) if (rotation.generation > 0) last.set(rotation.secret, rotation);
  return [...last.values()]
    .sort((a, b) => a.secret.localeCompare(b.secret))
    .map(({ secret, generation, to, from, madeAt, verifiedAt, previous }) => {
      const proven = verifiedAt !== "" && verifiedAt >= madeAt;
      const alive = previous.state === "accepted" || previous.state === "held" || (!proven && generation > 1);
      return {
        ...{ secret, generation, fingerprint: to, since: madeAt, proven },
        ...(alive ? { beside: { generation: generation - 1, fingerprint: from, until: previous.until } } : {}),
      };
    });
}

/** Columns of the export, in order. */
const columns = [
  ...["seq", "at", "secret", "event", "action", "generation", "from", "to", "by", "askedBy", "reason"],
  ...["destinations", "checks", "seconds", "until", "detail", "run", "approvals", "resource", "id", "previous", "hash"],
];

/** One line a record (RFC 4180, CRLF), with a line of names. Text that a spreadsheet would calculate is quoted by `'`. */
export function csv(records: readonly AuditRecord[]): string {
  const rows = records.map((record) => {
    const flat: Record<string, unknown> = {
      ...record,
      by: record.run.by,
      askedBy: record.asked?.by,
      reason: record.asked?.reason,
      run: record.run.id,
      approvals: record.run.approvals,
    };
    return columns.map((column) => cell(flat[column]));
  });
  return [columns, ...rows].map((row) => `${row.join(",")}\r\n`).join("");
}

function cell(value: unknown): string {
  const text = Array.isArray(value)
    ? value.join("; ")
    : typeof value === "string" || typeof value === "number"
      ? String(value)
      : "";
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
