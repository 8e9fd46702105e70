// Every fault at every call of one of IntelliFlow's flows, without the engine: each cell is tried in a rotation of its
// own, the process that makes the call is really killed, and what consumers see is looked at after each run.
import assert from "node:assert/strict";
import type { Properties } from "../../provider/wire/values.ts";
import { apart, program } from "./apart.ts";
import { atProvider, cellsOf, distinct, type Cell, type Phase } from "./cells.ts";
import { endsRun, kinds, type Kind, type NamedCall } from "./calls.ts";
import { runFlow, type FlowName, type FlowRun, type FlowState } from "./flows.ts";
import { holderOf, kill } from "./processes.ts";
import type { Wire } from "./wire.ts";

/** What a flow looks like from outside. */
export interface FlowOptions {
  flow: FlowName;
  /** As the stack reaches the services: through the proxies. */
  args: Properties;
  settings: Record<string, string>;
  /** Parts that are tried. The first run is tried on a subject of its own each time. */
  phases: readonly Phase[];
  /** For how long a use counts at the service, milliseconds. @default 0 */
  quietMs?: number;
  /** Whether a part has come to its end; it may take several runs. */
  done: (phase: Phase, state: FlowState) => boolean;
  /** What must hold at every moment, also after a run that failed. @throws AssertionError */
  always: (phase: Phase, about: Moment) => Promise<void>;
  /** What must hold once a part has come to its end. @throws AssertionError */
  atEnd: (phase: Phase, about: Moment) => Promise<void>;
}

/** Where a cell stands. */
export interface Moment {
  subject: string;
  state: FlowState;
  now: Date;
  window: string;
}

const child = program("flow-child.ts");
const mostRuns = 10;
const hours: Record<Phase, number> = { "first run": 1, rotation: 95 * 24, "follow-up": 1, revocation: 2 };

interface Result {
  cell: Cell;
  met: boolean;
  /** Beyond those that it takes without a fault. */
  runs: number;
}

export class Flow {
  state: FlowState = {};
  readonly #wire: Wire;
  readonly #options: FlowOptions;
  /** Runs that a part takes without a fault. */
  readonly #usual = new Map<Phase, number>();
  #now = Date.parse("2027-03-01T03:00:00Z");
  #windows = 0;
  #subjects = 0;
  /** Calls of the part at hand, over all of its runs. */
  #calls: NamedCall[] = [];

  constructor(wire: Wire, options: FlowOptions) {
    this.#wire = wire;
    this.#options = options;
    wire.kill = async (_kind, { remotePort, localPort }) => kill(holderOf(remotePort, localPort) ?? 0);
  }

