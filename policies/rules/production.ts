// What production asks for beyond the other environments: rotations at night, announced, and with a second instance.
import { resourceRule, type Seen } from "./rule.ts";
import { types, type Run, type ScheduleSeen } from "./run.ts";
import { group, groups, number, text, undecided } from "./values.ts";

export interface WindowConfig {
  /** UTC hours that a schedule's hours must lie within, `to` exclusive. */
  hours: { from: number; to: number };
  /** Hours, 24 to 720, that a rotation is announced before. */
  noticeHours: number;
}
export interface ReplicasConfig {
  /** 2 to 100. */
  instances: number;
}

const hour = { type: "integer" as const, minimum: 0, maximum: 24 };

/** The schedule to judge, once it is clear that this is production: from the stack's name or configuration, or else from its prechecks. */
export function scheduleIn({ type, name, urn, properties }: Seen, run: Run): ScheduleSeen | undefined {
  const named = urn.startsWith("urn:pulumi:production::") || run.about.environment === "production";
  if (type === types.schedule && named) return run.scheduleOf(name);
  // A precheck follows its schedule and comes before the clock: what stops it stops the rotation.
  if (type === types.precheck && !named)
    return text(properties, "environment") === "production" ? run.scheduleOf(name) : undefined;
  return undefined;
}

export const productionWindow = resourceRule<WindowConfig>({
  name: "production-window",
  description: "In production the clock rotates in the allowed hours only, after notice. Emergencies are exempt.",
  severity: "high",
  defaults: { hours: { from: 2, to: 6 }, noticeHours: 24 },
  schema: {
    hours: {
      type: "object",
      description: "The allowed hours in UTC",
      properties: { from: hour, to: hour },
      additionalProperties: false,
    },
    noticeHours: { type: "integer", minimum: 24, maximum: 720, description: "The least hours of notice" },
  },
  check(resource, { hours, noticeHours }, run) {
    const schedule = scheduleIn(resource, run);
    if (!schedule) return [];
    const { secret, properties } = schedule;
    const said: string[] = [];
    if (!undecided(properties, "hours")) {
      const actual = group(properties, "hours") ?? {};
      const [from, to] = [number(actual, "from"), number(actual, "to")];
      const open = undecided(actual, "from") || undecided(actual, "to");
      if (!open && !(from !== undefined && to !== undefined && within({ from, to }, hours)))
        said.push(
          `${secret} may rotate ${from === undefined || to === undefined ? "at any hour" : `from ${from} to ${to} UTC`}, and production allows ${hours.from} to ${hours.to} UTC: type hours: { from: ${hours.from}, to: ${hours.to} }`,
        );
    }
    const notice = number(properties, "noticeHours") ?? 0;
    if (!undecided(properties, "noticeHours") && notice < noticeHours)
      said.push(
        `${secret} is announced ${notice} hours ahead, and production asks for ${noticeHours}: type noticeHours: ${noticeHours}`,
      );
    return said;
  },
});

interface Hours {
  from: number;
  to: number;
}

/** Whether every hour of one lies in the other; either may wrap midnight. */
export function within(inner: Hours, outer: Hours): boolean {
  const length = ({ from, to }: Hours): number => (to - from + 24) % 24;
  const start = (inner.from - outer.from + 24) % 24;
  return start + length(inner) <= length(outer);
}

export const productionReplicas = resourceRule<ReplicasConfig>({
  name: "production-replicas",
  description: "In production a service that takes up a secret has a second instance to serve meanwhile.",
  severity: "medium",
  defaults: { instances: 2 },
  schema: { instances: { type: "integer", minimum: 2, maximum: 100, description: "The least instances" } },
  check({ type, urn, properties }, { instances }, run) {
    if (type !== types.verification || run.environmentOf(urn) !== "production") return [];
    return groups(properties, "proofs").flatMap((proof) => {
      const actual = number(proof, "instances");
      if (actual === undefined || actual >= instances) return [];
      const consumer = text(proof, "consumer") ?? "a consumer";
      return [
        `${consumer} has ${actual} instance, and production asks for ${instances}: scale it and type instances: ${instances}`,
      ];
    });
  },
});
