/** A documented limit: so many points in a window. */
export interface LimitRule {
  limit: number;
  windowMs: number;
}

/** What one request takes from a limit. */
export interface LimitUse {
  /** Name of the rule. */
  class: string;
  /** Whose bucket: the user, the service, ... */
  key: string;
  /** Points. @default 1 */
  cost?: number;
}

/** What a limit said of a request. */
export interface LimitDecision {
  class: string;
  allowed: boolean;
  limit: number;
  used: number;
  remaining: number;
  /** When the window ends: milliseconds since the epoch. */
  resetAt: number;
  /** Whole seconds until then, at least 1. */
  resetSeconds: number;
}

interface Bucket {
  used: number;
  resetAt: number;
}

/**
 * Fixed windows by class and key, as the vendors count.
 *
 * `scale` makes the vendor's clock run faster and leaves its numbers as documented: at 60, "10 a minute" is
 * 10 a second, and the headers still say 10. @default 1, the real limits
 */
export class RateLimits {
  readonly #rules: Record<string, LimitRule>;
  readonly #scale: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(rules: Record<string, LimitRule>, scale = 1) {
    if (!(scale > 0)) throw new Error(`limitScale must be above 0, not ${scale}: 1 keeps the real limits`);
    this.#rules = rules;
    this.#scale = scale;
  }

  /** Takes from every limit named, or from none where one is exhausted. The first refusal decides. */
  take(uses: LimitUse[], now = Date.now()): { decisions: LimitDecision[]; refused?: LimitDecision } {
    const buckets = uses.map((use) => ({ use, rule: this.#rule(use.class), bucket: this.#bucket(use, now) }));
    const refused = buckets.find(({ use, rule, bucket }) => bucket.used + (use.cost ?? 1) > rule.limit);
    if (!refused) for (const { use, bucket } of buckets) bucket.used += use.cost ?? 1;
    const decisions = buckets.map(({ use, rule, bucket }) => decide(use.class, rule, bucket, now));
    if (!refused) return { decisions };
    return { decisions, refused: { ...decide(refused.use.class, refused.rule, refused.bucket, now), allowed: false } };
  }

  /** How a limit stands, without taking from it. */
  peek(use: LimitUse, now = Date.now()): LimitDecision {
    return decide(use.class, this.#rule(use.class), this.#bucket(use, now), now);
  }

  reset(): void {
    this.#buckets.clear();
  }

  #rule(name: string): LimitRule {
    const rule = this.#rules[name];
    if (!rule) throw new Error(`no limit named ${name}`);
    return rule;
  }

  #bucket(use: LimitUse, now: number): Bucket {
    const id = `${use.class} ${use.key}`;
    const known = this.#buckets.get(id);
    if (known && known.resetAt > now) return known;
    const bucket = { used: 0, resetAt: now + this.#rule(use.class).windowMs / this.#scale };
    this.#buckets.set(id, bucket);
    return bucket;
  }
}

function decide(name: string, rule: LimitRule, bucket: Bucket, now: number): LimitDecision {
  return {
    class: name,
    allowed: true,
    limit: rule.limit,
    used: bucket.used,
    remaining: Math.max(0, rule.limit - bucket.used),
    resetAt: bucket.resetAt,
    resetSeconds: Math.max(1, Math.ceil((bucket.resetAt - now) / 1000)),
  };
}
