// What a stack decides for all of its secrets, read once from Pulumi config and checked before anything else.
import * as pulumi from "@pulumi/pulumi";
import { readPart, type Part } from "./parts.ts";

export type Environment = "production" | "staging" | "sandbox";

/** A rotation that a person asked for: a higher generation than the last one rotates the secret now. */
export interface Forced {
  /** 2 or more; one more than the last. */
  generation: number;
  reason: string;
  by: string;
  /** RFC 3339. */
  at: string;
  /**
   * Whether the old one ends in the same run, without grace and with whatever is connected. An issued credential ends
   * once consumers have proven the new one; of a generated secret no previous value is kept, so sessions that it
   * signed end. @default false
   */
  revoke?: boolean;
}

/** A return to an earlier value that a person asked for: each new `at` brings it back once. */
export interface Restored {
  /** Which generation comes back: 1 or more, below the current one. */
  generation: number;
  /** Where Vault keeps it: a KV v2 mount, and the path below it. Left out for issued credentials, which Vault cannot revive. */
  mount?: string;
  path?: string;
  reason: string;
  by: string;
  /** RFC 3339. */
  at: string;
}

/** A value that a person brought: it stands, encrypted, in the config `<application>:<secret>`. */
export interface HandedOver {
  /** 1, 2, ...: how often. */
  generation: number;
  by: string;
  /** RFC 3339: when it was made at the vendor. */
  at: string;
}

/** A value that is in use already and is taken over as it is: it stands, encrypted, in the config `<application>:<secret>`. */
export interface Adopted {
  by: string;
  /** RFC 3339: when it was last changed, from which its age counts. */
  at: string;
  /** Which one it was to a stack that lost its state; the next one is one more. 1 or more; @default 1 */
  generation?: number;
}

export interface StackSettings {
  environment: Environment;
  /** Names of the applications that this stack rotates, of those that the program knows. */
  applications: string[];
  /** Which part of its applications this stack declares. @default all of them */
  part?: Part;
  /** Hours between scheduled runs; what falls due before the next run is rotated in this one. */
  leadHours: number;
  /** UTC hours in which the clock may rotate, `from` inclusive, `to` exclusive. Left out: any. */
  hours?: { from: number; to: number };
  /** Hours for which a rotation must have been announced. */
  noticeHours: number;
  /** Seconds that a verification waits for consumers. */
  verificationSeconds: number;
  /** Staging secrets have half the length (runbook VisAPI, "Staging Environment"). */
  halfLength: boolean;
  /** By `<application>/<secret>`. */
  forced: Record<string, Forced>;
  /** By `<application>/<secret>`. */
  restored: Record<string, Restored>;
  /** By `<application>/<secret>`. */
  handedOver: Record<string, HandedOver>;
  /** By `<application>/<secret>`. */
  adopted: Record<string, Adopted>;
}

const defaults: Record<
  Environment,
  Omit<StackSettings, "environment" | "applications" | "part" | "forced" | "restored" | "handedOver" | "adopted">
> = {
  production: { leadHours: 24, hours: { from: 2, to: 6 }, noticeHours: 24, verificationSeconds: 60, halfLength: false },
  staging: { leadHours: 24, noticeHours: 0, verificationSeconds: 30, halfLength: true },
  sandbox: { leadHours: 24, noticeHours: 0, verificationSeconds: 30, halfLength: false },
};

/**
 * Reads `<project>:environment` (default: the stack's name) and the settings that differ from that environment's.
 * @param known the names of all applications that the program can declare; `applications` in the config chooses among
 * them (default: all), and a rotation asked for any other is refused
 * @throws RunError that says what to type when a setting makes no sense
 */
export function readStack(config: pulumi.Config, known: string[]): StackSettings {
  const applications = readApplications(config, known);
  const environment = config.get("environment") ?? pulumi.getStack();
  if (environment !== "production" && environment !== "staging" && environment !== "sandbox") {
    throw new pulumi.RunError(
      `The environment is "${environment}"; set it to one of the three that are known: pulumi config set environment production|staging|sandbox`,
    );
  }
  const base = defaults[environment];
  const leadHours = config.getNumber("leadHours") ?? base.leadHours;
  if (!(leadHours >= 1 && leadHours <= 168))
    throw new pulumi.RunError(
      `leadHours is ${leadHours}; give the hours between scheduled runs, from 1 to 168: pulumi config set leadHours 24`,
    );
  const hours = config.getObject<{ from: number; to: number }>("hours") ?? base.hours;
  const part = readPart(config);
  return {
    environment,
    applications,
    ...(part ? { part } : {}),
    leadHours,
    ...(hours ? { hours } : {}),
    noticeHours: config.getNumber("noticeHours") ?? base.noticeHours,
    verificationSeconds: config.getNumber("verificationSeconds") ?? base.verificationSeconds,
    halfLength: config.getBoolean("halfLength") ?? base.halfLength,
    forced: readForced(config, applications),
    restored: readAsked<Restored>(config, "restored", applications),
    handedOver: readAsked<HandedOver>(config, "handedOver", applications),
    adopted: readAsked<Adopted>(config, "adopted", applications),
  };
}

