// Between the stack and every server: notes each call, and lets the fault that waits for it happen.
import { setTimeout as sleep } from "node:timers/promises";
import { nameOf, type Call, type Kind, type NamedCall } from "./calls.ts";

/** A fault that waits for its call. */
export interface Armed {
  /** As `nameOf` tells. */
  name: string;
  occurrence: number;
  /** Calls of that name that faults before it in the same run add, since they are asked again. @default none */
  behind?: number | undefined;
  kind: Kind;
}

/** Where a call comes from, so that the process behind it can be found. */
export interface Source {
  /** The caller's port, and ours, on 127.0.0.1. */
  remotePort: number;
  localPort: number;
}

export class Wire {
  /** The calls of the run at hand, in the order in which they came. */
  calls: NamedCall[] = [];
  /** What happened of what was armed. */
  fired: Armed[] = [];
  /** For a time-out: how long an answer is kept back before the connection ends, in milliseconds. */
  hangMs = 12_000;
  /** Within so long a consumer that was killed is there again, in milliseconds. */
  restartMs = 4_000;
  /** Ends processes; set by whoever runs the engine. */
  kill: (kind: Kind, source: Source) => Promise<void> = async () => undefined;
  /** Ends every process of those who use the secrets, and tells how many there were; set likewise. */
  killConsumers: () => number = () => 0;
  /** Told of every call as it arrives. */
  onCall: (call: NamedCall) => void | Promise<void> = () => undefined;
  /** Servers that take no connection at all, each with how many calls it has refused. */
  readonly #down = new Map<string, number>();
  #armed: Armed[] = [];
  #counts = new Map<string, number>();

  /** A new run: calls are counted from 1 again, and these faults wait. */
  begin(armed: readonly Armed[] = []): void {
    this.calls = [];
    this.fired = [];
    this.#armed = [...armed];
    this.#counts = new Map();
  }

  get waiting(): readonly Armed[] {
    return this.#armed;
  }

  /** Nothing waits any more. */
  disarm(): void {
    this.#armed = [];
  }

  /** From now on a server takes no connection. */
  takeDown(vendor: string): void {
    this.#down.set(vendor, 0);
  }

  /** It serves again. @returns how many calls it has refused meanwhile */
  bringUp(vendor: string): number {
    const refused = this.#down.get(vendor) ?? 0;
    this.#down.delete(vendor);
    return refused;
  }

  /** Asked by a server's proxy for each call. */
  refuses(vendor: string): boolean {
    const refused = this.#down.get(vendor);
    if (refused === undefined) return false;
    this.#down.set(vendor, refused + 1);
    return true;
  }

  /** Notes a call. @returns what is to happen to it */
  async meet(call: Call): Promise<Armed | undefined> {
    const name = nameOf(call);
    const occurrence = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, occurrence);
    const named = { ...call, occurrence };
    this.calls.push(named);
    await this.onCall(named);
    const index = this.#armed.findIndex(
      (armed) => armed.name === name && armed.occurrence + (armed.behind ?? 0) === occurrence,
    );
    return index < 0 ? undefined : this.#armed.splice(index, 1)[0];
  }

  /**
   * Kills consumers beside a call at its moment. Where none runs, since those before it have just been killed, it waits for
   * them; where none comes, it was not met.
   */
  async beside(armed: Armed | undefined, moment: "before" | "after"): Promise<void> {
    if (!armed?.kind.endsWith(moment)) return;
    const until = Date.now() + this.restartMs;
    let killed = this.killConsumers();
    while (killed === 0 && Date.now() < until) {
      await sleep(20);
      killed = this.killConsumers();
    }
    if (killed > 0) this.happened(armed);
  }

  /** A fault that could not happen here, like a stale read where nothing was written before. It counts as not met. */
  happened(armed: Armed): void {
    this.fired.push(armed);
  }
}

export const before = (kind: Kind): boolean => kind.endsWith(" before");
export const after = (kind: Kind): boolean => kind.endsWith(" after");
