// What a rule is: data and one pure function, so that it is tested without an engine. `pack.ts` hands it to CrossGuard.
import type { EnforcementLevel, PolicyConfigSchema, Severity } from "@pulumi/policy";
import type { Run } from "./run.ts";
import type { Properties } from "./values.ts";

/** A resource as a rule sees it. */
export interface Seen {
  type: string;
  name: string;
  urn: string;
  properties: Properties;
  options: { protect: boolean; ignoreChanges: string[]; deleteBeforeReplace?: boolean };
  /** Names of the properties that reached the engine as plain values; left out where nobody has looked. */
  plain?: ReadonlySet<string>;
}

/** A resource of a finished preview or update, with the URNs of what each property was made from. */
export interface Placed extends Seen {
  dependencies: string[];
  propertyDependencies: Record<string, string[]>;
}

export interface Finding {
  /** One line: what is, what may be, how to mend it. Never a property that may be secret. */
  message: string;
  urn?: string;
}

interface Described<Config> {
  /** Lower case with dashes; the key of its configuration. */
  name: string;
  description: string;
  /** @default "mandatory" */
  level?: EnforcementLevel;
  severity: Severity;
  defaults: Config;
  schema: { [Name in keyof Config]-?: PolicyConfigSchema["properties"][string] };
}

/** Judges each resource before its step: a mandatory finding stops it, and with it everything that depends on it. */
export interface ResourceRule<Config> extends Described<Config> {
  /** Properties, by type, whose secrecy `check` wants to know (`Seen.plain`). */
  secrets?: Readonly<Record<string, readonly string[]>>;
  check(resource: Seen, config: Config, run: Run): string[];
  /** Whether type and name say it all, so that a resource without any property is judged too. @default false */
  bare?: boolean;
}

/** Judges the whole, after a preview and again after an update. What it finds in the preview stops the update. */
export interface StackRule<Config> extends Described<Config> {
  checkStack(resources: Placed[], config: Config, run: Run): Finding[];
}

export interface Rule extends Omit<Described<unknown>, "schema" | "defaults"> {
  schema: PolicyConfigSchema["properties"];
  secrets?: Readonly<Record<string, readonly string[]>>;
  /** @param given the configuration of this rule; what it leaves out has its default */
  resource?: (resource: Seen, given: object, run: Run) => string[];
  bare?: boolean;
  stack?: (resources: Placed[], given: object, run: Run) => Finding[];
}

export function resourceRule<Config extends object>(rule: ResourceRule<Config>): Rule {
  return {
    ...common(rule),
    ...(rule.secrets ? { secrets: rule.secrets } : {}),
    ...(rule.bare ? { bare: true } : {}),
    resource: (resource, given, run) => rule.check(resource, configured(rule.defaults, given), run),
  };
}

export function stackRule<Config extends object>(rule: StackRule<Config>): Rule {
  return {
    ...common(rule),
    stack: (resources, given, run) => rule.checkStack(resources, configured(rule.defaults, given), run),
  };
}

/** Maps are merged entry by entry; everything else replaces its default. */
function configured<Config extends object>(defaults: Config, given: object): Config {
  const merged: Record<string, unknown> = { ...(defaults as Record<string, unknown>) };
  for (const [name, value] of Object.entries(given)) {
    const otherwise = merged[name];
    merged[name] = isMap(value) && isMap(otherwise) ? { ...otherwise, ...value } : (value ?? otherwise);
  }
  return merged as Config;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function common<Config extends object>({ name, description, level, severity, defaults, schema }: Described<Config>) {
  const properties: PolicyConfigSchema["properties"] = {};
  for (const key of Object.keys(schema) as (keyof Config & string)[])
    properties[key] = { ...schema[key], default: defaults[key] as object };
  return { name, description, level: level ?? ("mandatory" as const), severity, schema: properties };
}
