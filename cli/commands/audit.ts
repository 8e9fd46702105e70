// `rotate audit`: what the audit trail says, and whether it is whole.
import { readAnchor } from "../../provider/audit/chain.ts";
import { actions, type AuditRecord } from "../../provider/audit/record.ts";
import { csv, liveAt, rotationsOf, type Rotation } from "../../provider/audit/rotations.ts";
import { readTrail, requireAudit, verifyTrail } from "../audit.ts";
import { auditReport } from "../audit-report.ts";
import { review } from "../audit-review.ts";
import { columns, painter } from "../columns.ts";
import { exits, UsageError, type Call, type Command, type Exit } from "../command.ts";
import { nearest, resolve } from "../names.ts";
import { sinceOf, timeOf } from "../times.ts";

const subcommands: Record<string, (call: Call) => Promise<Exit>> = {
  verify,
  list,
  live,
  export: exported,
  report: auditReport,
  review,
};

export const audit: Command = {
  summary: "who rotated what, when and why; what was live at a time; whether the trail is whole",
  help: `Usage: rotate audit verify [--head <count>:<hash>] [--json]
       rotate audit list [--since <90d|date>] [--secret <name>] [--who <name>] [--action <action>] [--json]
       rotate audit live [--at <time>] [--secret <name>] [--json]
       rotate audit export [--jsonl|--csv] [--since <90d|date>] [--secret <name>]
       rotate audit report [--since <30d|date>]
       rotate audit review <secret|run>

  verify  every hash, signature and number, against the head and what the stack's state remembers of it. It ends with
          the head of now; noted elsewhere, --head takes it back and finds a tail that was cut off everywhere else
  list    one line for each rotation: ${actions.join(", ")}
  live    which generation of each secret was live at a time, and which one was accepted beside it
  export  the records themselves, as JSON lines (the default) or CSV
  report  the runbook's audit report, as Markdown: timeline, secrets rotated, impact
  review  the review of an emergency within 48 hours: its timeline, and a checklist that the records answer

No record holds a value; fingerprints are keyed. docs/audit.md says what is recorded, and where.

Exit codes: 0 done, 1 failed (verify: the trail is not whole), 2 wrong usage, 3 review: something is open.`,
  options: {
    head: { type: "string" },
    since: { type: "string" },
    secret: { type: "string" },
    who: { type: "string" },
    action: { type: "string" },
    at: { type: "string" },
    jsonl: { type: "boolean" },
    csv: { type: "boolean" },
  },
  async run(call) {
    const [name = "", ...names] = call.names;
    const subcommand = subcommands[name];
    if (!subcommand) {
      const [near] = nearest(name, Object.keys(subcommands));
      throw new UsageError(
        `${name === "" ? "Say what to do with the audit trail" : `There is no "rotate audit ${name}"`}${near && name ? `; did you mean ${near}?` : `: ${Object.keys(subcommands).join(", ")}`}`,
      );
    }
    if (names.length > (name === "review" ? 1 : 0)) throw new UsageError(`"${names[0]}" is one word too many`);
    return subcommand({ ...call, names });
  },
};

async function verify({ engine, io, options }: Call): Promise<Exit> {
  const given = options["head"];
  const anchor = readAnchor(given, "the head that was given");
  if (given !== undefined && !anchor)
    throw new UsageError(
      `--head is "${String(given)}"; give what \`rotate audit verify\` ended with: 12:<64 hex digits>`,
    );
  const state = await engine.state();
  const audit = await requireAudit(engine, io, state);
  const { records, findings, owed } = await verifyTrail(audit, state, anchor ? [anchor] : []);
  const last = records.at(-1);
  const head = last ? `${last.seq}:${last.hash}` : undefined;
  const paint = painter(io.colour);
  if (options["json"])
    io.out(
      JSON.stringify({ place: audit.open.store.place, records: records.length, head, findings, owed }, undefined, 2),
    );
  else
    io.out(
      [
        ...findings.map(({ what }) => paint("bad", `${what}.`)),
        ...owed.map((name) => `${name} has a record that could not be written yet; the next run writes it.`),
        findings.length > 0
          ? paint("bad", `The audit trail in ${audit.open.store.place} is NOT whole: ${findings.length} findings.`)
          : paint("good", `The audit trail in ${audit.open.store.place} is whole: ${records.length} records.`),
        ...(head ? [`head ${head}`] : []),
      ].join("\n"),
    );
  return findings.length > 0 ? exits.failed : exits.ok;
}

