// The pack's constructor: hands the rules to CrossGuard. What they judge, and by what, is in `rules/`.
import { flushCompileCache } from "node:module";
import { PolicyPack, type ResourceValidationPolicy, type StackValidationPolicy } from "@pulumi/policy";
import { rules } from "./rules/all.ts";
import { onStack } from "./engine.ts";
import { policyOf } from "./policy.ts";
import { circumstances, readRun, type Run } from "./rules/run.ts";

// @pulumi/policy reads the pack's version from the package.json of the working directory, and a host may start in another.
process.chdir(import.meta.dirname);
const run = begin();
onStack((told) => run.hear(circumstances(told, process.env)));

new PolicyPack("secret-rotation", {
  description: "What must hold of every secret that a stack rotates",
  enforcementLevel: "mandatory",
  policies: rules.map((rule): ResourceValidationPolicy | StackValidationPolicy => policyOf(rule, run)),
});

// The engine ends a pack without asking, and Node keeps compiled code only when a process ends by itself.
flushCompileCache();

/** A mistake in the environment is told in one line, without a trace through the host of the pack. */
function begin(): Run {
  try {
    return readRun(process.env);
  } catch (error) {
    process.stderr.write(`The policy pack secret-rotation cannot begin: ${(error as Error).message}\n`);
    process.exit(1);
  }
}