  /** Goes through everything, once to settle and once to record. @returns all cells; those of the first run last */
  async record(): Promise<Cell[]> {
    const { phases } = this.#options;
    const later = phases.filter((phase) => phase !== "first run");
    const first = await this.#record("first run");
    for (const phase of later) await this.#settle(phase);
    const cells: Cell[] = [];
    for (const phase of later) cells.push(...(await this.#record(phase)));
    return phases.includes("first run") ? [...cells, ...first] : cells;
  }

  async #record(phase: Phase): Promise<Cell[]> {
    const { runs } = await this.#settle(phase);
    this.#usual.set(phase, runs);
    // Here nobody stands between the one that calls and the one that saves.
    return cellsOf(phase, distinct(this.#calls)).filter(atProvider);
  }

  /** Tries a cell, then runs without a fault until all has come right. @throws AssertionError for what does not hold */
  async try(cell: Cell): Promise<Result> {
    if (cell.phase === "first run") return { cell, ...(await this.#settle("first run", cell)) };
    let result: Result = { cell, met: false, runs: 0 };
    for (const phase of this.#options.phases) {
      if (phase === "first run") continue;
      const settled = await this.#settle(phase, phase === cell.phase ? cell : undefined);
      if (phase === cell.phase) result = { cell, ...settled };
    }
    return result;
  }

  async #settle(phase: Phase, cell?: Cell): Promise<{ met: boolean; runs: number }> {
    if (phase === "first run") {
      this.#subjects++;
      this.state = {};
    }
    if (phase === "revocation") await new Promise((resolve) => setTimeout(resolve, this.#options.quietMs ?? 0));
    if (phase !== "revocation") this.#windows++;
    this.#now += hours[phase] * 3_600_000;
    this.#calls = [];
    let [met, runs] = [false, 0];
    let said: string | undefined;
    do {
      if (runs++ > 0) this.#now += 360_000;
      said = await this.#attempt(cell && !met ? [cell] : []);
      met ||= this.#wire.fired.length > 0;
      await this.#options.always(phase, this.#moment);
    } while ((said !== undefined || !this.#options.done(phase, this.state)) && runs < mostRuns);
    assert.equal(said, undefined, `after ${runs} runs`);
    assert.ok(this.#options.done(phase, this.state), `${phase} is done after ${runs} runs`);
    await this.#options.atEnd(phase, this.#moment);
    return { met, runs: Math.max(0, runs - (this.#usual.get(phase) ?? 0)) };
  }

  get #moment(): Moment {
    return { subject: this.#subject, state: this.state, now: new Date(this.#now), window: `w${this.#windows}` };
  }

  get #subject(): string {
    return String(this.#subjects).padStart(10, "0");
  }

  /** One run; in a process of its own where that is to be killed. @returns why it failed */
  async #attempt(armed: Cell[]): Promise<string | undefined> {
    const { flow, args, settings } = this.#options;
    const { now, window } = this.#moment;
    const run: FlowRun = { flow, args, settings, window, now: now.toISOString(), subject: this.#subject };
    this.#wire.begin(armed);
    const save = (state: FlowState): void => void (this.state = state);
    const said = await (armed.some(({ kind }) => endsRun(kind))
      ? apart(child, run, this.state, save)
      : runFlow(run, this.state, save).then(
          () => undefined,
          (error: Error) => error.message,
        ));
    this.#wire.disarm();
    this.#calls.push(...this.#wire.calls);
    return said;
  }
}

/**
 * Tries cells of a flow: with MATRIX=all in the environment every one, else one at each call.
 * @param sampled calls that are tried when not all are
 * @param whole calls of which every fault is tried even then
 * @returns what came of them, for people
 * @throws AssertionError that names the cell at which something does not hold
 */
export async function tryFlow(
  flow: Flow,
  sampled: (cell: Cell) => boolean,
  whole: (cell: Cell) => boolean = () => false,
): Promise<string> {
  const cells = await flow.record();
  const all = process.env["MATRIX"] === "all";
  const idOf = ({ phase, name, occurrence }: Cell): string => `${phase}, ${name} #${occurrence}`;
  const seen = new Set<string>();
  const chosen = cells.filter((cell) => {
    const another = seen.has(idOf(cell)) && !whole(cell);
    if (!all && (another || cell.kind === "time-out" || !sampled(cell))) return false;
    seen.add(idOf(cell));
    return true;
  });
  assert.ok(chosen.length >= 3, `only ${chosen.length} of ${cells.length} cells`);
  const results: Result[] = [];
  for (const cell of chosen)
    results.push(
      await flow.try(cell).catch((error: unknown) => {
        throw new Error(`${idOf(cell)}: ${cell.kind}: ${(error as Error).message}`, { cause: error });
      }),
    );
  return `${chosen.length} cells at ${seen.size} calls, ${table(results)}`;
}

function table(results: Result[]): string {
  const lines = kinds.flatMap((kind: Kind) => {
    const of = results.filter(({ cell }) => cell.kind === kind);
    if (!of.length) return [];
    const met = of.filter(({ met }) => met);
    const count = (test: (runs: number) => boolean): number => met.filter(({ runs }) => test(runs)).length;
    return [
      `      ${kind.padEnd(22)} ${met.length} of ${of.length} met: ${count((n) => n === 0)} came right in the same run, ${count((n) => n === 1)} in the next, ${count((n) => n > 1)} later`,
    ];
  });
  return `${results.filter(({ met }) => met).length} met\n${lines.join("\n")}`;
}

/** Whether the call changes something, by its name. */
export function changes({ name }: Cell): boolean {
  return /^\S+ (POST|PUT|PATCH|DELETE) |^postgres (?!select|connect)/i.test(name);
}
