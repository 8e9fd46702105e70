// What the rules know beside the resource before them: the time, the environment, and the schedules and clocks of this
// run. A resource policy is shown one resource at a time, but always after those that its properties come from, so a
// secret's schedule and clock are remembered by the time its material is judged.
import { readApproval, variable, type Approval } from "../approval.ts";
import type { Seen } from "./rule.ts";
import { number, text, type Properties } from "./values.ts";

export const types = {
  schedule: "rotation:index:Schedule",
  overlap: "rotation:index:Overlap",
  credential: "rotation:index:Credential",
  verification: "rotation:index:Verification",
  vendorNames: "rotation:index:VendorNames",
  precheck: "rotation:index:Precheck",
  clock: "time:index/rotating:Rotating",
  password: "random:index/randomPassword:RandomPassword",
} as const;

export type SecretClass = "CRITICAL" | "HIGH" | "MEDIUM" | "LOW";
export const classes: readonly SecretClass[] = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];

export interface ScheduleSeen {
  secret: string;
  class?: SecretClass;
  intervalDays?: number;
  window?: string;
  properties: Properties;
}

/** What people have written into the stack's configuration, as far as it is as it should be. */
export interface Asked {
  forced?: Record<string, { generation?: number; reason?: string; by?: string; at?: string }>;
  /** Approvals for runs that can prove none, like those of plain cron: kept in the stack's file, which is reviewed. */
  approvals?: { secrets?: string[]; by?: string[]; asked?: string; at?: string }[];
}

export interface Circumstances {
  /** Whether `now` was given, and so is the provider's to the second. @default false */
  fixed?: boolean;
  /** Whether nothing is about to happen. @default false */
  preview?: boolean;
  /** `<project>:environment` of the stack's configuration. */
  environment?: string | undefined;
  /** What the run was approved by, or why that counts for nothing. */
  approval?: Approval | string | undefined;
  /** @default nothing */
  asked?: Asked;
}

export class Run {
  /** The policies' clock: the system's, or ROTATION_NOW as for the provider. */
  readonly now: Date;
  #about: Circumstances;
  readonly #schedules = new Map<string, ScheduleSeen>();
  readonly #grace = new Map<string, number>();
  #environment: string | undefined;

  constructor(now: Date, about: Circumstances = {}) {
    this.now = now;
    this.#about = about;
  }

  get about(): Readonly<Circumstances> {
    return this.#about;
  }

  /** Takes in what the engine says once the pack has begun. */
  hear(about: Circumstances): void {
    this.#about = { ...this.#about, ...about };
  }

  see({ type, name, properties }: Seen): void {
    if (type === types.precheck) this.#environment = text(properties, "environment") ?? this.#environment;
    if (type === types.overlap || type === types.credential) {
      const hours = number(properties, "graceHours");
      if (hours !== undefined) this.#grace.set(secretOf(name) ?? name, hours);
    }
    if (type !== types.schedule) return;
    const secret = text(properties, "secret") ?? secretOf(name) ?? name;
    const level = text(properties, "class");
    this.#schedules.set(secretOf(name) ?? secret, {
      secret,
      class: classes.find((known) => known === level),
      intervalDays: number(properties, "intervalDays"),
      window: text(properties, "window"),
      properties,
    });
  }

  /** The schedule of the secret that a resource's name belongs to. */
  scheduleOf(name: string): ScheduleSeen | undefined {
    const secret = secretOf(name);
    return secret === undefined ? undefined : this.#schedules.get(secret);
  }

  /** Hours that a secret overlaps, 0 for a cut-over: an input that the resource's outputs no longer show. */
  graceOf(secret: string): number | undefined {
    return this.#grace.get(secret);
  }

  /** As the prechecks say it, which come before any material; else the stack's configuration, else its name. */
  environmentOf(urn: string): string {
    return this.#environment ?? this.#about.environment ?? stackOf(urn);
  }
}

/** The environment of a whole stack, as a stack policy sees it. */
export function environmentIn(resources: Seen[], { about: { environment } }: Run): string {
  const run = new Run(new Date(0), { environment });
  for (const resource of resources) if (resource.type === types.precheck) run.see(resource);
  return run.environmentOf(resources[0]?.urn ?? "");
}

/** `production` of `urn:pulumi:production::project::type::name`. */
export function stackOf(urn: string): string {
  return /^urn:pulumi:([^:]+)::/.exec(urn)?.[1] ?? "";
}

/** `visapi/JWT_SECRET` of `visapi/JWT_SECRET/clock`. */
export function secretOf(name: string): string | undefined {
  return /^([^/]+\/[^/]+)\/.+$/.exec(name)?.[1];
}

/**
 * What the environment says of a run.
 * @throws Error when ROTATION_NOW is no date
 */
export function readRun(env: NodeJS.ProcessEnv): Run {
  const now = env["ROTATION_NOW"];
  if (now && Number.isNaN(Date.parse(now)))
    throw new Error(`ROTATION_NOW is "${now}", which is no date; write it like 2026-01-31T02:00:00Z, or unset it`);
  const approval = readApproval(env[variable], env["ROTATION_FINGERPRINT_KEY"]);
  return new Run(now ? new Date(now) : new Date(), { fixed: Boolean(now), approval });
}

/** What the engine tells of the stack that a run is for. */
export interface Told {
  project: string;
  preview: boolean;
  /** By `<namespace>:<key>`; objects and lists as JSON. */
  config: Readonly<Record<string, string>>;
}

/** The same in the rules' terms. */
export function circumstances({ project, preview, config }: Told, env: NodeJS.ProcessEnv): Circumstances {
  const own = (key: string): string | undefined => config[`${project}:${key}`];
  const approvals = parsed(own("approvals"));
  const key = env["ROTATION_FINGERPRINT_KEY"] || config["rotation:fingerprintKey"];
  return {
    preview,
    environment: own("environment"),
    approval: readApproval(env[variable], key),
    asked: {
      forced: parsed(own("forced")) as NonNullable<Asked["forced"]>,
      approvals: Array.isArray(approvals) ? (approvals as NonNullable<Asked["approvals"]>) : [],
    },
  };
}

/** An object or list written as JSON; {} for anything else. */
function parsed(text: string | undefined): object {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
