// The matrix as a whole: records, plans, tries batch after batch in one world for as long as that is sound, and keeps
// what came of each cell.
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, dueAt, generationsOf, type Attempt, type Outcome } from "./batch.ts";
import { cellsOf, distinct, inOneRun, phases, round, takeBatch } from "./cells.ts";
import type { BatchLimits, Cell, Phase, Recording } from "./cells.ts";
import type { UnderTest } from "./applications/under-test.ts";
import { kinds, nameOf } from "./calls.ts";
import { Field } from "./field.ts";
import { cellInWords, isRight, linesOf, notMet, notRight, type CellName, type Kept, type Result } from "./results.ts";

export interface MatrixOptions extends BatchLimits {
  /** Whose rotation is disturbed. */
  of: UnderTest;
  program: string | undefined;
  phases: readonly Phase[];
  /** Only cells whose name, `<phase> <call> <kind>`, matches. */
  only: RegExp;
  /** Rounds: how many kinds of each call are tried. @default all */
  rounds?: number;
  /** Whether both calls of a name are tried in one run. @default each in another one */
  inOneRun?: boolean;
  /** Cells that need no further try, as `cellInWords` tells. @default none */
  right?: ReadonlySet<string>;
  /** No batch begins after this moment, milliseconds since the epoch. */
  until: number;
  /** Where results and failures are written. */
  out: string;
  log: (line: string) => void;
}

/** How often a cell is tried whose call does not come. */
const tries = 2;

export class Matrix {
  readonly results: Result[] = [];
  readonly missed: Cell[] = [];
  /** What was to last for a whole run, and could not be tried. */
  readonly untried: string[] = [];
  readonly recordings: Recording[] = [];
  worlds = 0;
  runs = 0;
  requests = 0;
  values = 0;
  readonly #options: MatrixOptions;
  readonly #waiting = new Map<Phase, Cell[]>();
  readonly #at = new Date().toISOString();
  readonly #name = `results-${randomUUID().slice(0, 8)}.json`;
  #groups = 0;
  #field: Field | undefined;
  #abandoned = false;

  constructor(options: MatrixOptions) {
    this.#options = options;
    mkdirSync(join(options.out, "failures"), { recursive: true });
  }

  get of(): UnderTest {
    return this.#options.of;
  }

