// How old a secret may become, by its class and by the inventories of the runbooks. Tighter is always allowed.
import { matches } from "./patterns.ts";
import { resourceRule } from "./rule.ts";
import { classes, types, type SecretClass } from "./run.ts";
import { number, text, undecided } from "./values.ts";

export interface IntervalConfig {
  /** Days by class, 1 to 90. */
  classes: Record<SecretClass, number>;
  /** Days by `<application>/<secret>`, 1 to 365; more than the class allows only for a name without "*". */
  secrets: Record<string, number>;
}

/** Days from the runbooks' inventories, where they differ from the class's. Configuration can tighten them only. */
const inventory: readonly (readonly [pattern: string, days: number])[] = [
  ["visapi/JWT_SECRET", 30],
  ["visapi/SESSION_SECRET", 30],
  ["visapi/CRON_SECRET", 30],
  ["intelliflow/*jwt*", 7],
  ["intelliflow/*database*", 30],
  // Encryption keys of Vault's transit engine: old versions decrypt for years, so a year is as often as it helps.
  ["intelliflow/*transit*", 365],
  ["intelliflow/*encryption*", 365],
];

/** The most days that a secret may be old, and what says so. */
export function limitOf(
  secret: string,
  level: SecretClass | undefined,
  config: IntervalConfig,
): { days: number; by: string } {
  const byClass = level ? config.classes[level] : Math.max(...Object.values(config.classes));
  const named = [
    ...inventory.filter(([pattern]) => matches(pattern, secret)),
    ...Object.entries(config.secrets)
      .filter(([pattern]) => matches(pattern, secret))
      .map(([pattern, days]) => [pattern, pattern.includes("*") ? Math.min(days, byClass) : days] as const),
  ];
  if (named.length === 0) return { days: byClass, by: level ? `class ${level}` : "any class" };
  return { days: Math.min(...named.map(([, days]) => days)), by: secret };
}

const days = (maximum: number) => ({ type: "integer" as const, minimum: 1, maximum });

export const interval = resourceRule<IntervalConfig>({
  name: "interval-by-class",
  description: "A secret is rotated at least as often as its class and its inventory ask for.",
  severity: "high",
  defaults: { classes: { CRITICAL: 90, HIGH: 90, MEDIUM: 90, LOW: 90 }, secrets: {} },
  schema: {
    classes: {
      type: "object",
      description: "The most days by class",
      properties: Object.fromEntries(classes.map((level) => [level, days(90)])),
      additionalProperties: false,
    },
    secrets: { type: "object", description: "The most days by secret", additionalProperties: days(365) },
  },
  check({ type, name, properties }, config, run) {
    if (type !== types.schedule && type !== types.clock) return [];
    const property = type === types.schedule ? "intervalDays" : "rotationDays";
    const schedule = run.scheduleOf(name);
    const secret = schedule?.secret ?? text(properties, "secret") ?? name;
    const limit = limitOf(secret, schedule?.class, config);
    const own = type === types.clock ? schedule?.intervalDays : undefined;
    const { days, by } = own !== undefined && own < limit.days ? { days: own, by: "its schedule" } : limit;
    const actual = number(properties, property);
    // A clock in other units is the business of clock-in-days; a schedule without interval, of its provider.
    if (actual === undefined || undecided(properties, property) || actual <= days) return [];
    return [`${property} is ${actual} and may be at most ${days} for ${by}: type ${days} or less for ${secret}`];
  },
});
