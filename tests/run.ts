// Runs the tests: all of them, or the groups or files that are named. Closes with `N passed, N failed`.
//   npm test                    everything, with the set-up it needs
//   npm run test:unit           seconds: what is run while writing
//   npm test -- engine          one group: static, unit, sandbox, engine
//   npm test -- tests/engine/rotation.test.ts
import { glob } from "node:fs/promises";
import { spawn, spawnSync } from "node:child_process";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import Mocha from "mocha";
import { buildVersitygw } from "../sandbox/toolchain/builds.ts";
import { ensureKubernetes } from "../sandbox/toolchain/kubernetes.ts";
import { reporter } from "../sandbox/toolchain/progress.ts";
import { ensureToolchain } from "../sandbox/toolchain/toolchain.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const groups = ["static", "unit", "sandbox", "engine"] as const;
type Group = (typeof groups)[number];

interface Count {
  passed: number;
  failed: number;
}
/** Full titles; what did not run is said at the end. */
const skipped: string[] = [];
const skippedLine = /^skipped: (.*)$/gm;

/** Types, lint and format: each is one test. */
function runStatic(): Count {
  const checks: Record<string, string[]> = {
    "types hold (tsc)": ["typescript/bin/tsc", "--noEmit"],
    "lint rules hold (eslint)": ["eslint/bin/eslint.js", "."],
    "formatting holds (prettier)": ["prettier/bin/prettier.cjs", "--check", "--log-level", "warn", "."],
  };
  const count = { passed: 0, failed: 0 };
  for (const [name, [script = "", ...args]] of Object.entries(checks)) {
    const ran = spawnSync(process.execPath, [join(root, "node_modules", script), ...args], { encoding: "utf8" });
    const good = ran.status === 0;
    count[good ? "passed" : "failed"]++;
    console.log(`  ${good ? "✔" : "✘"} ${name}${good ? "" : `\n${ran.stdout}${ran.stderr}`}`);
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

/** Runs each file in a process of its own, three at a time: each waits for others much of its life. */
async function runApart(files: string[]): Promise<Count> {
  const total: Count = { passed: 0, failed: 0 };
  const waiting = [...files];
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const started = Date.now();
      const { output, count } = await runChild(file);
      total.passed += count.passed;
      total.failed += count.failed;
      const seconds = Math.round((Date.now() - started) / 1000);
      console.log(`\n${relative(root, file)}: ${seconds} s\n${output}`);
    }
  };
  await Promise.all([work(), work(), work()]);
  return total;
}

function runChild(file: string): Promise<{ output: string; count: Count }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), file], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.on("close", () => {
      const [, passed = "0", failed = "0"] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? [];
      for (const [, title = ""] of output.matchAll(skippedLine)) skipped.push(title);
      const shown = output
        .split("\n")
        .filter((line) => line.trim() && !/^── |^skipped: |^\d+ passed, |^tests\/.* \d+ s$/.test(line));
      // A file of which nothing ran has failed.
      const ran = Number(passed) + Number(failed) > 0;
      resolve({ output: shown.join("\n"), count: { passed: Number(passed), failed: ran ? Number(failed) : 1 } });
    });
  });
}

/** What takes longest begins first, so that nothing is waited for alone in the end. */
const longest = [
  "matrix-intelliflow",
  "matrix",
  "intelliflow",
  "audit",
  "mass",
  "hand-overs",
  "workflows",
  "kubernetes",
];

async function filesOf(group: Group): Promise<string[]> {
  const files: string[] = [];
  for await (const file of glob(`tests/${group}/**/*.test.ts`)) files.push(join(root, file));
  const rank = (file: string): number => {
    const at = longest.indexOf(basename(file, ".test.ts"));
    return at < 0 ? longest.length : at;
  };
  return files.sort().sort((a, b) => rank(a) - rank(b));
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

async function section(name: string, run: () => Promise<Count> | Count): Promise<void> {
  const started = Date.now();
  console.log(`\n── ${name} ──`);
  const { passed, failed } = await run();
  total.passed += passed;
  total.failed += failed;
  timings.push(`${name} ${Math.round((Date.now() - started) / 1000)} s`);
}

if (files.length)
  await section(files.map((file) => relative(root, file)).join(", "), () =>
    runMocha(
      files.map((file) => join(root, relative(root, file))),
      180_000,
    ),
  );
// What is slow to build is built here, with progress, and not inside a test's time limit.
if (!asked.length || asked.some((name) => name === "sandbox" || name === "engine")) {
  await ensureToolchain();
  await ensureKubernetes();
  if (!asked.length || asked.includes("engine")) await buildVersitygw(reporter());
}
for (const group of groups.filter((group) => (asked.length ? asked.includes(group) : true))) {
  if (group === "static") await section(group, runStatic);
  else {
    const found = await filesOf(group);
    await section(group, () => (group === "unit" ? runMocha(found, 20_000, 6) : runApart(found)));
  }
}

console.log(`\n${timings.join(", ")}`);
for (const title of skipped) console.log(`skipped: ${title}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed || !total.passed ? 1 : 0);
