// The pack's constructor: hands the rules to CrossGuard. What they judge, and by what, is in `rules/`.
import { PolicyPack, type ResourceValidationPolicy, type StackValidationPolicy } from "@pulumi/policy";
import { rules } from "./rules/all.ts";
import { policyOf } from "./policy.ts";
import { readRun } from "./rules/run.ts";

// @pulumi/policy reads the pack's version from the package.json of the working directory, and a host may start in another.
process.chdir(import.meta.dirname);
const run = readRun(process.env);

new PolicyPack("secret-rotation", {
  description: "What must hold of every secret that a stack rotates",
  enforcementLevel: "mandatory",
  policies: rules.map((rule): ResourceValidationPolicy | StackValidationPolicy => policyOf(rule, run)),
});
