// `rotate audit review`: what the review of an emergency, within 48 hours, has to look at; answered by the records as
// far as they can, and left to people where they cannot.
import { liveAt, rotationsOf, type Rotation } from "../provider/audit/rotations.ts";
import type { AuditRecord } from "../provider/audit/record.ts";
import { requireAudit, verifyTrail } from "./audit.ts";
import { columns } from "./columns.ts";
import { exits, UsageError, type Call, type Exit } from "./command.ts";
import { nearest } from "./names.ts";

/** The runbook's "review within 48 hours". */
const reviewHours = 48;

export type Verdict = "done" | "open" | "person";
export interface Item {
  verdict: Verdict;
  what: string;
  how: string;
}

export async function review(call: Call): Promise<Exit> {
  const { engine, io, names, options } = call;
  const state = await engine.state();
  const audit = await requireAudit(engine, io, state);
  const { records, findings } = await verifyTrail(audit, state);
  const found = emergencies(rotationsOf(records), names[0]);
  const items = found.flatMap((rotation) => checklist(rotation, records, io.now).map((item) => ({ rotation, item })));
  const trail: Item = {
    verdict: findings.length === 0 ? "done" : "open",
    what: "the trail of all this is whole",
    how: findings[0]?.what ?? `${records.length} records verified`,
  };
  const open = [...items.map(({ item }) => item), trail].filter(({ verdict }) => verdict === "open");
  if (options["json"])
    io.out(
      JSON.stringify(
        {
          emergencies: found.map((rotation) => ({ ...rotation, checklist: checklist(rotation, records, io.now) })),
          trail,
        },
        undefined,
        2,
      ),
    );
  else io.out([...found.map((rotation) => page(rotation, records, io.now)), line(trail)].join("\n\n"));
  return open.length > 0 ? exits.attention : exits.ok;
}

/** @param typed a secret or a run; left out: the last emergency. @throws UsageError with those that there are */
function emergencies(all: Rotation[], typed: string | undefined): Rotation[] {
  const known = all.filter(({ action }) => action === "emergency" || action === "requested");
  if (known.length === 0) throw new UsageError("The audit trail knows no emergency. Nothing is to be reviewed.");
  const last = known.at(-1) as Rotation;
  if (typed === undefined) return known.filter(({ reason, by }) => reason === last.reason && by === last.by);
  const same = (secret: string): boolean =>
    [secret, secret.replace(/^[^/]*\//, "")].some((each) => each.toLowerCase() === typed.toLowerCase());
  const ofRun = known.filter(({ runs }) => runs.includes(typed));
  const ofSecret = known.filter(({ secret }) => same(secret)).slice(-1);
  const found = ofRun.length > 0 ? ofRun : ofSecret;
  if (found.length > 0) return found;
  const names = [...new Set(known.flatMap(({ secret, runs }) => [secret, ...runs]))];
  const near = nearest(typed, names);
  throw new UsageError(
    `No emergency is recorded for "${typed}"; ${near.length > 0 ? `did you mean ${near.join(" or ")}?` : `there are ${names.join(", ")}`}`,
  );
}

/** What a reviewer asks, in the runbook's order: what happened, what was done, what is left. */
export function checklist(rotation: Rotation, records: AuditRecord[], now: Date): Item[] {
  const mine = records.filter(({ seq }) => rotation.records.includes(seq));
  const item = (good: boolean, what: string, how: string): Item => ({ verdict: good ? "done" : "open", what, how });
  const asked = mine.find((record) => record.asked)?.asked;
  const reviewBy = new Date(Date.parse(rotation.startedAt) + reviewHours * 3_600_000);
  const minutes = (until: string): string =>
    `${Math.max(0, Math.round((Date.parse(until) - Date.parse(rotation.startedAt)) / 60_000))} minutes after it was asked for`;
  const rotated = records.some(({ seq }) => seq > 0);
  const left = rotated
    ? liveAt(records, now.toISOString()).find(({ secret }) => secret === rotation.secret)
    : undefined;
  const noticed = mine.filter(({ event }) => event === "noticed" || event === "completed");
  const unsent = noticed.filter(({ detail = "" }) => detail.includes("could not be sent"));
  return [
    item(
      Boolean(asked?.by && asked.reason),
      "it is known who asked, and why",
      asked ? `${asked.by}: ${asked.reason}` : "no request is recorded",
    ),
    item(
      rotation.generation > 0,
      "a new value was made",
      rotation.madeAt ? `generation ${rotation.generation}, ${minutes(rotation.madeAt)}` : "none is recorded",
    ),
    item(
      rotation.destinations.length > 0,
      "every destination was given it",
      rotation.destinations.join(", ") || "none is recorded",
    ),
    item(
      rotation.verifiedAt !== "",
      "consumers proved that they use it",
      rotation.verifiedAt
        ? `${rotation.checks.join(", ") || "none can prove"}, ${minutes(rotation.verifiedAt)}`
        : "not proven",
    ),
    item(
      rotation.previous.state === "dead" || rotation.previous.state === "none" || left?.beside === undefined,
      "the old value is dead",
      rotation.previous.state === "dead"
        ? `${rotation.previous.detail || "replaced"}${rotation.previous.at ? ` at ${rotation.previous.at}` : ""}`
        : rotation.previous.state === "none"
          ? "there was none before"
          : `${rotation.previous.state}${rotation.previous.until ? ` until ${rotation.previous.until}` : ""}: ${rotation.previous.detail}`,
    ),
    item(
      noticed.length > 0 && unsent.length === 0,
      "people were told",
      unsent[0]?.detail ?? `${noticed.length} notices`,
    ),
    item(
      rotation.failures.length === 0 || rotation.outcome === "completed",
      "what failed on the way was mended",
      rotation.failures.length === 0
        ? "nothing failed"
        : rotation.failures.map(({ at, detail }) => `${at}: ${detail}`).join(" "),
    ),
    {
      verdict: "person",
      what: `the review is held by ${reviewBy.toISOString().slice(0, 16)}Z`,
      how:
        now > reviewBy
          ? "that time is over"
          : `${Math.floor((reviewBy.getTime() - now.getTime()) / 3_600_000)} hours are left`,
    },
    {
      verdict: "person",
      what: "how it came to be exposed, and who could have used it meanwhile",
      how: "access logs of the service and of Vault",
    },
    {
      verdict: "person",
      what: "impact, lessons learned, improvements of the process",
      how: "rotate audit report has the frame",
    },
  ];
}

function page(rotation: Rotation, records: AuditRecord[], now: Date): string {
  const mine = records.filter(({ seq }) => rotation.records.includes(seq));
  return [
    `${rotation.secret}, generation ${rotation.generation}: ${rotation.action} by ${rotation.by} at ${rotation.startedAt}`,
    columns(
      ["when", "what", "where", "note"],
      mine.map(({ at, event, resource, destinations = [], detail = "" }) => [
        ...[at, event, destinations.join(" ") || (resource.split("/").pop() ?? ""), detail.slice(0, 100)],
      ]),
    ),
    checklist(rotation, records, now).map(line).join("\n"),
  ].join("\n\n");
}

const boxes: Record<Verdict, string> = { done: "[x]", open: "[ ]", person: "[?]" };

function line({ verdict, what, how }: Item): string {
  return `${boxes[verdict]} ${what}: ${how}${verdict === "person" ? " (for a person)" : ""}`;
}
