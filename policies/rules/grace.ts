// The previous value stays valid for as long as its slowest consumer may still hold it.
import { destinations, shortName } from "./kinds.ts";
import { matches } from "./patterns.ts";
import { stackRule, type Finding, type Placed } from "./rule.ts";
import { secretOf, types, environmentIn } from "./run.ts";

export interface GraceConfig {
  /** Hours from the queueing of a job to its end. GitHub: at most 24 in the queue and 6 to run on its own runners. */
  jobs: number;
  /** Hours that a service may go on with the previous value. */
  services: number;
  /** Hours by `<application>/<secret>`, for consumers that are known better; "*" stands for anything. */
  secrets: Record<string, number>;
}

const hours = (minimum: number, description: string) => ({
  type: "number" as const,
  minimum,
  maximum: 8760,
  description,
});

export const grace = stackRule<GraceConfig>({
  name: "grace-covers-consumers",
  description: "In production the grace period is at least the longest consumer's. A declared cut-over has none.",
  severity: "high",
  defaults: { jobs: 30, services: 1, secrets: {} },
  schema: {
    jobs: hours(30, "From the queueing of a job to its end"),
    services: hours(1, "How long a service may go on with the previous value"),
    secrets: {
      type: "object",
      description: "By secret",
      additionalProperties: { type: "number", minimum: 0, maximum: 8760 },
    },
  },
  checkStack(resources, config, run) {
    if (environmentIn(resources, run) !== "production") return [];
    return resources
      .filter(({ type }) => type === types.overlap || type === types.credential)
      .flatMap((overlap): Finding[] => {
        const secret = secretOf(overlap.name) ?? overlap.name;
        const actual = run.graceOf(secret);
        if (actual === undefined || actual === 0) return [];
        const { least, whose } = longest(secret, resources, config);
        if (actual >= least) return [];
        const message = `${secret} overlaps for ${actual} hours, and ${whose} may need the previous value for ${least}: type graceHours: ${least} or more`;
        return [{ message, urn: overlap.urn }];
      });
  },
});

function longest(secret: string, resources: Placed[], config: GraceConfig): { least: number; whose: string } {
  const needs = resources
    .filter(({ name }) => secretOf(name) === secret)
    .flatMap(({ type }) => {
      const consumer = destinations[type]?.consumer;
      if (!consumer) return [];
      return [
        { least: consumer === "jobs" ? config.jobs : config.services, whose: `what reads its ${shortName(type)}` },
      ];
    });
  for (const [pattern, least] of Object.entries(config.secrets))
    if (matches(pattern, secret)) needs.push({ least, whose: "its configuration" });
  return needs.reduce((most, need) => (need.least > most.least ? need : most), { least: 0, whose: "" });
}
