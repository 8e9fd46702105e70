// How far a long walk is, told to people now and then: share, rate, and how long it will take.
import { setTimeout as sleep } from "node:timers/promises";

export class Progress {
  readonly #tell: (line: string) => void;
  readonly #what: string;
  readonly #total: number;
  readonly #everyMs: number;
  readonly #began = performance.now();
  #told = performance.now();
  #done = 0;

  /** @param total rows at the beginning; live writes may make it fewer or more */
  constructor(tell: (line: string) => void, what: string, total: number, everyMs = 5000) {
    this.#tell = tell;
    this.#what = what;
    this.#total = total;
    this.#everyMs = everyMs;
  }

  add(rows: number): void {
    this.#done += rows;
    if (performance.now() - this.#told < this.#everyMs) return;
    this.#told = performance.now();
    const seconds = (this.#told - this.#began) / 1000;
    const rate = this.#done / seconds;
    const share = Math.min(99, Math.floor((100 * this.#done) / Math.max(1, this.#total)));
    const left = Math.max(0, this.#total - this.#done) / Math.max(rate, 0.001);
    this.#tell(
      `${this.#what}: ${bar(share)} ${share} % (${count(this.#done)} of ${count(this.#total)} rows), ${count(Math.round(rate))} rows/s, about ${span(left)} left`,
    );
  }

  /** The closing line; nothing where there was nothing to do. */
  end(): void {
    if (this.#done === 0) return;
    const seconds = (performance.now() - this.#began) / 1000;
    this.#tell(
      `${this.#what}: re-encrypted ${count(this.#done)} rows in ${span(seconds)}, ${count(Math.round(this.#done / Math.max(seconds, 0.001)))} rows/s`,
    );
  }
}

/** Keeps a rate by waiting. */
export class Pace {
  readonly #perSecond: number;
  #free = performance.now();

  /** @param perSecond 0: as fast as it goes */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  async take(rows: number): Promise<void> {
    if (this.#perSecond <= 0) return;
    const now = performance.now();
    const wait = this.#free - now;
    this.#free = Math.max(this.#free, now) + (rows / this.#perSecond) * 1000;
    if (wait > 0) await sleep(wait);
  }
}

export function count(rows: number): string {
  return rows.toLocaleString("en-US");
}

/** Twenty places wide. Each line stands by itself, since the engine prints lines and redraws none. */
function bar(share: number): string {
  const full = Math.round(share / 5);
  return "█".repeat(full) + "░".repeat(20 - full);
}

function span(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 90) return `${whole} s`;
  return whole < 5400 ? `${Math.round(whole / 60)} min` : `${(whole / 3600).toFixed(1)} h`;
}
