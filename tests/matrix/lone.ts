// Every fault at every call that one issued credential makes at its own service, through rotation and revocation: the
// matrix without the engine, which takes a second where a run takes half a minute.
import assert from "node:assert/strict";
import { credentialKinds } from "../../provider/credentials/index.ts";
import type { CredentialKind, Issued } from "../../provider/credentials/kind.ts";
import { text } from "../../provider/resources/inputs.ts";
import { Settings } from "../../provider/settings.ts";
import { Secret, type Properties } from "../../provider/wire/values.ts";
import { apart, program } from "./apart.ts";
import { atProvider, cellsOf, type Cell, type Phase } from "./cells.ts";
import { endsRun, type Kind } from "./calls.ts";
import { holderOf, kill } from "./processes.ts";
import { runLone, type LoneRun, type LoneState } from "./lone-step.ts";
import type { Wire } from "./wire.ts";

export interface LoneOptions {
  kind: string;
  /** As the stack reaches the service: through the proxies. */
  args: Properties;
  settings: Record<string, string>;
  /** As consumers and checks reach it. */
  direct: { args: Properties; settings: Record<string, string> };
  /** How many credentials of this stack the service accepts. */
  live: () => Promise<number>;
  /** For how long a use counts at the service, milliseconds: the old credential is tried, then revoked. @default 0 */
  quietMs?: number;
  /** The service knows one value: nothing is left to revoke, and the old one is dead as soon as there is a new one. */
  cutOver?: boolean;
  /** What a person hands over before a rotation: settings of the kind, from then on. @param count 1 for the first */
  handOver?: (count: number) => Properties;
  /** What a person does before a revocation, where only a person can end one. */
  endByHand?: (old: string) => void;
  /** What must hold beside, once a rotation came right. @throws AssertionError */
  alsoHolds?: () => void;
  /** Leaves a service as it was before the slot that is written next was ever written. @default it is written again */
  forget?: (slot: string) => Promise<void>;
}

const child = program("lone-child.ts");
const mostRuns = 6;

/** How a cell ended: runs behind the fault until everything held. */
export interface LoneResult {
  cell: Cell;
  met: boolean;
  runs: number;
}

export class Lone {
  state: LoneState = {};
  readonly #wire: Wire;
  readonly #options: LoneOptions;
  readonly #kind: CredentialKind;
  #now = Date.parse("2027-03-01T03:00:00Z");
  #windows = 0;
  #handed: Properties = {};
  /** What was in use before the rotation at hand. */
  #before: Issued | undefined;

  constructor(wire: Wire, options: LoneOptions) {
    this.#wire = wire;
    this.#options = options;
    const settings = new Settings();
    settings.configure(secrets(options.direct.settings));
    const kind = credentialKinds(settings).get(options.kind);
    if (!kind) throw new Error(`there is no kind of credential "${options.kind}"`);
    this.#kind = kind;
    wire.kill = async (_kind, { remotePort, localPort }) => kill(holderOf(remotePort, localPort) ?? 0);
  }

  get generation(): number {
    return Number(this.state.credential?.outputs["generation"] ?? 0);
  }

