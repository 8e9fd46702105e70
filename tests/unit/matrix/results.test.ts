import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drawTable } from "../../matrix/report.ts";
import { cellInWords, keptIn, linesOf, resultsOf, rightBefore, type Kept, type Result } from "../../matrix/results.ts";

const phase = "rotation";
const of = { application: "visapi", phase } as const;
const [put, get] = ["render PUT /v1/services/{id}/env-vars/A #1", "vault GET /v1/secret/data/visapi/A #1"];
const cell = (call: string, kind: string): string => cellInWords({ ...of, call, kind });

function kept(at: string, signs: Record<string, string>, troubles: Result[] = []): Kept {
  const cells = { [phase]: linesOf(of, [put, get], new Map(Object.entries(signs))) };
  const counts = { worlds: 1, runs: 3, requests: 40, values: 7 };
  return { application: "visapi", at, program: "", ...counts, planned: { [phase]: 19 }, cells, whole: [], troubles };
}

describe("what is kept of the fault matrix", () => {
  const folder = mkdtempSync(join(tmpdir(), "rotation-results-"));
  const keep = (name: string, what: Kept): void =>
    writeFileSync(join(folder, `results-${name}.json`), JSON.stringify(what));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("is a line for each call, with a sign for each fault", () => {
    const signs = new Map([
      [cell(put, "lost reply"), "1"],
      [cell(put, "kill provider before"), "0"],
      [cell(get, "stale read"), "m"],
    ]);
    assert.deepEqual(linesOf(of, [put, get], signs), { [put]: "0...1.......", [get]: ".........m.." });
  });

  it("counts the last try of a cell, whatever the files are called", async () => {
    const refused: Result = { ...of, call: put, kind: "500", runs: 1, problems: [], refused: ["401"], leaked: [] };
    const first = { [cell(put, "500")]: "x", [cell(get, "500")]: "m", [cell(put, "429")]: "0" };
    keep("b", kept("2027-01-01T00:00:00Z", first, [refused]));
    assert.deepEqual([...rightBefore(folder)], [cell(put, "429")]);
    assert.match(await drawTable(folder, undefined), /- visapi: rotation, render PUT .*, 500: 401/);

    keep("a", kept("2027-01-02T00:00:00Z", { [cell(put, "500")]: "1" }));
    assert.deepEqual([...rightBefore(folder)].sort(), [cell(put, "429"), cell(put, "500")]);
    assert.deepEqual([...resultsOf(keptIn(folder)).missed], [cell(get, "500")]);
    const table = await drawTable(folder, undefined);
    assert.match(table, /2 cells at 1 of 2 recorded calls \(19 planned/);
    assert.match(table, /6 runs in 2 worlds/);
    assert.match(table, /Of 1 more cells the call did not come/);
    assert.match(table, /\| render +\| +2 \| +1 \| +1 \| +0 \| +0 \|/);
    assert.match(table, /What did not hold\n\nNothing\./);
  });
});
