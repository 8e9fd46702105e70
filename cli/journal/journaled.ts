// One run of the engine on a stack whose state lies in files, on S3 or on Postgres. There Pulumi itself writes the whole
// state twice for each resource that changes, so that the cost of a run grows with the square of its stack's size. What it
// says to Pulumi Cloud is a journal: a few kB before and after each step, and the state is put together from it. So the
// engine is given a Pulumi Cloud of its own (service.ts) for the time of one run, and this is what stands behind it: lock,
// journal and state, all of them in the stack's own backend and in Pulumi's own layout.
import { readCheckpoint, writeCheckpoint, writeHistory, type Checkpoint, type Update } from "../backends/checkpoint.ts";
import type { Store } from "../backends/store.ts";
import type { Typed } from "./entries.ts";
import { lock } from "./lock.ts";
import { hashOf, journalFolder, left, Notebook, type Batch } from "./notebook.ts";
import { replay } from "./replay.ts";

export interface Place {
  store: Store;
  project: string;
  stack: string;
}

/** The state of a stack as a run would find it: with what runs that died have left in their journals. */
export async function standing(place: Place): Promise<{ before: Checkpoint; typed: Typed | undefined } | undefined> {
  const { store, project, stack } = place;
  const before = await readCheckpoint(store, project, stack);
  if (!before) return undefined;
  const journals = await left(store, journalFolder(project, stack));
  const journal = journals.find(({ head, entries }) => entries.length > 0 && head?.state === hashOf(before.bytes));
  const typed = journal ? replay(before.typed, journal.entries, journal.head?.cli ?? "", new Date()) : before.typed;
  return { before, typed };
}

/** A run from the moment at which it has its lock. */
export class Journaled {
  readonly #place: Place;
  readonly #lock: string;
  readonly #before: Checkpoint;
  readonly #book: Notebook;
  readonly #cli: string;
  #ending: Promise<void> | undefined;

  private constructor(place: Place, key: string, before: Checkpoint, book: Notebook, cli: string) {
    [this.#place, this.#lock, this.#before, this.#book, this.#cli] = [place, key, before, book, cli];
  }

  /**
   * Takes the lock, and puts what a run that died has left in its journal into the state before anything else begins.
   * @param pid of the engine
   * @param cli its version
   * @throws Locked; Error when the backend cannot be read or written
   */
  static async begin(place: Place, pid: number, cli: string): Promise<Journaled> {
    const { store, project, stack } = place;
    const key = await lock(store, project, stack, pid);
    try {
      const folder = journalFolder(project, stack);
      const journals = await left(store, folder);
      const found = await standing(place);
      if (!found) throw new Error(`there is no state of ${project}/${stack}`);
      const { typed } = found;
      let { before } = found;
      // A journal of another state is of one that has been written since: by that run's own end, or by hand.
      if (typed && typed !== before.typed) before = await writeCheckpoint(store, { project, stack, before }, typed);
      for (const { prefix } of journals) await store.removeAll(prefix);
      const book = await Notebook.begin(store, folder, { state: hashOf(before.bytes), cli });
      return new Journaled(place, key, before, book, cli);
    } catch (error) {
      await store.remove(key);
      throw error;
    }
  }

  /** The state with which it began. */
  get typed(): Typed | undefined {
    return this.#before.typed;
  }

  /** Returns once the batch is kept. @throws Error when the backend cannot be written */
  add(batch: Batch): Promise<void> {
    return this.#book.add(batch);
  }

  /**
   * Puts the state together, writes it, and gives the lock back. A second call waits for the first, or tries again what
   * failed.
   * @throws Error when the backend cannot be written: journal and lock stay, and the next run goes on from there
   */
  async end(update: Update): Promise<void> {
    this.#ending ??= this.#end(update);
    try {
      await this.#ending;
    } catch (error) {
      this.#ending = undefined;
      throw error;
    }
  }

  async #end(update: Update): Promise<void> {
    const { store, project, stack } = this.#place;
    const before = this.#before;
    const { entries } = this.#book;
    const typed = replay(before.typed, entries, this.#cli, new Date());
    const after = entries.length > 0 ? await writeCheckpoint(store, { project, stack, before }, typed) : before;
    await writeHistory(store, { project, stack, after }, update);
    await this.#book.end();
    await store.remove(this.#lock);
  }
}
