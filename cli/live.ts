// Shows where a run stands while it goes on: one line that is rewritten on a terminal, plain lines now and then elsewhere.
import type { Io } from "./command.ts";
import type { EngineEvent } from "./events.ts";
import { Standing } from "./standing.ts";

const eraseLine = "\r\u001b[2K";
const everyMs = { terminal: 250, plain: 30_000 } as const;

/** Standard error with one line at its end that can be rewritten. */
export interface Screen {
  /** A line that stays. */
  say: (text: string) => void;
  /** Replaces the last line; "" takes it away. Absent where lines cannot be rewritten. */
  rewrite?: (text: string) => void;
}

export function screen(
  stream: { write(text: string): unknown; isTTY?: boolean; columns?: number },
  env: NodeJS.ProcessEnv,
): Screen {
  if (!stream.isTTY || env["TERM"] === "dumb" || env["CI"]) return { say: (text) => stream.write(`${text}\n`) };
  let shown = "";
  return {
    say: (text) => {
      // What is said goes above, and the line comes back under it.
      stream.write(`${shown ? eraseLine : ""}${text}\n${shown}`);
    },
    rewrite: (text) => {
      const cut = text.slice(0, Math.max(20, (stream.columns || 80) - 1));
      if (cut === shown) return;
      stream.write(`${shown ? eraseLine : ""}${cut}`);
      shown = cut;
    },
  };
}

export interface Live {
  see(event: EngineEvent): void;
  /** Takes the line away; to be called however the run ends. */
  end(): void;
}

/** Begins to show a run. */
export function live(io: Pick<Io, "say" | "rewrite">): Live {
  const standing = new Standing();
  let last = "";
  const { rewrite } = io;
  const show = (): void => {
    const line = standing.line();
    if (rewrite) return rewrite(line);
    // Without its clock, a line that says the same again says nothing.
    const [, what = ""] = line.split("  ");
    if (what !== last) io.say(line);
    last = what;
  };
  const timer = setInterval(show, rewrite ? everyMs.terminal : everyMs.plain);
  timer.unref();
  return {
    see: (event) => standing.see(event),
    end: () => {
      clearInterval(timer);
      rewrite?.("");
    },
  };
}
