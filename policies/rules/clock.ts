// What makes a clock tell the time wrongly: units that differ in length, a pinned end, a beginning that is long over.
import { resourceRule, stackRule, type Finding } from "./rule.ts";
import { secretOf, types } from "./run.ts";
import { given, number, text, undecided } from "./values.ts";

const day = 86_400_000;
const units = {
  rotationMinutes: "minutes are too short for a secret",
  rotationHours: "hours drift from day to day",
  rotationMonths: "months differ in length",
  rotationYears: "years differ in length",
};

export const clock = resourceRule<object>({
  name: "clock-in-days",
  description: "A clock turns after whole days, from a base that is not over yet and is remembered by a schedule.",
  severity: "high",
  defaults: {},
  schema: {},
  check({ type, name, properties }, _config, run) {
    if (type !== types.clock) return [];
    const said = Object.entries(units)
      .filter(([unit]) => given(properties, unit))
      .map(([unit, why]) => `${unit} is set, and ${why}: remove it and type rotationDays`);
    if (given(properties, "rotationRfc3339"))
      said.push("rotationRfc3339 is pinned, so the clock turns once and never again: remove it and type rotationDays");
    else if (said.length === 0 && !given(properties, "rotationDays"))
      said.push("rotationDays is missing: type the secret's interval in whole days");
    const days = number(properties, "rotationDays");
    if (days !== undefined && !undecided(properties, "rotationDays") && !(Number.isInteger(days) && days >= 1))
      said.push(`rotationDays is ${days}: type a whole number of days, 1 or more`);

    const base = text(properties, "rfc3339");
    const end = base === undefined || days === undefined ? NaN : Date.parse(base) + days * day;
    // A schedule holds a secret back, for the night or until it is asked for, or has moved on in a run that failed or
    // left this clock out; both mend themselves. Whether the base comes from the schedule is an edge: see below.
    const window = run.scheduleOf(name)?.window;
    const behind = window !== undefined && Date.parse(base ?? "") <= Date.parse(window);
    if (end <= run.now.getTime() && !behind)
      said.push(
        `rfc3339 is ${base}, and with ${days} days it was over on ${new Date(end).toISOString()}: give it the window of a Schedule`,
      );
    return said;
  },
});

export const clockFollowsSchedule = stackRule<object>({
  name: "clock-follows-schedule",
  description:
    "The clock of a secret that has a schedule takes its base from it: a base that a program pins stands still.",
  severity: "high",
  defaults: {},
  schema: {},
  checkStack(resources) {
    const schedules = new Set(resources.filter(({ type }) => type === types.schedule).map(({ urn }) => urn));
    const scheduled = new Set(
      resources.flatMap(({ type, name }) => (type === types.schedule ? [secretOf(name) ?? name] : [])),
    );
    return resources
      .filter(({ type, name }) => type === types.clock && scheduled.has(secretOf(name) ?? ""))
      .filter(({ propertyDependencies: { rfc3339 = [] } }) => !rfc3339.some((urn) => schedules.has(urn)))
      .map(({ name, urn }): Finding => ({
        message: `${name} takes its base from no schedule, so it never moves on: type rfc3339: schedule.window`,
        urn,
      }));
  },
});
