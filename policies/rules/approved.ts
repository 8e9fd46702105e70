// In production nothing rotates without two people who have said so. Who they are is proven where the run is started
// (ci/approvals.ts); this rule sees to it that no run gets past that, whatever command began it.
import { matches } from "./patterns.ts";
import { resourceRule } from "./rule.ts";
import { scheduleIn } from "./production.ts";
import { stackOf, type Run } from "./run.ts";
import { number } from "./values.ts";

export interface ApprovedConfig {
  /** How many different people, 2 to 6. */
  people: number;
  /** Hours, 1 to 24, for which a run's approval and the reason of an emergency count. */
  hours: number;
  /** Days, 1 to 92, for which approvals in the stack's file (`approvals`) count. */
  days: number;
}

const hour = 3_600_000;

export const productionApproved = resourceRule<ApprovedConfig>({
  name: "production-approved",
  description:
    "In production a rotation has a recorded approval by two people, neither of whom asked for it. Emergencies with a reason are exempt.",
  severity: "critical",
  defaults: { people: 2, hours: 24, days: 31 },
  schema: {
    people: { type: "integer", minimum: 2, maximum: 6, description: "How many different people" },
    hours: { type: "integer", minimum: 1, maximum: 24, description: "How long a run's approval counts" },
    days: { type: "integer", minimum: 1, maximum: 92, description: "How long approvals in the stack's file count" },
  },
  check(resource, config, run) {
    // A preview is what people look at before they approve.
    if (run.about.preview) return [];
    const schedule = scheduleIn(resource, run);
    // What an approved run decided and did not finish needs no second approval: only now is something decided.
    if (!schedule || !isNow(schedule.window, run)) return [];
    const { secret } = schedule;
    if (emergency(secret, number(schedule.properties, "generation") ?? 1, config.hours, run)) return [];
    const why = [...fromRun(secret, stackOf(resource.urn), config, run), ...fromFile(secret, config, run)];
    if (why.includes("")) return [];
    return [
      `${secret} rotates in this run, and production asks for ${config.people} approvals by different people who did not ask for it: ${why.join("; ")}; start the workflow rotate and have it approved, or, in an emergency, ./rotate emergency --secret ${secret.split("/").pop() ?? secret} --reason "..."`,
    ];
  },
});

/** Whether a window was opened by this run. Without a given time, the provider's clock and this one are seconds apart. */
function isNow(window: string | undefined, run: Run): boolean {
  const apart = window === undefined ? NaN : Math.abs(run.now.getTime() - Date.parse(window));
  return run.about.fixed ? apart < 1000 : apart <= 5 * 60_000;
}

function emergency(secret: string, generation: number, hours: number, { about, now }: Run): boolean {
  const entry = about.asked?.forced?.[secret];
  if (entry?.generation !== generation || !entry.reason || !entry.by || !entry.at) return false;
  return Math.abs(now.getTime() - Date.parse(entry.at)) <= hours * hour;
}

/** What is wrong with the run's own approval; "" where nothing is. */
function fromRun(secret: string, stack: string, { people, hours }: ApprovedConfig, run: Run): string[] {
  const { now } = run;
  const { approval } = run.about;
  if (approval === undefined) return ["this run has none"];
  if (typeof approval === "string") return [approval];
  const approved = distinct(approval.people, approval.asked);
  const age = (now.getTime() - Date.parse(approval.at)) / hour;
  if (approval.stack !== stack) return [`this run's is for ${approval.stack}`];
  if (!approval.secrets.includes(secret)) return [`this run's is for ${approval.secrets.join(", ") || "nothing"}`];
  if (!(Math.abs(age) <= hours)) return [`this run's is ${Math.floor(age)} hours old and counts for ${hours}`];
  return [approved.length >= people ? "" : `this run's is by ${approved.join(", ") || "nobody"}`];
}

/** What is wrong with each approval of the stack's file that names the secret; "" where nothing is. */
function fromFile(secret: string, { people, days }: ApprovedConfig, { about, now }: Run): string[] {
  return (about.asked?.approvals ?? [])
    .filter(({ secrets }) => secrets?.some((pattern) => matches(pattern, secret)))
    .map(({ by = [], asked: who = "", at = "" }) => {
      const age = (now.getTime() - Date.parse(at)) / (24 * hour);
      if (!(age >= 0 && age <= days))
        return `the stack's file has one of ${at || "no date"}, which counts for ${days} days`;
      const approved = distinct(by, [who]);
      return approved.length >= people ? "" : `the stack's file has one by ${approved.join(", ") || "nobody"}`;
    });
}

function distinct(people: string[], without: string[]): string[] {
  const none = new Set(without.map((login) => login.toLowerCase()));
  return [...new Set(people.map((login) => login.toLowerCase()))].filter((login) => login && !none.has(login));
}