  get waiting(): number {
    return [...this.#waiting.values()].reduce((sum, cells) => sum + cells.length, 0);
  }

  /** A new world; nothing has been run in it. */
  async fresh(): Promise<Field> {
    await this.close();
    const field = await Field.start({ of: this.of, program: this.#options.program });
    this.worlds++;
    field.onRun = () => void this.runs++;
    this.#field = field;
    return field;
  }

  /** The world at hand; a new one has been through everything that comes before the phase. */
  async current(phase: Phase = "rotation"): Promise<Field> {
    if (this.#field) return this.#field;
    const field = await this.fresh();
    await this.pass(field, "first run");
    await this.settle(field);
    for (const earlier of round.slice(0, round.indexOf(phase))) await this.pass(field, earlier);
    return field;
  }

  /** Makes ready for a phase. @returns when it begins, RFC 3339, where the one before it has just ended */
  async #prepare(field: Field, phase: Phase): Promise<string> {
    const { days, followsAfterHours, endsAfterHours } = this.of;
    const { world } = field;
    if (phase === "first run") return world.now;
    await field.users.arrive();
    if (phase === "revocation") await quiet();
    if (phase === "rotation") return world.later(days);
    return world.later(0, phase === "follow-up" ? followsAfterHours : endsAfterHours);
  }

  /** Makes ready for a phase in which something will go wrong. @returns what an attempt in it begins with */
  async begin(field: Field, phase: Phase): Promise<Omit<Attempt, "cells">> {
    const now = await this.#prepare(field, phase);
    const waits = (secret: string): boolean => phase === "rotation" && (this.of.waits?.test(secret) ?? false);
    const due = phase === "first run" ? new Set<string>() : dueAt(field, now, waits);
    return { now, due, before: generationsOf(field), ends: phase === "revocation" };
  }

  /** Goes through a phase without a fault. */
  async pass(field: Field, phase: Phase): Promise<void> {
    const now = await this.#prepare(field, phase);
    const run = await field.run([], [], { now });
    if (run.code !== 0) throw new Error(`the ${phase} failed without any fault:\n${run.output}`);
    field.world.now = now;
  }

  /** What a first run leaves for the next run. */
  async settle(field: Field): Promise<void> {
    await this.pass(field, "follow-up");
  }

  async close(): Promise<void> {
    this.requests += this.#field?.users.requests ?? 0;
    this.values += this.#field?.world.gate.count ?? 0;
    await this.#field?.stop();
    this.#field = undefined;
  }

  /** Keeps what is known, and takes the world away under whatever goes on in it: what comes of that is not kept. */
  async abandon(): Promise<void> {
    this.write();
    this.#abandoned = true;
    await this.close();
  }

  /** Goes once through everything without a fault, and plans the cells. */
  async record(): Promise<void> {
    const field = await this.fresh();
    for (const phase of phases) {
      await this.pass(field, phase);
      this.recordings.push({ phase, calls: [...field.wire.calls] });
      if (phase === "first run") await this.settle(field);
    }
    for (const phase of this.#options.phases) {
      const calls = this.recordings.find((recording) => recording.phase === phase)?.calls ?? [];
      const { only, rounds = kinds.length } = this.#options;
      const all = cellsOf(phase, calls).filter((cell) => only.test(`${phase} ${cell.name} ${cell.kind}`));
      const cells = this.#options.inOneRun ? inOneRun(all) : all;
      const perCall = new Map<string, number>();
      const planned = cells.filter(({ name, occurrence }) => {
        const id = `${name} #${occurrence}`;
        perCall.set(id, (perCall.get(id) ?? 0) + 1);
        return (perCall.get(id) ?? 0) <= rounds;
      });
      const waiting = planned.filter((cell) => !this.#options.right?.has(cellInWords(this.#of(cell))));
      this.#waiting.set(phase, waiting);
      const before = waiting.length < planned.length ? `, ${waiting.length} of them to be tried` : "";
      this.#options.log(`${phase}: ${distinct(calls).length} calls, ${planned.length} cells${before}`);
    }
  }

  /** What makes a cell this one and no other. */
  #of({ phase, name, occurrence, kind }: Cell): CellName {
    return { application: this.of.application, phase, call: `${name} #${occurrence}`, kind };
  }

  /** Tries what waits until nothing does, or time is up. */
  async go(): Promise<void> {
    const { until, log } = this.#options;
    const left = (phase: Phase): boolean => (this.#waiting.get(phase)?.length ?? 0) > 0;
    while (this.waiting > 0 && Date.now() < until) {
      // Behind the last cell of a round there is nothing to make ready for.
      for (const phase of round) if (round.some(left)) await (left(phase) ? this.#batch(phase) : this.#through(phase));
      if (left("first run")) {
        await this.#batch("first run");
        // The next rotation is to find what it finds behind any other.
        if (round.some(left)) await this.settle(await this.current());
      }
      this.write();
      log(`${this.results.length} cells tried, ${this.waiting} wait, ${this.missed.length} were not met`);
    }
  }

  async #batch(phase: Phase): Promise<void> {
    const cells = takeBatch(this.#waiting.get(phase) ?? [], this.#options);
    const field = phase === "first run" ? await this.fresh() : await this.current(phase);
    const outcome = await attempt(field, { cells, ...(await this.begin(field, phase)) });
    await this.keep(phase, cells, outcome);
  }

  /** Goes through a phase in which nothing waits, so that the next one finds what it found when it was recorded. */
  async #through(phase: Phase): Promise<void> {
    const { log } = this.#options;
    const field = await this.current(phase);
    field.users.take();
    try {
      await this.pass(field, phase);
      const refused = [...new Set(field.users.take())];
      if (refused.length) log(`${phase}, without a fault: NOT WELL: ${refused.slice(0, 3).join("; ")}`);
    } catch (error) {
      log(`${phase}: NOT WELL: ${(error as Error).message}`);
      await this.close();
    }
  }

  /** Notes what came of a batch, and puts back what was not met, and in halves what did not come right together. */
  async keep(phase: Phase, cells: readonly Cell[], outcome: Outcome): Promise<void> {
    const { log, out } = this.#options;
    const { met, missed, runs, problems, mended, refused, leaked, seconds, broken, said } = outcome;
    const bad = !isRight(outcome);
    log(
      `${phase}: ${met.length} of ${cells.length} met, ${broken} runs with faults, ${runs ?? "never"} after, ${seconds.toFixed(0)} s` +
        (mended.length ? `; mended by a further run: ${mended.join("; ")}` : "") +
        (bad ? `; NOT WELL: ${[...problems, ...refused.slice(0, 3), ...leaked.slice(0, 3)].join("; ")}` : ""),
    );
    if (bad || mended.length) {
      const what = cells.map(({ name, occurrence, kind }) => `${name} #${occurrence}: ${kind}`).join("\n");
      const text = [what, ...problems, ...mended, ...refused, ...leaked, said].join("\n\n");
      writeFileSync(join(out, "failures", `${this.results.length}-${phase.replace(" ", "-")}.txt`), text);
    }
    const queue = this.#waiting.get(phase);
    for (const cell of missed)
      if (++cell.misses < tries) queue?.push({ ...cell, behind: undefined });
      else this.missed.push(cell);
    if (bad && met.length > 1) queue?.unshift(...this.#halves(met));
    else
      for (const cell of met)
        this.results.push({
          ...this.#of(cell),
          ...{ runs: runs ?? null, problems: [...problems, ...mended], refused, leaked },
        });
    // What did not come right would be held against the cells after it.
    if (runs === undefined || leaked.length) await this.close();
  }

  #halves(cells: readonly Cell[]): Cell[] {
    const middle = Math.ceil(cells.length / 2);
    return [cells.slice(0, middle), cells.slice(middle)].flatMap((half) => {
      const group = ++this.#groups;
      return half.map((cell) => ({ ...cell, group }));
    });
  }

  /** Tries one thing that lasts for a whole run. */
  async whole(what: string, work: () => Promise<Outcome>): Promise<void> {
    const { log, out } = this.#options;
    let outcome: Outcome;
    try {
      outcome = await work();
    } catch (error) {
      const { message, cause } = error as Error;
      log(`${what}: could not be tried: ${message}${cause instanceof Error ? `: ${cause.message}` : ""}`);
      this.untried.push(what);
      await this.close();
      return;
    }
    const { runs, problems, mended, refused, leaked, seconds, said } = outcome;
    const bad = !isRight(outcome);
    const troubles = [...problems, ...mended, ...refused.slice(0, 3), ...leaked.slice(0, 3)];
    log(
      `${what}: ${runs ?? "never"} after, ${seconds.toFixed(0)} s${troubles.length ? `; ${troubles.join("; ")}` : ""}`,
    );
    if (bad || mended.length) {
      const name = `whole-${what.replaceAll(/\W+/g, "-")}.txt`;
      writeFileSync(
        join(out, "failures", name),
        [what, ...problems, ...mended, ...refused, ...leaked, said].join("\n\n"),
      );
    }
    this.results.push({
      application: this.of.application,
      ...{ phase: "whole run", call: what, kind: "whole run", runs: runs ?? null },
      ...{ problems: [...problems, ...mended], refused, leaked },
    });
    this.write();
    if (runs === undefined || leaked.length) await this.close();
  }

  write(): string {
    const { out, program } = this.#options;
    const { worlds, runs } = this;
    const { application } = this.of;
    const signs = new Map(this.missed.map((cell) => [cellInWords(this.#of(cell)), notMet]));
    for (const result of this.results) signs.set(cellInWords(result), isRight(result) ? `${result.runs}` : notRight);
    const kept: Kept = {
      application,
      at: this.#at,
      program: program ?? "",
      ...{ worlds, runs },
      requests: this.requests + (this.#field?.users.requests ?? 0),
      values: this.values + (this.#field?.world.gate.count ?? 0),
      planned: {},
      cells: {},
      whole: this.results.filter(({ phase }) => phase === "whole run"),
      troubles: this.results.filter((result) => result.phase !== "whole run" && !isRight(result)),
    };
    for (const { phase, calls } of this.recordings) {
      const names = distinct(calls).map((call) => `${nameOf(call)} #${call.occurrence}`);
      kept.planned[phase] = cellsOf(phase, calls).length;
      kept.cells[phase] = linesOf({ application, phase }, names, signs);
    }
    const file = join(out, this.#name);
    if (!this.#abandoned) writeFileSync(file, `${JSON.stringify(kept, null, 1)}\n`);
    return file;
  }
}

/** In the sandbox a credential counts as used for two seconds. */
export async function quiet(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2500));
}
