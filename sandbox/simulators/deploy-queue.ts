interface Job {
  id: string;
  abort: AbortController;
  run: (signal: AbortSignal) => Promise<void>;
}

/** The deploys of one service: one at a time, in order, each of which can be canceled. */
export class DeployQueue {
  #waiting: Job[] = [];
  #running: Job | undefined;
  #settled: Promise<void> = Promise.resolve();

  /** `run` must not reject: what became of the deploy is its own business. */
  add(id: string, run: (signal: AbortSignal) => Promise<void>): void {
    this.#waiting.push({ id, abort: new AbortController(), run });
    if (!this.#running) this.#settled = this.#work();
  }

  /**
   * Asks a deploy to end. False where it neither runs nor waits. One that still waits does not begin: its `run` is
   * called at once, with a signal that is already aborted, so that it can say so.
   */
  cancel(id: string): boolean {
    const waiting = this.#waiting.find((job) => job.id === id);
    const job = waiting ?? (this.#running?.id === id ? this.#running : undefined);
    job?.abort.abort(new Error("canceled"));
    if (waiting) {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      void waiting.run(waiting.abort.signal);
    }
    return job !== undefined;
  }

  /** Ends everything and waits until it has ended. */
  async stop(): Promise<void> {
    this.#waiting = [];
    this.#running?.abort.abort(new Error("the platform stops"));
    await this.#settled;
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    await this.#settled;
  }

  async #work(): Promise<void> {
    for (let job = this.#waiting.shift(); job; job = this.#waiting.shift()) {
      this.#running = job;
      await job.run(job.abort.signal);
      this.#running = undefined;
    }
  }
}
