import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** How many past states are kept for stale reads. */
const HISTORY = 64;

/**
 * A vendor's own storage: JSON state in memory, written to a file at every change.
 * The file holds the values that a vendor would hold, so only its owner may read it.
 */
export class Store<State extends object> {
  readonly #initial: () => State;
  readonly #file: string | undefined;
  #current: State;
  #history: { at: number; json: string }[];

  /** `file` continues where it stands; without a file, or where it does not exist yet, `initial` begins. */
  constructor(initial: () => State, file?: string) {
    this.#initial = initial;
    this.#file = file;
    const json = file !== undefined && existsSync(file) ? readFileSync(file, "utf8") : JSON.stringify(initial());
    this.#current = JSON.parse(json) as State;
    this.#history = [{ at: 0, json }];
    this.#persist(json);
  }

  /** The state now. To be read only: changes go through `change`. */
  get current(): Readonly<State> {
    return this.#current;
  }

  /** Changes a draft of the state; where `mutate` throws, nothing has changed. Synchronous, so changes never interleave. */
  change<Result>(mutate: (draft: State) => Result): Result {
    const draft = structuredClone(this.#current);
    const result = mutate(draft);
    const json = JSON.stringify(draft);
    this.#persist(json);
    this.#current = draft;
    this.#history = [...this.#history, { at: Date.now(), json }].slice(-HISTORY);
    return result;
  }

  /** The state as it was at `time` (milliseconds since the epoch). */
  asOf(time: number): Readonly<State> {
    const past = this.#history.findLast((entry) => entry.at <= time) ?? this.#history[0];
    return past ? (JSON.parse(past.json) as State) : this.#current;
  }

  /** Back to the initial state. */
  reset(): void {
    const json = JSON.stringify(this.#initial());
    this.#persist(json);
    this.#current = JSON.parse(json) as State;
    this.#history = [{ at: 0, json }];
  }

  #persist(json: string): void {
    if (this.#file === undefined) return;
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
    const draft = `${this.#file}.${process.pid}.new`;
    writeFileSync(draft, json, { mode: 0o600 });
    chmodSync(draft, 0o600);
    renameSync(draft, this.#file);
  }
}
