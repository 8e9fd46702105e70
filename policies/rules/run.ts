// What the rules know beside the resource before them: the time, the environment, and the schedules and clocks of this
// run. A resource policy is shown one resource at a time, but always after those that its properties come from, so a
// secret's schedule and clock are remembered by the time its material is judged.
import type { Seen } from "./rule.ts";
import { number, text, type Properties } from "./values.ts";

export const types = {
  schedule: "rotation:index:Schedule",
  overlap: "rotation:index:Overlap",
  credential: "rotation:index:Credential",
  verification: "rotation:index:Verification",
  notice: "rotation:index:Notice",
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

export class Run {
  /** The policies' clock: the system's, or ROTATION_NOW as for the provider. */
  readonly now: Date;
  readonly #schedules = new Map<string, ScheduleSeen>();
  readonly #grace = new Map<string, number>();
  #noticed: string | undefined;

  constructor(now: Date) {
    this.now = now;
  }

  see({ type, name, properties }: Seen): void {
    if (type === types.notice) this.#noticed = text(properties, "environment") ?? this.#noticed;
    if (type === types.overlap) {
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

  /** As the notices say it, which come before any material; else the stack's name. */
  environmentOf(urn: string): string {
    return this.#noticed ?? stackOf(urn);
  }
}

/** The environment of a whole stack, as a stack policy sees it. */
export function environmentIn(resources: Seen[]): string {
  const run = new Run(new Date(0));
  for (const resource of resources) if (resource.type === types.notice) run.see(resource);
  return run.environmentOf(resources[0]?.urn ?? "");
}

/** `production` of `urn:pulumi:production::project::type::name`. */
function stackOf(urn: string): string {
  return /^urn:pulumi:([^:]+)::/.exec(urn)?.[1] ?? "";
}

/** `visapi/JWT_SECRET` of `visapi/JWT_SECRET/clock`. */
export function secretOf(name: string): string | undefined {
  return /^([^/]+\/[^/]+)\/.+$/.exec(name)?.[1];
}

/** @throws Error when ROTATION_NOW is no date */
export function readRun(env: NodeJS.ProcessEnv): Run {
  const now = env["ROTATION_NOW"];
  if (now && Number.isNaN(Date.parse(now)))
    throw new Error(`ROTATION_NOW is "${now}", which is no date; write it like 2026-01-31T02:00:00Z, or unset it`);
  return new Run(now ? new Date(now) : new Date());
}
