// Loaded before everything else of a program and of the policy pack (bootstrap.mjs). @pulumi/pulumi (3.270.0) makes
// ready, whenever it is loaded, to serialize functions: npm's package manager, TypeScript, and a debugger's session that
// hears of every script ("runtime/closure"); a pack is loaded with ts-node, whatever it is written in; stacks of calls are
// looked up in source maps, which nothing here has; and a program loads what traces it, asked or not. Together that is
// half of a start's processor time and a third of its memory.
import { registerHooks } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath, URL } from "node:url";

// By its folder or its file: hosts name it either way.
const script = /@pulumi\/pulumi\/cmd\/(run|run-policy-pack)(\/|$)/.exec(process.argv[1] ?? "")?.[1];
const pack = fileURLToPath(new URL("../policies", import.meta.url));
const spared = [
  ...(script ? [/\/closure\/(codePaths|serializeClosure|v8Hooks)$/, /^source-map-support\/register$/] : []),
  ...(script === "run" && !process.argv.some((each) => each.startsWith("--tracing")) ? [/^\.\/tracing$/] : []),
  ...(script === "run-policy-pack" && process.argv.some((each) => resolve(each) === pack)
    ? [/^typescript$/, /\bts-node(@[\d.]+)?$/]
    : []),
];

if (spared.length)
  registerHooks({
    resolve: (specifier, context, next) =>
      spared.some((name) => name.test(specifier)) && context.parentURL?.includes("/@pulumi/pulumi/")
        ? { url: new URL("./lean-stub.cjs", import.meta.url).href, format: "commonjs", shortCircuit: true }
        : next(specifier, context),
  });