function readApplications(config: pulumi.Config, known: string[]): string[] {
  const chosen = config.getObject<unknown>("applications") ?? known;
  const fault = (what: string): never => {
    throw new pulumi.RunError(
      `applications is ${what}; name those that this stack rotates, of ${known.join(", ")}: pulumi config set --path 'applications[0]' ${known[0]}`,
    );
  };
  if (!Array.isArray(chosen) || !chosen.length) return fault(chosen instanceof Array ? "empty" : "no list");
  const unknown = chosen.find((name) => !known.includes(name as string)) as unknown;
  return unknown === undefined ? [...new Set(chosen as string[])] : fault(`given ${JSON.stringify(unknown)}`);
}

/** Entries by secret that `rotate` writes, checked as far as both kinds agree. */
function readAsked<T extends Restored | HandedOver | Adopted>(
  config: pulumi.Config,
  key: string,
  applications: string[],
): Record<string, T> {
  const entries = config.getObject<Record<string, Partial<T>>>(key) ?? {};
  for (const [secret, entry] of Object.entries(entries)) {
    const { by, at } = entry;
    // A value that a person once made has no number.
    const { generation = key === "adopted" ? 1 : undefined } = entry as { generation?: number };
    if (!applications.some((name) => secret.startsWith(`${name}/`)))
      throw new pulumi.RunError(
        `${key} names "${secret}", which is in no application of this stack. Remove it: pulumi config rm --path '${key}["${secret}"]'`,
      );
    if (!Number.isInteger(generation) || (generation as number) < 1 || !by || !at)
      throw new pulumi.RunError(
        `${key}["${secret}"] needs generation (1 or more), by and at; let \`rotate\` write it: rotate ${{ restored: "rollback", adopted: "adopt" }[key] ?? "hand-over"} --help`,
      );
  }
  return entries as Record<string, T>;
}

function readForced(config: pulumi.Config, applications: string[]): Record<string, Forced> {
  const forced = config.getObject<Record<string, Partial<Forced>>>("forced") ?? {};
  for (const [secret, entry] of Object.entries(forced)) {
    if (!applications.some((name) => secret.startsWith(`${name}/`)))
      throw new pulumi.RunError(
        `forced names "${secret}", which is in no application of this stack; write "<application>/<secret>", where the application is one of: ${applications.join(", ")}`,
      );
    const { generation, reason, by, at } = entry;
    if (!Number.isInteger(generation) || (generation as number) < 2)
      throw new pulumi.RunError(
        `forced["${secret}"].generation is ${String(generation)}; give a whole number from 2 on, one more than the last`,
      );
    if (!reason || !by || !at)
      throw new pulumi.RunError(
        `forced["${secret}"] needs reason, by and at, so that the history says why; for instance: pulumi config set --path 'forced["${secret}"].reason' "laptop stolen"`,
      );
  }
  return forced as Record<string, Forced>;
}

/** A setting of an application: Pulumi config `<application>:<key>`, else the environment variable. */
export function setting(application: string, key: string, variable: string): string {
  const value = new pulumi.Config(application).get(key) ?? process.env[variable];
  if (!value)
    throw new pulumi.RunError(
      `${application}:${key} is missing. Set it with "pulumi config set ${application}:${key} ...", or as ${variable} in the environment.`,
    );
  return value;
}

/** As `setting`, for one that is secret: encrypted in the config (`pulumi config set --secret`) and in the state. */
export function secretSetting(application: string, key: string, variable: string): pulumi.Output<string> {
  const value = new pulumi.Config(application).getSecret(key) ?? process.env[variable];
  if (!value)
    throw new pulumi.RunError(
      `${application}:${key} is missing. Set it with "pulumi config set --secret ${application}:${key}", which asks for it, or as ${variable} in the environment.`,
    );
  return pulumi.secret(value);
}

/** Fails when a setting does not look like the vendor's ids. */
export function shaped(value: string, shape: RegExp, name: string, like: string): string {
  if (!shape.test(value))
    throw new pulumi.RunError(`${name} is "${value}", which is not such an id; it looks like ${like}`);
  return value;
}
