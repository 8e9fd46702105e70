// Runs the tests: all of them, or the groups or files that are named. Closes with `N passed, N failed`.
//   npm test                    everything, with the set-up it needs
//   npm run test:unit           seconds: what is run while writing
//   npm test -- engine          one group: static, unit, sandbox, engine
//   npm test -- tests/engine/rotation.test.ts
import { glob } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import Mocha from "mocha";
import { buildVersitygw } from "../sandbox/toolchain/builds.ts";
import { ensureKubernetes } from "../sandbox/toolchain/kubernetes.ts";
import { reporter } from "../sandbox/toolchain/progress.ts";
import { ensureToolchain } from "../sandbox/toolchain/toolchain.ts";
import { inOrder, processorSeconds, runApart, runNode, type Count } from "./apart.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const groups = ["static", "unit", "sandbox", "engine"] as const;
type Group = (typeof groups)[number];

/** Full titles; what did not run is said at the end. */
const skipped: string[] = [];

/** Types, lint and format: each is one test. */
async function runStatic(): Promise<Count> {
  const checks: Record<string, string[]> = {
    "types hold (tsc)": ["typescript/bin/tsc", "--noEmit"],
    "lint rules hold (eslint)": ["eslint/bin/eslint.js", "."],
    "formatting holds (prettier)": ["prettier/bin/prettier.cjs", "--check", "--log-level", "warn", "."],
  };
  const count = { passed: 0, failed: 0 };
  for (const [name, [script = "", ...args]] of Object.entries(checks)) {
    const { code, output } = await runNode([join(root, "node_modules", script), ...args]);
    const good = code === 0;
    count[good ? "passed" : "failed"]++;
    console.log(`  ${good ? "✔" : "✘"} ${name}${good ? "" : `\n${output}`}`);
  }
  return count;
}

/** @param jobs processes that share the files; tests of retries and limits wait most of their life */
async function runMocha(files: string[], timeout: number, jobs = 1): Promise<Count> {
  const mocha = new Mocha({
    timeout,
    parallel: jobs > 1,
    jobs,
    reporter: "spec",
    forbidOnly: process.env["CI"] === "true",
    color: process.stdout.isTTY,
  });
  for (const file of files) mocha.addFile(file);
  if (jobs > 1) mocha.parallelMode(true);
  else await mocha.loadFilesAsync();
  return new Promise((resolve) => {
    const runner = mocha.run(() => resolve({ passed: runner.stats?.passes ?? 0, failed: runner.stats?.failures ?? 1 }));
    runner.on("pending", (test) => skipped.push(test.fullTitle()));
  });
}

async function filesOf(group: Group): Promise<string[]> {
  const files: string[] = [];
  for await (const file of glob(`tests/${group}/**/*.test.ts`)) files.push(join(root, file));
  return files.sort();
}

const asked = process.argv.slice(2);
const files = asked.filter((name) => name.endsWith(".ts"));
const unknown = asked.filter((name) => !name.endsWith(".ts") && !(groups as readonly string[]).includes(name));
if (unknown.length) {
  console.error(`There is no group of tests "${unknown[0]}"; there are ${groups.join(", ")}, or give a file.`);
  process.exit(2);
}
const total: Count = { passed: 0, failed: 0 };
const timings: string[] = [];

async function section(names: readonly string[], run: () => Promise<Count & { skipped?: string[] }>): Promise<void> {
  if (!names.length) return;
  const started = Date.now();
  const name = names.join(" and ");
  console.log(`\n── ${name} ──`);
  const count = await run();
  total.passed += count.passed;
  total.failed += count.failed;
  skipped.push(...(count.skipped ?? []));
  timings.push(`${name} ${Math.round((Date.now() - started) / 1000)} s`);
}

await section(
  files.map((file) => relative(root, file)),
  () =>
    runMocha(
      files.map((file) => join(root, relative(root, file))),
      180_000,
    ),
);
const wanted = groups.filter((group) => asked.length === 0 || asked.includes(group));
// What is slow to build is built here, with progress, and not inside a test's time limit.
if (wanted.includes("sandbox") || wanted.includes("engine")) {
  await ensureToolchain();
  await ensureKubernetes();
  if (wanted.includes("engine")) await buildVersitygw(reporter());
}
// What tells soonest that something is wrong goes first, and alone: its time limits are short.
if (wanted.includes("unit")) await section(["unit"], async () => runMocha(await filesOf("unit"), 20_000, 6));
const others = wanted.filter((group) => group !== "unit");
await section(others, async () => {
  if (others.join() === "static") return runStatic();
  const parts = others.map(async (group) => (group === "static" ? [group] : filesOf(group)));
  return runApart(inOrder((await Promise.all(parts)).flat()), 4);
});

console.log(`\n${timings.join(", ")}`);
const used = processorSeconds();
if (used !== undefined) console.log(`processor ${used} s`);
for (const title of skipped) console.log(`skipped: ${title}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed || !total.passed ? 1 : 0);
