// The fault matrix: everything that can go wrong at every external call of a full rotation.
//   npm run matrix                                  all of it; hours
//   npm run matrix -- --minutes 30                  as much as fits, some of everything
//   npm run matrix -- --rounds 1                    every call once
//   npm run matrix -- --continue                    what no earlier run, whose results are there, found to come right
//   npm run matrix -- --only 'vault .* kill engine' cells whose name matches
//   npm run matrix -- --phases rotation,revocation  of: first run, rotation, follow-up, revocation
//   npm run matrix -- --most 1                      one fault at a time (default 8, of which 2 kills and 1 time-out)
//   npm run matrix -- --hangs 4                     up to so many time-outs in a batch; likewise --kills
//   npm run matrix -- --application intelliflow     @default visapi
//   npm run matrix -- --program keys                a folder of tests/programs/ in place of the repository's program
// Results go to --out (default .matrix/), and their table to docs/fault-matrix.md with --table.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { repository } from "../../sandbox/stack.ts";
import { intelliflow } from "./applications/intelliflow.ts";
import { visapi } from "./applications/visapi.ts";
import { phases, type Phase } from "./cells.ts";
import { Matrix } from "./matrix.ts";
import { drawTable } from "./report.ts";
import { isRight, rightBefore } from "./results.ts";
import { wholeRuns } from "./whole.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "100000" },
    rounds: { type: "string", default: "100" },
    only: { type: "string", default: "" },
    phases: { type: "string", default: phases.join(",") },
    most: { type: "string", default: "8" },
    kills: { type: "string", default: "2" },
    hangs: { type: "string", default: "1" },
    application: { type: "string", default: "visapi" },
    program: { type: "string" },
    out: { type: "string", default: join(repository, ".matrix") },
    "whole-runs": { type: "boolean", default: false },
    continue: { type: "boolean", default: false },
    table: { type: "boolean", default: false },
  },
});
const chosen = values.phases.split(",").filter((name) => name !== "");
const unknown = chosen.find((name) => !phases.includes(name as Phase));
const number = (name: "minutes" | "rounds" | "most" | "kills" | "hangs"): number => {
  const given = Number(values[name]);
  const least = name === "kills" || name === "hangs" ? 0 : 1;
  if (!(given >= least)) {
    console.error(`--${name} is "${values[name]}"; give a number from ${least} on`);
    process.exit(2);
  }
  return given;
};
if (unknown !== undefined) {
  console.error(`There is no phase "${unknown}"; there are ${phases.join(", ")}.`);
  process.exit(2);
}

const of = Object.values({ visapi, intelliflow }).find(({ application }) => application === values.application);
if (!of) {
  console.error(`There is no application "${values.application}"; there are visapi and intelliflow.`);
  process.exit(2);
}

const started = Date.now();
let stopping = false;
const log = (line: string): void => {
  // Whatever was under way when somebody stopped it fails by that alone.
  if (!stopping) console.log(`${((Date.now() - started) / 60_000).toFixed(1)} min  ${line}`);
};
const matrix = new Matrix({
  of,
  program: values.program,
  phases: chosen as Phase[],
  only: new RegExp(values.only),
  rounds: number("rounds"),
  until: started + number("minutes") * 60_000,
  out: values.out,
  most: number("most"),
  kills: number("kills"),
  hangs: number("hangs"),
  ...(values.continue ? { right: rightBefore(values.out) } : {}),
  log,
});
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    void matrix.abandon().finally(() => process.exit(130));
  });
try {
  if (chosen.length || values["whole-runs"]) await matrix.record();
  if (values["whole-runs"]) await wholeRuns(matrix, new RegExp(values.only), started + number("minutes") * 60_000);
  await matrix.go();
} finally {
  const file = matrix.write();
  await matrix.close();
  log(`results are in ${file}`);
  const table = await drawTable(values.out, values.table ? join(repository, "docs", "fault-matrix.md") : undefined);
  console.log(table);
}
process.exitCode = matrix.results.every(isRight) && !matrix.untried.length ? 0 : 1;
