// The summary of everything that was tried: one table by fault, one by server, one of whole runs, and what did not hold.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { format } from "prettier";
import { kinds } from "./calls.ts";
import { cellInWords, isRight, keptIn, resultsOf, type Kept, type Result } from "./results.ts";

interface Counts {
  tried: number;
  same: number;
  one: number;
  two: number;
  not: number;
}

/** What people write of other runs begins here, at the end of the file, and is kept. */
const byHand = "## Beside this command";

/**
 * Reads every `results-*.json` of a folder. @param file where to write it as well
 * @returns the report, Markdown
 */
export async function drawTable(out: string, file: string | undefined): Promise<string> {
  const files = keptIn(out);
  const { results, missed } = resultsOf(files);
  const sum = (pick: (each: Kept) => number): number => files.reduce((total, each) => total + pick(each), 0);
  const cells = results.filter(({ phase }) => phase !== "whole run");
  const whole = results.filter(({ phase }) => phase === "whole run");
  const calls = new Set<string>();
  const plans = new Map<string, number>();
  for (const { application, cells, planned } of files) {
    for (const [phase, lines] of Object.entries(cells))
      for (const call of Object.keys(lines)) calls.add(`${application} ${phase} ${call}`);
    for (const [phase, count] of Object.entries(planned)) {
      const id = `${application} ${phase}`;
      plans.set(id, Math.max(count, plans.get(id) ?? 0));
    }
  }
  const touched = new Set(cells.map(({ application, phase, call }) => `${application} ${phase} ${call}`)).size;
  const planned = [...plans.values()].reduce((total, count) => total + count, 0);
  const draft = [
    "# Fault matrix",
    "",
    "Written by `npm run matrix` (tests/matrix/): every external call of a first run, a rotation and the revocations behind",
    "it, as proxies recorded them, and what happens when something goes wrong at it. A cell is one call and one fault.",
    "After each batch of cells, runs without faults follow until everything holds: Vault, state, destinations and",
    "consumers agree; each secret that was due is exactly one generation on; no credential is live that the stack does not",
    "know; nothing old outlives its end; no lock and no pending operation is left; users were never refused; and no value",
    "is in output, events, state, messages, arguments or environments. Where consumers are killed, all of them at once,",
    "their users find nobody for a moment; whoever is there refuses nobody.",
    "",
    `${cells.length} cells at ${touched} of ${calls.size} recorded calls (${planned} planned in one pass over all of them), ${sum((each) => each.runs)} runs in ${sum((each) => each.worlds)} worlds,`,
    `${sum((each) => each.requests)} requests of users meanwhile, ${sum((each) => each.values)} values searched for; ${cpus().length} cores.`,
    `Of ${missed.size} more cells the call did not come in two tries; the second of a pair may rotate in another run than was recorded.`,
    "",
    "## By fault",
    "",
    ...table(
      "Fault",
      group(cells, ({ kind }) => kind, kinds),
    ),
    "",
    "## By server",
    "",
    ...table(
      "Server",
      group(cells, ({ call }) => call.split(" ", 1)[0] ?? ""),
    ),
    "",
    "## By application",
    "",
    ...table(
      "Application",
      group(cells, ({ application }) => application),
    ),
    "",
    "## By phase",
    "",
    ...table(
      "Phase",
      group(cells, ({ phase }) => phase),
    ),
    ...(whole.length
      ? [
          "",
          "## Whole runs",
          "",
          "| Application | What | Came right |",
          "|---|---|---|",
          ...whole.map(
            ({ application, call, runs }) =>
              `| ${application} | ${call} | ${runs === null ? "**not**" : runsInWords(runs)} |`,
          ),
        ]
      : []),
    "",
    "## What did not hold",
    "",
    ...troubles(results),
    "",
  ].join("\n");
  const text = await format(draft, { parser: "markdown", printWidth: 120 });
  if (file) {
    const before = existsSync(file) ? readFileSync(file, "utf8") : "";
    const kept = before.includes(byHand) ? `\n${before.slice(before.indexOf(byHand))}` : "";
    writeFileSync(file, text + kept);
  }
  return text;
}

function group(results: Result[], by: (result: Result) => string, order?: readonly string[]): Map<string, Counts> {
  const found = new Map<string, Counts>();
  const names = [...new Set(results.map(by))].sort((a, b) =>
    order ? order.indexOf(a) - order.indexOf(b) : a.localeCompare(b),
  );
  for (const name of [...names, "all"]) {
    const own = results.filter((result) => name === "all" || by(result) === name);
    found.set(name, {
      tried: own.length,
      same: own.filter(({ runs }) => runs === 0).length,
      one: own.filter(({ runs }) => runs === 1).length,
      two: own.filter(({ runs }) => runs !== null && runs > 1).length,
      not: own.filter(({ runs }) => runs === null).length,
    });
  }
  return found;
}

function table(head: string, counts: Map<string, Counts>): string[] {
  return [
    `| ${head} | Tried | Came right in the same run | in the next | in a later one | not |`,
    "|---|---:|---:|---:|---:|---:|",
    ...[...counts].map(
      ([name, { tried, same, one, two, not }]) => `| ${name} | ${tried} | ${same} | ${one} | ${two} | ${not} |`,
    ),
  ];
}

function runsInWords(runs: number): string {
  return runs === 0 ? "in the same run" : runs === 1 ? "in the next run" : `in ${runs} runs`;
}

function troubles(results: Result[]): string[] {
  const bad = results.filter((result) => !isRight(result));
  if (!bad.length) return ["Nothing."];
  return bad.map(
    (result) =>
      `- ${cellInWords(result)}: ${[...result.problems, ...result.refused.slice(0, 2), ...result.leaked.slice(0, 2)].join("; ").slice(0, 400)}`,
  );
}
