// What a run asks of each vendor, and how long that takes within the limits that the vendors publish.
// Sources are the vendors' own pages; where one publishes no number, the table says so and assumes a careful one.

export interface Limit {
  /** As people call the service. */
  vendor: string;
  /** Calls, and the seconds in which they are allowed. */
  calls: number;
  seconds: number;
  /** Where the number comes from. */
  source: string;
  /** The vendor publishes none: the number is ours. */
  assumed?: true;
}

export const limits = {
  "render-write": {
    vendor: "Render",
    calls: 30,
    seconds: 60,
    source: "api-docs.render.com/reference/rate-limiting: POST, PATCH, DELETE 30 a minute; PUT assumed alike",
  },
  "render-deploy": {
    vendor: "Render",
    calls: 10,
    seconds: 60,
    source: "api-docs.render.com/reference/rate-limiting: deploys 10 a minute for a service",
  },
  "render-read": {
    vendor: "Render",
    calls: 400,
    seconds: 60,
    source: "api-docs.render.com/reference/rate-limiting: GET 400 a minute",
  },
  vercel: {
    vendor: "Vercel",
    calls: 60,
    seconds: 60,
    source: "no number published for these endpoints",
    assumed: true,
  },
  "vercel-deploy": {
    vendor: "Vercel",
    calls: 100,
    seconds: 86_400,
    source: "vercel.com/docs/limits: 100 deployments a day on Hobby, 6000 on Pro",
  },
  github: {
    vendor: "GitHub",
    calls: 80,
    seconds: 60,
    source: "docs.github.com, secondary limits: 80 requests a minute that create content",
  },
  supabase: {
    vendor: "Supabase",
    calls: 120,
    seconds: 60,
    source: "supabase.com/docs/reference/api: 120 requests a minute",
  },
  resend: { vendor: "Resend", calls: 2, seconds: 1, source: "resend.com/docs/api-reference/rate-limit: 2 a second" },
  upstash: { vendor: "Upstash", calls: 30, seconds: 60, source: "no number published", assumed: true },
  slack: {
    vendor: "Slack",
    calls: 1,
    seconds: 1,
    source: "docs.slack.dev/apis/web-api/rate-limits: incoming webhooks 1 a second, short bursts allowed",
  },
  vault: {
    vendor: "Vault",
    calls: 500,
    seconds: 1,
    source: "your own server: no limit unless a quota is set",
    assumed: true,
  },
} as const satisfies Record<string, Limit>;
export type LimitClass = keyof typeof limits;

/** Calls that one changed resource makes, by its type. Reads that poll a rollout are not counted: they are far below their limit. */
export const callsByType: Readonly<Record<string, Partial<Record<LimitClass, number>>>> = {
  "rotation:render:EnvVar": { "render-write": 1 },
  "rotation:vercel:EnvVar": { vercel: 2 },
  "github:index/actionsSecret:ActionsSecret": { github: 2 },
  "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret": { github: 2 },
  // The version, its metadata, and reading both back.
  "vault:kv/secretV2:SecretV2": { vault: 4 },
  // Staged, read back, promoted, read back, described.
  "rotation:vault:KeyPair": { vault: 6 },
};

/**
 * Calls at the vendor that issues a credential, by its kind: to see that the idle slot is free, make the new one and
 * prove it; and to see who uses the old one, end it and see that it is dead. Kinds that are not here are logins at
 * servers of your own.
 */
export const callsByKind: Readonly<Record<string, { limit: LimitClass; made: number; ended: number }>> = {
  "supabase-key": { limit: "supabase", made: 3, ended: 3 },
  "resend-key": { limit: "resend", made: 5, ended: 4 },
  "vercel-token": { limit: "vercel", made: 5, ended: 9 },
  "upstash-password": { limit: "upstash", made: 2, ended: 0 },
};

/** Calls of one rollout of a service, however many secrets share it. */
export const callsByRollout: Readonly<Record<string, { limit: LimitClass; minutes: number }>> = {
  // What a deploy itself takes is up to the application; these are the usual orders of magnitude, and said to be so.
  "rotation:render:Deploy": { limit: "render-deploy", minutes: 3 },
  "rotation:vercel:Deployment": { limit: "vercel-deploy", minutes: 2 },
};

/** Seconds that so many calls take when none is refused: whole windows that must pass before the last one may start. */
export function secondsWithin(limit: Limit, calls: number): number {
  return calls <= limit.calls ? 0 : Math.floor((calls - 1) / limit.calls) * limit.seconds;
}

export interface Load {
  class: LimitClass;
  vendor: string;
  calls: number;
  /** The limit in words: `30 a minute`. */
  limit: string;
  /** Seconds that have to be waited for the limit alone. */
  waits: number;
  source: string;
}

/** One line a limit, those that are used at all. */
export function loads(calls: ReadonlyMap<LimitClass, number>): Load[] {
  return [...calls]
    .filter(([, count]) => count > 0)
    .map(([name, count]) => {
      const limit: Limit = limits[name];
      return {
        class: name,
        vendor: limit.vendor,
        calls: count,
        limit: `${limit.calls} ${per(limit.seconds)}${limit.assumed ? " (assumed)" : ""}`,
        waits: secondsWithin(limit, count),
        source: limit.source,
      };
    });
}

function per(seconds: number): string {
  const known: Record<number, string> = { 1: "a second", 60: "a minute", 3600: "an hour", 86_400: "a day" };
  return known[seconds] ?? `in ${seconds} s`;
}

/** `1 s`, `about 40 s`, `about 4 min`. */
export function about(seconds: number): string {
  if (seconds < 10) return `${Math.ceil(seconds)} s`;
  return seconds < 90 ? `about ${Math.ceil(seconds / 10) * 10} s` : `about ${Math.ceil(seconds / 60)} min`;
}

/** Keeps a series of runs within every limit: remembers what was called when, and says how long the next must wait. */
export class Pace {
  readonly #taken = new Map<LimitClass, { at: number; calls: number }[]>();

  /**
   * Books the calls of one run.
   * @param now milliseconds
   * @returns milliseconds to wait before it may start, and whose limit asks for it
   */
  take(calls: ReadonlyMap<LimitClass, number>, now: number): { wait: number; vendor: string } {
    let start = now;
    let vendor = "";
    for (const [name, count] of calls) {
      const free = this.#freeAt(name, count, now);
      if (free > start) [start, vendor] = [free, limits[name].vendor];
    }
    for (const [name, count] of calls) {
      const taken = this.#taken.get(name) ?? [];
      this.#taken.set(name, [...taken, { at: start, calls: count }]);
    }
    return { wait: start - now, vendor };
  }

  /** The first moment at which `count` more calls leave the window within its limit. */
  #freeAt(name: LimitClass, count: number, now: number): number {
    const { calls: most, seconds } = limits[name];
    const taken = (this.#taken.get(name) ?? []).filter(({ at }) => at > now - seconds * 1000);
    let inWindow = taken.reduce((sum, each) => sum + each.calls, 0);
    let start = now;
    // More than a whole window's worth has to begin in an empty one; the provider spreads it from there.
    for (const each of taken) {
      if (inWindow + Math.min(count, most) <= most) break;
      inWindow -= each.calls;
      start = each.at + seconds * 1000;
    }
    return start;
  }
}