async function list(call: Call): Promise<Exit> {
  const { io, options } = call;
  const found = rotationsOf(await chosen(call, false)).filter((rotation) => inside(call, rotation));
  if (options["json"]) io.out(JSON.stringify(found, undefined, 2));
  else if (found.length === 0) io.out("No rotation is recorded for that.");
  else io.out(rotationTable(found));
  return exits.ok;
}

/** One line a rotation. */
export function rotationTable(rotations: Rotation[]): string {
  return columns(
    ["when", "secret", "gen", "action", "who", "from → to", "outcome", "took", "approvals", "why"],
    rotations.map((each) => [
      each.startedAt.slice(0, 16).replace("T", " "),
      each.secret,
      String(each.generation || "-"),
      each.action,
      each.by,
      `${each.from || "-"} → ${each.to || "-"}`,
      each.outcome,
      took(each),
      each.approvals.join(", ") || "-",
      each.reason || "-",
    ]),
  );
}

function took({ startedAt, completedAt }: Rotation): string {
  return completedAt ? `${Math.max(0, Math.round((Date.parse(completedAt) - Date.parse(startedAt)) / 1000))} s` : "-";
}

async function live(call: Call): Promise<Exit> {
  const { io, options } = call;
  const at = timeOf(options["at"] ?? io.now.toISOString(), io.now, "at");
  const found = liveAt(await chosen({ ...call, options: { ...options, since: undefined } }, false), at);
  if (options["json"]) io.out(JSON.stringify({ at, live: found }, undefined, 2));
  else if (found.length === 0) io.out(`Nothing is recorded before ${at}.`);
  else
    io.out(
      columns(
        ["secret", "gen", "fingerprint", "since", "proven", "accepted beside it"],
        found.map(({ secret, generation, fingerprint, since, proven, beside }) => [
          ...[secret, String(generation), fingerprint, since, proven ? "yes" : "not yet"],
          beside
            ? `generation ${beside.generation} (${beside.fingerprint})${beside.until ? ` until ${beside.until}` : ""}`
            : "-",
        ]),
      ),
    );
  return exits.ok;
}

async function exported(call: Call): Promise<Exit> {
  const { io, options } = call;
  if (options["csv"] && (options["jsonl"] || options["json"])) throw new UsageError("Give --jsonl or --csv, not both");
  const records = await chosen(call, true);
  io.out(options["csv"] ? csv(records).trimEnd() : records.map((record) => JSON.stringify(record)).join("\n"));
  return exits.ok;
}

/** Records of the secret that --secret names, and with `cut` those since --since. */
async function chosen({ engine, io, options }: Call, cut: boolean): Promise<AuditRecord[]> {
  const since = cut ? sinceOf(options["since"], io.now) : undefined;
  const all = await readTrail(await requireAudit(engine, io));
  const typed = options["secret"];
  const known = [...new Set(all.map(({ secret }) => secret))].filter((secret) => secret !== "");
  const wanted = typeof typed === "string" ? resolve([typed], known)[0] : undefined;
  return all.filter(({ secret, at }) => (!wanted || secret === wanted) && (!since || at >= since));
}

function inside({ options, io }: Call, rotation: Rotation): boolean {
  const since = sinceOf(options["since"], io.now);
  const { who, action } = options;
  if (typeof action === "string" && !(actions as readonly string[]).includes(action))
    throw new UsageError(`--action is "${action}"; give one of ${actions.join(", ")}`);
  const people = [rotation.by, ...rotation.approvals].join(" ").toLowerCase();
  return (
    (!since || rotation.startedAt >= since) &&
    (typeof who !== "string" || people.includes(who.toLowerCase())) &&
    (typeof action !== "string" || rotation.action === action)
  );
}