  get #phases(): readonly Phase[] {
    return this.#options.cutOver ? ["rotation"] : ["rotation", "revocation"];
  }

  /** Creates the first credential, rotates once, then records a rotation and its revocation. @returns all cells */
  async record(): Promise<Cell[]> {
    await this.#run("rotation");
    for (const phase of this.#phases) await this.#run(phase);
    const cells: Cell[] = [];
    for (const phase of this.#phases) {
      await this.#run(phase);
      // Here nobody stands between the one that calls and the one that saves.
      cells.push(...cellsOf(phase, this.#wire.calls).filter(atProvider));
    }
    return cells;
  }

  /** Tries a cell, then runs without a fault, and checks everything. @throws AssertionError for what does not hold */
  async try(cell: Cell): Promise<LoneResult> {
    const before = this.generation;
    let result: LoneResult = { cell, met: false, runs: 0 };
    for (const phase of this.#phases) {
      const runs = await this.#settle(phase, phase === cell.phase ? [cell] : []);
      if (phase === cell.phase) result = { cell, ...runs };
      assert.equal(this.generation, before + 1, "one generation more");
      await this.#check(phase);
    }
    return result;
  }

  async #settle(phase: Phase, armed: Cell[]): Promise<{ met: boolean; runs: number }> {
    await this.#next(phase);
    let said = await this.#attempt(armed);
    const met = this.#wire.fired.length > 0;
    let runs = 0;
    while ((said !== undefined || !this.#done(phase)) && runs < mostRuns) {
      runs++;
      this.#now += 360_000;
      said = await this.#attempt([]);
    }
    assert.equal(said, undefined, `after ${runs} runs without a fault`);
    assert.ok(this.#done(phase), `${phase} is done after ${runs} runs`);
    return { met, runs };
  }

  #done(phase: Phase): boolean {
    return phase === "rotation" || this.state.revocation?.outputs["done"] === true;
  }

  async #run(phase: Phase): Promise<void> {
    await this.#next(phase);
    assert.equal(await this.#attempt([]), undefined, `${phase} without a fault`);
    assert.ok(this.#done(phase), `${phase} is done`);
  }

  async #next(phase: Phase): Promise<void> {
    if (phase === "revocation") await new Promise((resolve) => setTimeout(resolve, this.#options.quietMs ?? 0));
    this.#now += (phase === "rotation" ? 95 * 24 : 2) * 3_600_000;
    if (phase === "revocation") return this.#options.endByHand?.(this.#before?.value ?? "");
    const outputs = this.state.credential?.outputs;
    this.#before = outputs && { value: text(outputs, "current"), reference: text(outputs, "reference") };
    if (outputs) await this.#options.forget?.(text(outputs, "slot") === "a" ? "b" : "a");
    this.#windows++;
    this.#handed = this.#options.handOver?.(this.#windows) ?? {};
  }

  /** One run; in a process of its own where that is to be killed. @returns why it failed */
  async #attempt(armed: Cell[]): Promise<string | undefined> {
    const { kind, args, settings } = this.#options;
    const run: LoneRun = {
      ...{ kind, settings, args: { ...args, ...this.#handed } },
      now: new Date(this.#now).toISOString(),
      window: `w${this.#windows}`,
    };
    this.#wire.begin(armed);
    const save = (state: LoneState): void => void (this.state = state);
    const ran = armed.some(({ kind: fault }) => endsRun(fault))
      ? apart(child, run, this.state, save)
      : runLone(run, this.state, save).then(
          () => undefined,
          (error: Error) => error.message,
        );
    const said = await ran;
    this.#wire.disarm();
    return said;
  }

  /** The live one works, the one before does until it is revoked, and there is no third. */
  async #check(phase: Phase): Promise<void> {
    const outputs = this.state.credential?.outputs ?? {};
    const { cutOver, alsoHolds, live, direct } = this.#options;
    const args = { ...direct.args, ...this.#handed };
    await this.#kind.prove(args, { value: text(outputs, "current"), reference: text(outputs, "reference") });
    const old = this.#before;
    if (!old) throw new Error("there was nothing before the first credential");
    if (cutOver) await assert.rejects(this.#kind.prove(args, old), "the old one is dead");
    else if (phase === "rotation") await this.#kind.prove(args, old);
    else assert.equal(await this.#kind.valid(args, old.reference, old.value), false, "the old one is dead");
    const wanted = phase === "rotation" && !cutOver ? 2 : 1;
    assert.equal(await live(), wanted, `live at the service after ${phase}`);
    alsoHolds?.();
  }
}

function secrets(values: Record<string, string>): Properties {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, new Secret(value)]));
}

/** What came of all cells of one credential. */
export interface Tried {
  calls: number;
  cells: number;
  met: number;
  /** Of those that were met, by the runs that it took behind the fault. */
  same: number;
  next: number;
  later: number;
  /** Calls at which none of the chosen faults could happen. */
  unmet: string[];
}

/**
 * Tries cells of one credential: with MATRIX=all in the environment every one, else one at each call, and another one
 * where that could not happen there.
 * @param without faults that take too long for where this runs
 * @throws AssertionError that names the cell at which something does not hold
 */
export async function tryCells(lone: Lone, without: readonly Kind[] = []): Promise<Tried> {
  const all = process.env["MATRIX"] === "all";
  const cells = await lone.record();
  const idOf = ({ phase, name, occurrence }: Cell): string => `${phase}, ${name} #${occurrence}`;
  const calls = new Set(cells.map(idOf));
  const reached = new Set<string>();
  const tried: Tried = { calls: calls.size, cells: 0, met: 0, same: 0, next: 0, later: 0, unmet: [] };
  for (const cell of cells) {
    if (!all && (reached.has(idOf(cell)) || without.includes(cell.kind))) continue;
    const { met, runs } = await lone.try(cell).catch((error: unknown) => {
      throw new Error(`${idOf(cell)}: ${cell.kind}: ${(error as Error).message}`, { cause: error });
    });
    tried.cells++;
    if (!met) continue;
    reached.add(idOf(cell));
    tried.met++;
    tried[runs === 0 ? "same" : runs === 1 ? "next" : "later"]++;
  }
  tried.unmet = [...calls].filter((call) => !reached.has(call));
  return tried;
}

/** For people. */
export function tell({ calls, cells, met, same, next, later, unmet }: Tried): string {
  return (
    `${calls} calls, ${cells} cells, ${met} met: ${same} came right in the same run, ${next} in the next, ${later} later` +
    (unmet.length ? `; none at ${unmet.join(", ")}` : "")
  );
}
