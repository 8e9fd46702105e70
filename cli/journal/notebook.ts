// The journal of a run as it lies in a backend, beside the states: an object that says which state it goes on from, and one
// for each batch of entries. It is there while a run lasts, and after one that died.
import { createHash, randomUUID } from "node:crypto";
import type { Store } from "../backends/store.ts";
import type { Entry } from "./entries.ts";

interface Head {
  version: 1;
  /** SHA-256 of the bytes of the state with which the run began, hex; "" for a stack that had none. */
  state: string;
  /** Version of the engine, like "3.259.0". */
  cli: string;
}

/** What a run that died has left. */
export interface Left {
  /** Of the run's objects, with a slash at the end. */
  prefix: string;
  head: Head | undefined;
  entries: Entry[];
}

export function journalFolder(project: string, stack: string): string {
  return `.pulumi/secret-rotation/${project}/${stack}.journal/`;
}

/** Entries as the engine sends them, unpacked when they are asked for: packed they are a third, and all of a run's are held. */
export type Batch = () => Buffer;

export class Notebook {
  readonly #store: Store;
  readonly prefix: string;
  readonly #batches: Batch[] = [];
  readonly #writing = new Set<Promise<void>>();

  private constructor(store: Store, prefix: string) {
    this.#store = store;
    this.prefix = prefix;
  }

  /** @throws Error when the store cannot be written */
  static async begin(store: Store, folder: string, head: Omit<Head, "version">): Promise<Notebook> {
    const book = new Notebook(store, `${folder}${randomUUID()}/`);
    await store.write(`${book.prefix}head.json`, JSON.stringify({ version: 1, ...head }));
    return book;
  }

  /** Returns once the batch is kept. @throws Error when the store cannot be written */
  async add(batch: Batch): Promise<void> {
    const number = this.#batches.push(batch);
    const writing = this.#store.write(`${this.prefix}${String(number).padStart(8, "0")}.json`, batch());
    this.#writing.add(writing);
    await writing.finally(() => this.#writing.delete(writing));
  }

  /** Everything that was added, kept or not. @throws Error when it is no JSON */
  get entries(): Entry[] {
    return this.#batches.flatMap((batch) => entriesIn(batch()));
  }

  /** Takes the journal away: the state has it all. */
  async end(): Promise<void> {
    // What an engine that was killed had just sent would come back otherwise.
    await Promise.allSettled(this.#writing);
    await this.#store.removeAll(this.prefix);
  }
}

/** @throws Error when the store cannot be read */
export async function left(store: Store, folder: string): Promise<Left[]> {
  const keys = await store.list(folder);
  const prefixes = [...new Set(keys.map((key) => key.slice(0, key.lastIndexOf("/") + 1)))];
  return Promise.all(
    prefixes.map(async (prefix) => {
      const batches = keys.filter((key) => key.startsWith(prefix) && /\/\d{8}\.json$/.test(key)).sort();
      const head = await parsed<Head>(store, `${prefix}head.json`);
      const entries = await Promise.all(batches.map((key) => store.read(key)));
      return {
        prefix,
        head: head?.version === 1 ? head : undefined,
        entries: entries.flatMap((each) => (each ? entriesIn(each) : [])),
      };
    }),
  );
}

/** What a head says of a state. */
export function hashOf(bytes: Buffer | undefined): string {
  return bytes ? createHash("sha256").update(bytes).digest("hex") : "";
}

/** As the engine sends them (apitype.JournalEntries). */
function entriesIn(batch: Buffer): Entry[] {
  return (JSON.parse(batch.toString("utf8")) as { entries: Entry[] }).entries;
}

async function parsed<T>(store: Store, key: string): Promise<T | undefined> {
  const bytes = await store.read(key);
  return bytes && (JSON.parse(bytes.toString("utf8")) as T);
}
