// `rotate audit report`: the report that the runbook asks for after an emergency (timeline, secrets rotated, impact,
// lessons, improvements), for any stretch of time. What only people know is left to them, and said so.
import { rotationsOf, type Rotation } from "../provider/audit/rotations.ts";
import type { AuditRecord } from "../provider/audit/record.ts";
import type { Finding } from "../provider/audit/chain.ts";
import { requireAudit, verifyTrail } from "./audit.ts";
import { exits, type Call, type Exit } from "./command.ts";
import { sinceOf } from "./times.ts";

export async function auditReport({ engine, io, options }: Call): Promise<Exit> {
  const since = sinceOf(options["since"] ?? "30d", io.now) ?? "";
  const state = await engine.state();
  const audit = await requireAudit(engine, io, state);
  const { records, findings } = await verifyTrail(audit, state);
  const rotations = rotationsOf(records).filter(({ startedAt }) => startedAt >= since);
  if (options["json"]) {
    const timeline = records.filter(({ at }) => at >= since);
    io.out(JSON.stringify({ stack: audit.stack, since, findings, rotations, timeline }, undefined, 2));
  } else io.out(markdown(audit.stack, { since, now: io.now, records, rotations, findings }));
  return exits.ok;
}

interface Told {
  since: string;
  now: Date;
  records: AuditRecord[];
  rotations: Rotation[];
  findings: Finding[];
}

function markdown(stack: string, { since, now, records, rotations, findings }: Told): string {
  const recent = records.filter(({ at }) => at >= since);
  const told = [
    "requested",
    "made",
    "verified",
    "ended",
    "revoked",
    "held",
    "failed",
    "drifted",
    "pushed",
    "completed",
  ];
  return [
    `# Audit report of ${stack}`,
    `From ${since.slice(0, 16)}Z to ${now.toISOString().slice(0, 16)}Z. ${whole(records, findings)}`,
    "## Timeline of events",
    table(
      ["when", "secret", "what", "who", "note"],
      recent
        .filter(({ event }) => told.includes(event))
        .map(({ at, secret, event, run, asked, detail = "", to = "" }) => [
          ...[at.slice(0, 19), secret, event, asked?.by ?? run.by],
          [to && event === "made" ? `to ${to}` : "", asked && event === "requested" ? asked.reason : "", detail]
            .filter((each) => each)
            .join("; "),
        ]),
    ),
    "## Secrets rotated",
    table(
      [
        "secret",
        "generation",
        "action",
        "who",
        "why",
        "from",
        "to",
        "destinations",
        "proofs",
        "outcome",
        "approvals",
        "runs",
      ],
      rotations.map((each) => [
        ...[each.secret, String(each.generation), each.action, each.by, each.reason, each.from, each.to],
        ...[each.destinations.join(" "), each.checks.filter((check) => !check.startsWith("well:")).join(" ")],
        ...[each.outcome, each.approvals.join(", "), each.runs.join(" ")],
      ]),
    ),
    "## Impact",
    impact(rotations),
    "What users noticed, and for how long, is in no record: add it here.",
    "## Lessons learned",
    "For the people who were there: what went well, what did not, what was luck.",
    "## Process improvements",
    "Each with somebody who does it, and by when.",
  ].join("\n\n");
}

function whole(records: AuditRecord[], findings: Finding[]): string {
  const last = records.at(-1);
  return findings.length === 0
    ? `The audit trail is whole: ${records.length} records, head \`${last ? `${last.seq}:${last.hash}` : "none"}\`.`
    : `**The audit trail is not whole**: ${findings.map(({ what }) => what).join("; ")}.`;
}

function impact(rotations: Rotation[]): string {
  const lines = rotations.flatMap(({ secret, generation, madeAt, verifiedAt, failures, previous }) => {
    const name = `${secret}, generation ${generation}`;
    const seconds = verifiedAt ? Math.round((Date.parse(verifiedAt) - Date.parse(madeAt)) / 1000) : undefined;
    return [
      ...(seconds === undefined || seconds < 0 || !madeAt
        ? madeAt && !verifiedAt
          ? [`${name} was made and is not proven in use.`]
          : []
        : [`${name} was in use by every consumer ${seconds} s after it was made.`]),
      ...failures.map(({ at, detail }) => `${name} failed at ${at}: ${detail}`),
      ...(previous.state === "held" ? [`The value before ${name} is still alive: ${previous.detail}`] : []),
    ];
  });
  return lines.length > 0 ? lines.map((each) => `- ${each.replaceAll("\n", " ")}`).join("\n") : "Nothing was rotated.";
}

function table(head: string[], rows: string[][]): string {
  if (rows.length === 0) return "Nothing.";
  const line = (cells: string[]): string =>
    `| ${cells.map((cell) => (cell || "-").replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
