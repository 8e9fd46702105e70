// One line per step, for a person who waits for minutes and for a log that is read later.

/** Where the lines go: `process.stderr` fits. */
export interface Sink {
  write(text: string): unknown;
  /** Whether lines can be rewritten in place. */
  isTTY?: boolean;
  /** Width of the terminal in characters. */
  columns?: number;
}

/** One step of the work, such as "vault 1.19.5". */
export interface Step {
  /** Says how it goes. Cheap to call often: on a terminal the line is rewritten, elsewhere most calls print nothing. */
  update(text: string): void;
  /** Ends the step well, e.g. `done("cached")`; without a text it says "built in 4 min 31 s". */
  done(text?: string): void;
  /** Ends the step badly. The error itself is thrown by whoever calls this. */
  failed(text: string): void;
}

export interface Progress {
  /** Begins a step; prints nothing yet. */
  step(name: string): Step;
}

export interface ProgressOptions {
  /** @default process.stderr */
  sink?: Sink;
  /** The clock, in milliseconds. @default Date.now */
  now?: () => number;
  /** Least time between two plain lines of one step where lines cannot be rewritten, in ms. @default 10000 */
  every?: number;
}

const eraseLine = "\r\u001b[2K";
const nameWidth = 17;

/** Makes a reporter. Steps may overlap; on a terminal the one that spoke last holds the line. */
export function reporter(options: ProgressOptions = {}): Progress {
  const sink = options.sink ?? process.stderr;
  const now = options.now ?? Date.now;
  const every = options.every ?? 10_000;
  const line = (mark: string, name: string, text: string) => `${mark} ${name.padEnd(nameWidth - 1)} ${text}`;

  return {
    step(name) {
      const started = now();
      let said: number | undefined;
      let last = "";
      const end = (mark: string, text: string) =>
        sink.write(`${sink.isTTY ? eraseLine : ""}${line(mark, name, text)}\n`);
      return {
        update(text) {
          const whole = line("·", name, text);
          if (sink.isTTY) {
            const cut = whole.slice(0, Math.max(20, (sink.columns || 100) - 1));
            if (cut !== last) sink.write(eraseLine + cut);
            last = cut;
          } else if (said === undefined || now() - said >= every) {
            said = now();
            sink.write(`${whole}\n`);
          }
        },
        done: (text) => end("✓", text ?? `built in ${duration(now() - started)}`),
        failed: (text) => end("✗", text),
      };
    },
  };
}

/** A reporter that says nothing, for tests and for commands whose output is read by programs. */
export const silent: Progress = {
  step: () => ({ update: () => {}, done: () => {}, failed: () => {} }),
};

/**
 * A length of time as people say it: `0.4 s`, `12 s`, `4 min 31 s`, `1 h 2 min`.
 * @param milliseconds zero or more
 */
export function duration(milliseconds: number): string {
  if (milliseconds < 9_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/**
 * How far a build is: `412/1830 packages  22 %  about 3 min left`. The estimate is left out until enough is done to say
 * anything. It reckons with a build that slows down, as those of large Go programs do: the packages that depend on many
 * are large themselves, and linking comes last. (Measured on the CLI from cold: 34 % of the packages took 16 % of the
 * time, 53 % took 36 %, 71 % took 57 %, 90 % took 78 %.)
 * @param done how many are done; more than `total` counts as `total`
 * @param total how many there are, at least 1
 * @param unit what is counted, in the plural
 * @param elapsed since the first of them began, in ms
 */
export function share(done: number, total: number, unit: string, elapsed: number): string {
  const part = Math.min(done, total) / total;
  const text = `${Math.min(done, total)}/${total} ${unit}  ${Math.floor(part * 100)} %`;
  if (part < 0.03 || elapsed < 5_000) return text;
  const spent = 0.95 * part ** 1.6;
  const left = elapsed / spent - elapsed;
  const about = left < 60_000 ? "less than a minute" : `about ${Math.round(left / 60_000)} min`;
  return `${text}  ${about} left`;
}
