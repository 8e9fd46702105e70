// What makes a clock tell the time wrongly: units that differ in length, a pinned end, a beginning that is long over.
import { resourceRule } from "./rule.ts";
import { types } from "./run.ts";
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
    // A schedule that holds a secret back, for the night or until it is asked for, moves the base on when it turns.
    // A base that a program pins is never moved on, and the clock would be made anew in every run.
    if (end <= run.now.getTime() && run.scheduleOf(name)?.window !== base)
      said.push(
        `rfc3339 is ${base}, and with ${days} days it was over on ${new Date(end).toISOString()}: give it the window of a Schedule`,
      );
    return said;
  },
});
