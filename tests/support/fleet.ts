// A fleet of secrets with a history, as large as wanted, for the report and the metrics. The same for the same number.
import type { Row, SecretState } from "../../cli/inventory.ts";
import type { AuditAction, AuditEvent, AuditRecord } from "../../provider/audit/record.ts";

const day = 86_400_000;
const classes = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];
const owners = ["operations@visanet.com", "payments@visanet.com", "data@visanet.com"];
const kinds = ["JWT_SECRET", "DATABASE_URL", "STRIPE_KEY", "SESSION_SECRET", "REDIS_URL", "WEBHOOK_TOKEN"];
export const fleetNow = new Date("2027-03-01T03:00:00Z");

function iso(at: number): string {
  return new Date(at).toISOString();
}

/** `count` secrets: every 25th is overdue, every 40th unfinished, every 50th held. */
export function fleetRows(count: number): Row[] {
  return Array.from({ length: count }, (_, at) => {
    const intervalDays = [90, 30, 60, 180][at % 4] ?? 90;
    const late = at % 25 === 24;
    const ageDays = late ? intervalDays + 9 : (at * 7) % (intervalDays - 1);
    const rotated = fleetNow.getTime() - ageDays * day;
    const secret = `${kinds[at % kinds.length]}_${String(at + 1).padStart(4, "0")}`;
    const application = `service-${String(Math.floor(at / 20) + 1).padStart(2, "0")}`;
    const state: SecretState = late ? "overdue" : at % 40 === 39 ? "unfinished" : at % 50 === 48 ? "held" : "ok";
    const held = "its previous credential is not revoked: 2 sessions use a still: worker-3 and worker-5";
    return {
      name: `${application}/${secret}`,
      application,
      secret,
      class: classes[at % 4] ?? "LOW",
      owner: owners[at % 3] ?? "",
      handling: at % 3 === 0 ? "issued, two slots, grace 24 h" : "generated, overlap 24 h",
      handedOver: false,
      intervalDays,
      generation: (at % 5) + 2,
      forced: 1,
      rotatedAt: iso(rotated),
      ageDays,
      dueAt: iso(rotated + intervalDays * day),
      previousUntil: ageDays < 2 ? iso(rotated + 3 * day) : "",
      state,
      why: late ? "the next run rotates it" : state === "held" ? held : "",
      destinations: ["vault:secret", `render:${application}`],
      consumers: [`${application} 2/2`],
      fingerprint: (at * 2654435761).toString(16).padStart(12, "0").slice(-12),
      revoked: 0,
    } as Row;
  });
}

/** The last three rotations of each secret, one run a day. Hashes and signatures are of no account here. */
export function fleetRecords(rows: readonly Row[]): AuditRecord[] {
  const steps: [AuditEvent, number][] = [
    ["clock", 0],
    ["made", 0.3],
    ["written", 0.8],
    ["rolledOut", 95],
    ["verified", 2.4],
    ["completed", 0.1],
  ];
  const drafts = rows.flatMap((row) =>
    [2, 1, 0].flatMap((back) => {
      const generation = row.generation - back;
      const began = Date.parse(row.rotatedAt) - back * row.intervalDays * day;
      if (generation < 1) return [];
      const run = `${iso(began).slice(0, 10)}-scheduled`;
      const action: AuditAction = generation === 1 ? "first" : "scheduled";
      const ended: [AuditEvent, number][] =
        generation > 1 && !(back === 0 && row.previousUntil) ? [["revoked", 1]] : [];
      return [...steps, ...ended].map(([event, seconds], at) => ({
        // The previous value ends in the run of the next day.
        event,
        secret: row.name,
        resource: `${row.name}/${event}`,
        key: String(generation),
        generation,
        action,
        seconds,
        at: iso(began + at * 30_000 + (event === "revoked" ? day : 0)),
        run: {
          id: event === "revoked" ? `${iso(began + day).slice(0, 10)}-scheduled` : run,
          by: "github-actions",
          approvals: [],
          stack: "secret-rotation/production",
        },
      }));
    }),
  );
  return drafts
    .sort((a, b) => a.at.localeCompare(b.at))
    .map((draft, at) => ({
      v: 1,
      seq: at + 1,
      id: `${draft.run.id}/${draft.resource}/${draft.event}/${draft.key}`,
      ...draft,
      previous: "",
      hash: "",
      signature: "",
      signer: "file:1",
    }));
}
