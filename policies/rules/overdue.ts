// Secrets that should have been rotated and were not. Advisory: stopping the run would not make them any younger.
import { resourceRule } from "./rule.ts";
import { types } from "./run.ts";
import { text } from "./values.ts";

const day = 86_400_000;

export interface OverdueConfig {
  /** Days after the due date, 0 to 90. */
  days: number;
}

export const overdue = resourceRule<OverdueConfig>({
  name: "not-overdue",
  description: "No secret is overdue by more than a week.",
  level: "advisory",
  severity: "high",
  defaults: { days: 7 },
  schema: {
    days: { type: "integer", minimum: 0, maximum: 90, description: "Days that a secret may be overdue" },
  },
  check({ type, name, properties }, { days }, run) {
    if (type !== types.schedule) return [];
    const dueAt = text(properties, "dueAt");
    const late = dueAt === undefined ? NaN : (run.now.getTime() - Date.parse(dueAt)) / day;
    if (!(late > days)) return [];
    const how =
      properties["onRequest"] === true
        ? "it is rotated on request only, so raise its generation"
        : "look in the run's log for what holds it, or raise its generation to rotate it now";
    const secret = text(properties, "secret") ?? name;
    return [
      `${secret} was due on ${dueAt} and is ${Math.floor(late)} days overdue, at most ${days} are allowed: ${how}`,
    ];
  },
});
