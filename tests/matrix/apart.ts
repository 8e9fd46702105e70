// Carries out one run in a process that can be killed: the run and the state go in by standard input, each state that
// is saved comes back by standard output, a line each, so that what was saved before a kill is known.
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { pack, unpack } from "./lone-step.ts";

/** A program that calls `serve`. */
export const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** @returns why the run failed */
export function apart<Run, State>(
  child: string,
  run: Run,
  state: State,
  save: (state: State) => void,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const process_ = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", child], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    let [out, said] = ["", ""];
    process_.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    process_.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    process_.on("error", reject);
    process_.on("close", (code, signal) => {
      for (const line of out.split("\n").slice(0, -1)) save(unpack<State>(line));
      resolve(code === 0 ? undefined : signal ? `killed by ${signal}` : said);
    });
    process_.stdin.on("error", () => undefined);
    process_.stdin.end(pack({ run, state }));
  });
}

/** The other side: carries out what standard input asks for. */
export async function serve<Run, State>(
  carryOut: (run: Run, state: State, saved: (state: State) => void) => Promise<void>,
): Promise<void> {
  const { run, state } = unpack<{ run: Run; state: State }>(await text(process.stdin));
  try {
    await carryOut(run, state, (saved) => process.stdout.write(`${pack(saved)}\n`));
  } catch (error) {
    process.stderr.write((error as Error).message);
    process.exitCode = 1;
  }
}
