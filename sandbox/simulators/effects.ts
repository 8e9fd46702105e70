/** Something that changed at a vendor. Holds names only, never a value. */
export interface Effect {
  /** Position in the log, from 1; the order in which effects happened across all vendors that share the log. */
  readonly seq: number;
  /** RFC 3339, milliseconds. */
  readonly at: string;
  /** "github", "render", ... */
  readonly vendor: string;
  /** What happened, as `thing.verb`: "env-var.put", "deploy.live", "secret.delete", ... */
  readonly kind: string;
  /** To what: "srv-abc/JWT_SECRET". */
  readonly subject: string;
}

/** One ordered list of effects. Give the same log to several simulators, and it tells what happened before what. */
export class EffectLog {
  #effects: Effect[] = [];
  #seq = 0;
  readonly #listeners = new Set<(effect: Effect) => void>();

  record(vendor: string, kind: string, subject: string): Effect {
    const effect: Effect = { seq: ++this.#seq, at: new Date().toISOString(), vendor, kind, subject };
    this.#effects.push(effect);
    for (const listener of this.#listeners) listener(effect);
    return effect;
  }

  /** A copy, oldest first; of one vendor where `vendor` is given. */
  list(vendor?: string): Effect[] {
    return this.#effects.filter((effect) => vendor === undefined || effect.vendor === vendor);
  }

  /** As lines "vendor kind subject", for assertions on the order. */
  lines(): string[] {
    return this.#effects.map(({ vendor, kind, subject }) => `${vendor} ${kind} ${subject}`);
  }

  clear(): void {
    this.#effects = [];
  }

  /** Calls `listener` on every later effect. Returns the way to stop it. */
  subscribe(listener: (effect: Effect) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Resolves with the first effect, past or future, that `matches`.
   * @throws Error after `timeoutMs` (default 10 000) without one.
   */
  async waitFor(matches: (effect: Effect) => boolean, timeoutMs = 10_000): Promise<Effect> {
    const past = this.#effects.find(matches);
    if (past) return past;
    return new Promise((resolve, reject) => {
      const stop = this.subscribe((effect) => {
        if (!matches(effect)) return;
        clearTimeout(timer);
        stop();
        resolve(effect);
      });
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`no such effect within ${timeoutMs} ms; the log holds ${this.#effects.length} others`));
      }, timeoutMs);
    });
  }
}
