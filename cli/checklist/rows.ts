// The runbook's post-rotation checklist (VisAPI, "Post-Rotation Checklist"), row by row: what answers it, or why only a
// person can; and what a rotation of secrets needs beyond it.
import {
  integration,
  keysWork,
  noDrift,
  noTrouble,
  noticesSent,
  oldValuesDead,
  proven,
  scheduled,
  well,
  type Around,
  type Seen,
} from "./checks.ts";

export const windows = ["15m", "1h", "24h", "documentation"] as const;
export type Window = (typeof windows)[number];

export interface ChecklistRow {
  window: Window;
  /** As the runbook has it; rows of our own begin with "+ ". */
  row: string;
  /** What answers it, for people. */
  by: string;
  /** Left out: a person answers it. */
  check?: (around: Around) => Promise<Seen>;
}

const has = (part: string) => (url: string) => url.includes(part);
const api = (url: string): boolean => url.includes("/api/");

export const rows: ChecklistRow[] = [
  {
    window: "15m",
    row: "All services are healthy",
    by: "every health endpoint that verifications ask",
    check: (around) => well(around, () => true, "health"),
  },
  {
    window: "15m",
    row: "Database connectivity restored",
    by: "the API's /healthz/database",
    check: (around) => well(around, has("/healthz/database"), "the database"),
  },
  {
    window: "15m",
    row: "Redis connectivity restored",
    by: "the API's /healthz/redis",
    check: (around) => well(around, has("/healthz/redis"), "Redis"),
  },
  {
    window: "15m",
    row: "API key authentication working",
    by: "a call with the current key, and one without",
    check: keysWork,
  },
  {
    window: "15m",
    row: "Admin dashboard accessible",
    by: "the front end's health endpoint; signing in is a person's",
    check: (around) => well(around, (url) => !api(url), "the front end"),
  },
  {
    window: "15m",
    row: "+ Consumers use the new values",
    by: "what each rotation's verification proved",
    check: proven,
  },
  {
    window: "15m",
    row: "+ People were told",
    by: "the notices in the audit trail",
    check: async (around) => noticesSent(around, 24, around.call.io.now),
  },
  {
    window: "15m",
    row: "+ The audit trail is whole",
    by: "rotate audit verify",
    check: async ({ trail }) => trail,
  },
  {
    window: "1h",
    row: "Queue processing functioning",
    by: "the API's test of its queue: one job, done",
    check: (around) => integration(around, "queue"),
  },
  {
    window: "1h",
    row: "WhatsApp integration working",
    by: "the API's test of it: one message",
    check: (around) => integration(around, "whatsapp"),
  },
  {
    window: "1h",
    row: "Email integration working",
    by: "the API's test of it: one mail",
    check: (around) => integration(around, "email"),
  },
  {
    window: "1h",
    row: "Slack integration working",
    by: "the API's test of it: one message",
    check: (around) => integration(around, "slack"),
  },
  {
    window: "1h",
    row: "Webhook processing working",
    by: "a person: a webhook comes from outside, and none of the services tells of the last one",
  },
  {
    window: "1h",
    row: "No error spikes in logs",
    by: "failed steps in the audit trail; the services' own logs are a person's (Render and Vercel give no error rate to a program)",
    check: async (around) => noTrouble(around, 1, around.call.io.now),
  },
  { window: "1h", row: "+ Every destination holds what was written", by: "rotate drift", check: noDrift },
  {
    window: "24h",
    row: "Performance metrics stable",
    by: "a person, on the dashboard: the stack measures rotations (rotate metrics), not requests",
  },
  {
    window: "24h",
    row: "No authentication errors",
    by: "the API answers its key; failed steps that speak of 401 or 403",
    check: async (around) => {
      const trouble = noTrouble(around, 24, around.call.io.now, /\b40[13]\b|permission|denied|unauthori/i);
      return trouble.verdict === "bad" ? trouble : keysWork(around);
    },
  },
  {
    window: "24h",
    row: "No integration failures",
    by: "all of the API's tests at once",
    check: (around) => integration(around, "all"),
  },
  {
    window: "24h",
    row: "Queue metrics normal",
    by: "the API's /queue/metrics",
    check: (around) => well(around, has("/queue/metrics"), "the queue"),
  },
  { window: "24h", row: "User complaints minimal", by: "a person: nobody complains to a program" },
  {
    window: "24h",
    row: "+ Old values are dead",
    by: "the audit trail, and what revocations hold back",
    check: oldValuesDead,
  },
  {
    window: "documentation",
    row: "Update secret inventory with new rotation dates",
    by: "rotate status: the inventory is the state itself",
    check: proven,
  },
  {
    window: "documentation",
    row: "Document any issues encountered",
    by: "rotate audit report holds what failed; what it meant is a person's",
  },
  { window: "documentation", row: "Update runbook with improvements", by: "a person, by a pull request" },
  { window: "documentation", row: "Schedule next rotation", by: "each secret's schedule", check: scheduled },
  { window: "documentation", row: "Update monitoring dashboards", by: "rotate metrics: they follow by themselves" },
];
