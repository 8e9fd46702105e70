// The summary of everything that was tried: one table by fault, one by server, one of whole runs, and what did not hold.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { format } from "prettier";
import { kinds } from "./calls.ts";
import { distinctNames } from "./names.ts";
import { cellInWords, isRight, type CellName, type Result } from "./results.ts";

interface File {
  application: CellName["application"];
  program: string;
  planned: number;
  worlds: number;
  runs: number;
  requests: number;
  values: number;
  results: Result[];
  missed: { name: string; occurrence: number; kind: string; phase: CellName["phase"] }[];
  recordings: { phase: string; calls: string[] }[];
}

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
  const files = filesOf(out);
  const results = unique(files.flatMap((each) => each.results));
  const sum = (pick: (each: File) => number): number => files.reduce((total, each) => total + pick(each), 0);
  const cells = results.filter(({ phase }) => phase !== "whole run");
  const whole = results.filter(({ phase }) => phase === "whole run");
  const applications = [...new Set(files.map(({ application }) => application))].sort();
  const each = (pick: (own: File[]) => number): number =>
    applications.reduce((total, name) => total + pick(files.filter(({ application }) => application === name)), 0);
  const calls = each((own) => distinctNames(own.flatMap(({ recordings }) => recordings)));
  const touched = new Set(cells.map(({ application, phase, call }) => `${application} ${phase} ${call}`)).size;
  const planned = each((own) => Math.max(...own.map(({ planned }) => planned)));
  const draft = [
    "# Fault matrix",
    "",
    "Written by `npm run matrix` (tests/matrix/): every external call of a first run, a rotation and the revocations behind",
    "it, as proxies recorded them, and what happens when something goes wrong at it. A cell is one call and one fault.",
    "After each batch of cells, runs without faults follow until everything holds: Vault, state, destinations and",
    "consumers agree; each secret that was due is exactly one generation on; no credential is live that the stack does not",
    "know; nothing old outlives its end; no lock and no pending operation is left; users were never refused; and no value",
    "is in output, events, state, messages, arguments or environments.",
    "",
    `${cells.length} cells at ${touched} of ${calls} recorded calls (${planned} planned in one pass over all of them), ${sum((each) => each.runs)} runs in ${sum((each) => each.worlds)} worlds,`,
    `${sum((each) => each.requests)} requests of users meanwhile, ${sum((each) => each.values)} values searched for; ${cpus().length} cores.`,
    `Of ${unmet(files, cells)} more cells the call did not come in two tries; the second of a pair may rotate in another run than was recorded.`,
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
      group(cells, ({ vendor }) => vendor),
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

/** All results of a folder, the oldest first. */
function filesOf(out: string): File[] {
  return readdirSync(out)
    .filter((name) => /^results-.*\.json$/.test(name))
    .map((name) => join(out, name))
    .sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs)
    .map((path) => JSON.parse(readFileSync(path, "utf8")) as File);
}

/** What an earlier run, whose results a folder has, found to come right; as `cellInWords` tells. */
export function rightBefore(out: string): Set<string> {
  const results = existsSync(out) ? unique(filesOf(out).flatMap((each) => each.results)) : [];
  return new Set(results.filter(isRight).map(cellInWords));
}

/** The last try of a cell counts. */
function unique(results: Result[]): Result[] {
  return [...new Map(results.map((result) => [cellInWords(result), result])).values()];
}

/** Cells that were armed twice without their call coming, and never tried. */
function unmet(files: File[], tried: Result[]): number {
  const known = new Set(tried.map(cellInWords));
  const missed = files.flatMap(({ application, missed }) =>
    missed.map(({ name, occurrence, ...rest }) =>
      cellInWords({ application, ...rest, call: `${name} #${occurrence}` }),
    ),
  );
  return new Set(missed.filter((cell) => !known.has(cell))).size;
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
