// The parts of a stack, for a matrix of jobs.
//   ci/parts.ts --stack production
// A part whose file is missing would never rotate, and nothing else in such a workflow would notice.
import { repository } from "../cli/engine.ts";
import { partsOf } from "../cli/stacks.ts";
import { CiError, readOptions, script, setOutput } from "./context.ts";

function main(): Promise<void> {
  const { stack } = readOptions(process.argv.slice(2), ["stack"]);
  if (!stack) throw new CiError("Say whose parts: --stack production");
  const parts = partsOf(stack, repository);
  setOutput(process.env, "parts", JSON.stringify(parts));
  process.stdout.write(`${parts.join("\n")}\n`);
  return Promise.resolve();
}

await script(main);
