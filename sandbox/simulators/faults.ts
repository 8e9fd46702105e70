/** Which requests a fault concerns. Without both fields: all of them. The control API itself is never concerned. */
export interface FaultMatch {
  /** HTTP method, upper case. */
  method?: string;
  /** Tested against the path with its query, as the vendor documents it (GitHub: without `/api/v3`, Render: without `/v1`). */
  path?: RegExp;
}

export type FaultKind =
  /** Answers this, without an effect. */
  | { kind: "status"; status: number; body?: unknown; headers?: Record<string, string> }
  /** Answers as the vendor does at its limit; `class` names one of its limits where the shape depends on it. */
  | { kind: "rate-limited"; resetSeconds: number; class?: string }
  /** Answers late. Goes together with a further fault on the same request. */
  | { kind: "slow"; ms: number }
  /** The effect happens, then the connection breaks before a single byte of the answer. */
  | { kind: "lost-reply" }
  /** The connection breaks before the effect. */
  | { kind: "drop-before" }
  /** The effect happens, half of the answer arrives, then the connection breaks. */
  | { kind: "half-body" }
  /** Reads see the state as it was `ms` ago: eventual consistency. Writes are not touched. */
  | { kind: "stale-read"; ms: number };

export type Fault = FaultKind & {
  match?: FaultMatch;
  /** How many requests it hits. @default 1, and unlimited for "slow" and "stale-read" */
  times?: number;
  /** How many matching requests it lets pass before the first hit. @default 0 */
  skip?: number;
};

/** A fault as JSON over the control API: `path` is the source of a regular expression. */
export type FaultJson = FaultKind & { match?: { method?: string; path?: string }; times?: number; skip?: number };

interface Entry {
  fault: Fault;
  left: number;
  skip: number;
}

const KINDS = ["status", "rate-limited", "slow", "lost-reply", "drop-before", "half-body", "stale-read"];

/** The faults of one simulator, tried in the order in which they were added. */
export class Faults {
  #entries: Entry[] = [];

  /** @throws Error for a kind that does not exist. */
  add(fault: Fault): void {
    if (!KINDS.includes(fault.kind)) {
      throw new Error(`no fault of kind ${JSON.stringify(fault.kind)}: use one of ${KINDS.join(", ")}`);
    }
    const unlimited = fault.kind === "slow" || fault.kind === "stale-read";
    this.#entries.push({ fault, left: fault.times ?? (unlimited ? Infinity : 1), skip: fault.skip ?? 0 });
  }

  /** Adds a fault that came as JSON. */
  addJson(json: FaultJson): void {
    const { match, ...rest } = json;
    const path = match?.path === undefined ? undefined : new RegExp(match.path);
    this.add({ ...rest, match: { method: match?.method?.toUpperCase(), path } });
  }

  clear(): void {
    this.#entries = [];
  }

  /** What is still armed, as JSON. */
  list(): { kind: string; method?: string; path?: string; left: number | "unlimited" }[] {
    return this.#entries.map(({ fault, left }) => ({
      kind: fault.kind,
      method: fault.match?.method,
      path: fault.match?.path?.source,
      left: left === Infinity ? "unlimited" : left,
    }));
  }

  /** Takes what hits this request: every delay and stale read, and at most one of the kinds that end it. */
  take(method: string, path: string): Fault[] {
    const hits: Fault[] = [];
    let ended = false;
    for (const entry of this.#entries) {
      const { fault } = entry;
      const additive = fault.kind === "slow" || fault.kind === "stale-read";
      if ((ended && !additive) || !concerns(fault, method, path)) continue;
      if (entry.skip > 0) {
        entry.skip--;
        continue;
      }
      entry.left--;
      ended ||= !additive;
      hits.push(fault);
    }
    this.#entries = this.#entries.filter((entry) => entry.left > 0);
    return hits;
  }
}

function concerns(fault: Fault, method: string, path: string): boolean {
  if (fault.kind === "stale-read" && method !== "GET") return false;
  if (fault.match?.method !== undefined && fault.match.method !== method) return false;
  // `search` ignores `lastIndex`, so that a pattern with the `g` flag hits every time.
  return fault.match?.path === undefined || path.search(fault.match.path) >= 0;
}
