// Values reach every destination as secrets, and by a resource that keeps them so.
import { bridgedVercel, destinations, shortName } from "./kinds.ts";
import { resourceRule } from "./rule.ts";
import { types } from "./run.ts";
import { given, undecided } from "./values.ts";

export interface DestinationsConfig {
  /** Whether variables of Vercel's own provider are allowed, as long as they are sensitive. */
  bridgedVercel: boolean;
}

const carriers: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(Object.entries(destinations).map(([type, { values }]) => [type, values])),
  [types.overlap]: ["value"],
  [types.verification]: ["value"],
};

export const secretDestinations = resourceRule<DestinationsConfig>({
  name: "values-stay-secret",
  description: "A value reaches its destinations as a secret.",
  severity: "critical",
  // Only a remediation is shown which inputs are secrets. This one mends nothing; what it finds counts as mandatory.
  level: "remediate",
  secrets: carriers,
  defaults: { bridgedVercel: false },
  schema: {
    bridgedVercel: { type: "boolean", description: "Allow sensitive variables of Vercel's own provider" },
  },
  check({ type, name, properties, plain }, config) {
    const said = Object.entries(destinations[type]?.refused ?? {})
      .filter(([property]) => given(properties, property))
      .map(([property, instead]) => `${name} sets ${property}: type ${instead} in its place, with a secret output`);
    for (const property of carriers[type] ?? [])
      if (plain?.has(property))
        said.push(`${name} is given a plain ${property}, which the state would show: wrap it in pulumi.secret(...)`);
    if (bridgedVercel.includes(type)) {
      if (!config.bridgedVercel)
        said.push(`${name} (${shortName(type)}) is replaced where it should be updated: use VercelEnvVar`);
      if (!undecided(properties, "sensitive") && properties["sensitive"] !== true && !("variables" in properties))
        said.push(`${name} is not sensitive, so Vercel shows it to every member: type sensitive: true`);
    }
    return said;
  },
});
