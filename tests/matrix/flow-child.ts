// Carries out one run over a flow in a process that can be killed: the run and the state come in by standard input, each
// state that is saved goes out by standard output, a line each.
import { text } from "node:stream/consumers";
import { runFlow, type FlowRun, type FlowState } from "./flows.ts";
import { pack, unpack } from "./lone-step.ts";

const { run, state } = unpack<{ run: FlowRun; state: FlowState }>(await text(process.stdin));
try {
  await runFlow(run, state, (saved) => process.stdout.write(`${pack(saved)}\n`));
} catch (error) {
  process.stderr.write((error as Error).message);
  process.exitCode = 1;
}
