// Runs parts of the suite in processes of their own, several at a time, and puts together what came of them.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname, relative } from "node:path";
import { fileURLToPath } from "node:url";

export interface Count {
  passed: number;
  failed: number;
}

export interface Apart extends Count {
  /** Full titles of tests that did not run. */
  skipped: string[];
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const suite = fileURLToPath(new URL("run.ts", import.meta.url));
const skippedLine = /^skipped: (.*)$/gm;
/** What a part says about itself, beside its tests. */
const frame = /^── |^skipped: |^\d+ passed, |^\S+ \d+ s$/;

/** What takes longest begins first, so that nothing is waited for alone in the end. */
const longest = [
  "static",
  "matrix",
  "matrix-intelliflow",
  "mass",
  "workflows",
  "audit",
  "intelliflow",
  "kubernetes",
  "hand-overs",
  "adopt",
  "recovery",
  "rotate",
  "rotation",
  "vendor-keys",
  "vendor-pairs",
  "backends",
  "canary",
  "faults",
  "credentials",
];

/** Groups and files in the order in which they are to begin. */
export function inOrder(parts: readonly string[]): string[] {
  const rank = (part: string): number => {
    const at = longest.indexOf(basename(part, ".test.ts"));
    return at < 0 ? longest.length : at;
  };
  return [...parts].sort((a, b) => rank(a) - rank(b));
}

/**
 * Runs each part, a group or a file, by `run.ts` in a process of its own.
 * @param jobs processes at a time: more than there are processors, since each waits for others much of its life
 */
export async function runApart(parts: readonly string[], jobs: number): Promise<Apart> {
  const total: Apart = { passed: 0, failed: 0, skipped: [] };
  const waiting = [...parts];
  const work = async (): Promise<void> => {
    for (let part = waiting.shift(); part; part = waiting.shift()) {
      const started = Date.now();
      const { output } = await runNode([...process.execArgv, suite, part]);
      const [, passed = "0", failed = "0"] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? [];
      total.passed += Number(passed);
      // A part of which nothing ran has failed.
      total.failed += Number(passed) + Number(failed) > 0 ? Number(failed) : 1;
      for (const [, title = ""] of output.matchAll(skippedLine)) total.skipped.push(title);
      const used = /^processor (\d+) s$/m.exec(output)?.[1];
      const seconds = `${Math.round((Date.now() - started) / 1000)} s${used ? `, ${used} s of a processor` : ""}`;
      const said = output.split("\n").filter((line) => line.trim() && !frame.test(line));
      console.log(`\n${relative(root, part) || part}: ${seconds}\n${said.join("\n")}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return total;
}

/** Runs Node with the arguments. @returns everything that it said */
export function runNode(args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** What this process and all that it started and saw end took of a processor, in seconds; undefined where that is not told. */
export function processorSeconds(): number | undefined {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    // User and system time, own and of children, in hundredths, behind a name that may hold anything (proc(5)).
    const ticks = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 15);
    return Math.round(ticks.reduce((sum, each) => sum + Number(each), 0) / 100);
  } catch {
    return undefined;
  }
}
