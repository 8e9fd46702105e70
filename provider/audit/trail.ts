// Writes the audit trail: one queue in each process, several processes at once by the store's compare-and-set.
//
// Nothing with an effect begins while the trail cannot be written (`ready`). When it goes away in the middle of a step,
// the step's effect stands and must not be lost or repeated: what it has to say is handed back, kept with the resource
// in the stack's state, and recorded by the next run (`settle`, `pay`). Nothing else begins while the trail is away.
import { idOf, link, type Happened } from "./chain.ts";
import type { AuditEntry, AuditRun } from "./record.ts";
import type { OpenTrail } from "./store.ts";

/** What a resource keeps of its last step's record: where it stands, or all of it while it is not recorded. */
export interface Receipt {
  /** `<seq>:<hash>`; also tells later that a tail was cut off. */
  audited?: string;
  /** JSON of steps that are still to be recorded. */
  unaudited?: string;
}

interface Waiting {
  step: Happened;
  done: (receipt: string) => void;
  failed: (error: Error) => void;
}

/** How often two runs may be faster in turn. */
const tries = 100;

export class Trail {
  readonly #trail: OpenTrail;
  readonly #run: AuditRun;
  readonly #clock: () => Date;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #opened: Promise<unknown> | undefined;
  /** What could not be written; a writer that can write again begins with it. */
  #owed: Happened[] = [];

  /** @param clock what records are dated by */
  constructor(trail: OpenTrail, run: AuditRun, clock: () => Date) {
    this.#trail = trail;
    this.#run = run;
    this.#clock = clock;
  }

  /** Resolves when a step may begin. @throws Error that says why the trail cannot be written */
  async ready(): Promise<void> {
    this.#opened ??= this.#open();
    try {
      await this.#opened;
    } catch (error) {
      this.#opened = undefined;
      throw new Error(
        `The audit trail (${this.#trail.store.place}) cannot be written, so this step has not begun and nothing was changed: ${(error as Error).message} Mend that and run again.`,
        { cause: error },
      );
    }
  }

  async #open(): Promise<void> {
    const { store, signer } = this.#trail;
    await store.head();
    await store.writable?.();
    await signer.sign(["0".repeat(64)]);
    const owed = this.#owed.splice(0);
    try {
      await this.#append(owed.map((step) => ({ ...step, late: true })));
    } catch (error) {
      this.#owed.unshift(...owed);
      throw error;
    }
  }

  /** @throws Error when it is not recorded */
  async record(entries: AuditEntry[]): Promise<string | undefined> {
    const at = this.#clock().toISOString();
    return this.#append(entries.map((entry) => ({ ...entry, at, run: this.#run })));
  }

  /** Records what a step did. It has happened, so this does not fail: what cannot be recorded comes back as a debt. */
  async settle(entries: AuditEntry[], warn: (message: string) => void): Promise<Receipt> {
    const at = this.#clock().toISOString();
    const steps = entries.map((entry) => ({ ...entry, at, run: this.#run }));
    try {
      const audited = await this.#append(steps);
      return audited ? { audited } : {};
    } catch (error) {
      this.#opened = undefined;
      this.#owed.push(...steps);
      warn(
        `This step was done, and the audit trail (${this.#trail.store.place}) could not be written: ${(error as Error).message} The stack remembers it, nothing else begins, and the next run records it.`,
      );
      return { unaudited: JSON.stringify(steps) };
    }
  }

  /** Records what a step of an earlier run owes, unless that run did it later. @throws Error when it cannot */
  async pay(debt: string): Promise<Receipt> {
    const steps = JSON.parse(debt) as Happened[];
    const known = new Map((await this.#trail.store.read()).map(({ id, seq, hash }) => [id, `${seq}:${hash}`]));
    const open = steps.filter((step) => !known.has(idOf(step)));
    const audited = await this.#append(open.map((step) => ({ ...step, late: true })));
    const last = audited ?? known.get(idOf(steps.at(-1) as Happened));
    return last ? { audited: last } : {};
  }

  /** Resolves when nothing waits to be written. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  /** @returns the receipt of the last one */
  async #append(steps: Happened[]): Promise<string | undefined> {
    const receipts = steps.map(
      (step) =>
        new Promise<string>((done, failed) => {
          this.#waiting.push({ step, done, failed });
        }),
    );
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
    return (await Promise.all(receipts)).at(-1);
  }

  async #write(): Promise<void> {
    // Steps that end in the same moment go out together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, 200);
      try {
        await this.#writeBatch(batch);
      } catch (error) {
        for (const { failed } of batch) failed(error as Error);
      }
    }
  }

  async #writeBatch(batch: Waiting[]): Promise<void> {
    const { store, signer } = this.#trail;
    let [head, open] = [await store.head(), batch];
    for (let attempt = 1; attempt <= tries; attempt++) {
      const linked = link(
        open.map(({ step }) => step),
        head,
      );
      const signatures = await signer.sign(linked.map(({ hash }) => hash));
      const records = linked.map((record, index) => ({ ...record, ...(signatures[index] as (typeof signatures)[0]) }));
      if (await store.append(records)) {
        for (const [index, { done }] of open.entries()) done(`${records[index]?.seq}:${records[index]?.hash}`);
        return;
      }
      // Another run was faster, or the reply to our own write was lost: then our records are among the new ones.
      const before = head;
      head = await store.head();
      const news = new Map((await store.read(before.count + 1)).map((record) => [record.hash, record]));
      for (const [index, { done }] of open.entries()) {
        const mine = news.get(linked[index]?.hash ?? "");
        if (mine) done(`${mine.seq}:${mine.hash}`);
      }
      open = open.filter((_, index) => !news.has(linked[index]?.hash ?? ""));
      if (open.length === 0) return;
    }
    throw new Error(`${store.place} was written by others ${tries} times in a row.`);
  }
}
