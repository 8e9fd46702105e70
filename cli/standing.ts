// Where a run stands, from the engine's events: phase, secrets done and waiting, what it waits for, time left.
import type { EngineEvent, EventStep } from "./events.ts";
import { destinationOf, nameOf, secretOf } from "./inventory.ts";
import { about, callsByRollout } from "./limits.ts";

const idle = new Set(["same", "read", "refresh", "delete", "delete-replaced", "create-replacement"]);
/** What each step is to people, in the order of a rotation; a run is in the last phase that has a step under way. */
const phaseOrder = ["prechecks", "new values", "destinations", "restarts", "verification", "revocation"] as const;
type Phase = (typeof phaseOrder)[number];
/** What a restart takes where neither this run nor a table knows better. */
const usualSeconds = 120;

interface Step {
  secret: string;
  type: string;
  /** What it is waited for as: `restart of api`. */
  what: string;
  phase: Phase;
  began: number;
}

export class Standing {
  readonly #clock: () => number;
  readonly #open = new Map<string, Step>();
  readonly #rotating = new Set<string>();
  readonly #done = new Set<string>();
  /** Seconds that restarts took in this run, by type. */
  readonly #took = new Map<string, number[]>();
  readonly #restarted = new Set<string>();
  readonly #began: number;

  /** @param clock milliseconds */
  constructor(clock: () => number = Date.now) {
    this.#clock = clock;
    this.#began = clock();
  }

  see({ resourcePreEvent, resOutputsEvent, resOpFailedEvent }: EngineEvent): void {
    if (resourcePreEvent) this.#begin(resourcePreEvent.metadata);
    if (resOutputsEvent) this.#end(resOutputsEvent.metadata, true);
    if (resOpFailedEvent) this.#end(resOpFailedEvent.metadata, false);
  }

  #begin({ op, urn, type }: EventStep): void {
    const secret = secretOf(nameOf(urn));
    if (!secret || idle.has(op)) return;
    if (type === "rotation:index:Schedule" || type === "rotation:index:Precheck") this.#rotating.add(secret);
    const part = nameOf(urn).split("/").pop() ?? "";
    const known = stepOf(urn, type, part, secret);
    if (known) this.#open.set(urn, { ...known, secret, type, began: this.#clock() });
  }

  #end({ op, urn, type }: EventStep, good: boolean): void {
    const step = this.#open.get(urn);
    this.#open.delete(urn);
    const secret = secretOf(nameOf(urn));
    if (good && secret && !idle.has(op) && type === "rotation:index:Verification") this.#done.add(secret);
    if (!step || step.phase !== "restarts") return;
    this.#restarted.add(step.what);
    this.#took.set(type, [...(this.#took.get(type) ?? []), (this.#clock() - step.began) / 1000]);
  }

  /** Seconds that the steps under way are likely to take still; undefined while nothing slow is. */
  get secondsLeft(): number | undefined {
    const now = this.#clock();
    const slow = [...this.#open.values()].filter(({ phase }) => phase === "restarts");
    if (slow.length === 0) return undefined;
    return Math.max(...slow.map(({ type, began }) => Math.max(1, this.#usual(type) - (now - began) / 1000)));
  }

  #usual(type: string): number {
    const took = this.#took.get(type);
    if (took) return took.reduce((sum, each) => sum + each, 0) / took.length;
    const minutes = callsByRollout[type]?.minutes;
    return minutes === undefined ? usualSeconds : minutes * 60;
  }

  /**
   * One line: `1 min 12 s  restarts: 3 of 18 secrets done, about 2 min left, waiting for restart of api (40 s)`. Empty
   * before anything has begun.
   */
  line(): string {
    const open = [...this.#open.values()];
    const phase = phaseOrder.findLast((each) => open.some((step) => step.phase === each));
    const elapsed = clockOf((this.#clock() - this.#began) / 1000);
    const total = new Set([...this.#rotating, ...this.#done]).size;
    if (!phase)
      return total === 0 ? `${elapsed}  comparing with what is declared` : `${elapsed}  ${this.#count(total)}`;
    const left = this.secondsLeft;
    // A narrow terminal cuts the end off.
    const rest = left === undefined ? "" : `, ${about(left)} left`;
    return `${elapsed}  ${phase}: ${this.#count(total)}${rest}, waiting for ${this.#waits(open)}`;
  }

  #count(total: number): string {
    return total === 0 ? "nothing rotates" : `${this.#done.size} of ${total} secrets done`;
  }

  /** The oldest two, since they are what it hangs on. */
  #waits(open: Step[]): string {
    const oldest = new Map<string, number>();
    for (const { what, began } of open) oldest.set(what, Math.min(began, oldest.get(what) ?? began));
    const sorted = [...oldest].sort(([, a], [, b]) => a - b);
    const shown = sorted.slice(0, 2).map(([what, began]) => `${what} (${clockOf((this.#clock() - began) / 1000)})`);
    return shown.join(" and ") + (sorted.length > 2 ? ` and ${sorted.length - 2} more` : "");
  }
}

function stepOf(urn: string, type: string, part: string, secret: string): { what: string; phase: Phase } | undefined {
  if (type === "rotation:index:Precheck") return { what: `precheck of ${secret}`, phase: "prechecks" };
  if (type === "rotation:index:Verification") return { what: `proof of ${secret}`, phase: "verification" };
  if (type === "rotation:index:Revocation") return { what: `end of the previous ${secret}`, phase: "revocation" };
  if (part.startsWith("rollout-")) return { what: `restart of ${part.replace("rollout-", "")}`, phase: "restarts" };
  if (/^rotation:index:(Overlap|Credential|KeySet)$/.test(type)) return { what: `new ${secret}`, phase: "new values" };
  const destination = destinationOf({ urn, type, inputs: {} });
  if (!destination) return undefined;
  return { what: `${destination.replace(/:$/, "")} taking ${secret}`, phase: "destinations" };
}

/** `7 s`, `1 min 12 s`. */
function clockOf(seconds: number): string {
  const whole = Math.floor(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
