// Carries out one run over one credential in a process that can be killed: the run and the state come in by standard
// input, each state that is saved goes out by standard output, a line each.
import { text } from "node:stream/consumers";
import { pack, runLone, unpack, type LoneRun, type LoneState } from "./lone-step.ts";

const { run, state } = unpack<{ run: LoneRun; state: LoneState }>(await text(process.stdin));
try {
  await runLone(run, state, (saved) => process.stdout.write(`${pack(saved)}\n`));
} catch (error) {
  process.stderr.write((error as Error).message);
  process.exitCode = 1;
}
