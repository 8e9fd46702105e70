// The fixed part of the fault matrix, which the suite runs: each HTTP call of an application's first run, of a rotation and
// of what follows it goes wrong once, in the way that its name gives by chance. Calls at PostgreSQL and Redis, where every
// fault ends a run, have theirs one by one in tests/sandbox/*-faults.test.ts; kills and time-outs in `npm run matrix`.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { UnderTest } from "./applications/under-test.ts";
import { phases } from "./cells.ts";
import { Matrix } from "./matrix.ts";

/** Of the calls that a recording found, at least so many must be met: the second of a pair may follow in another run. */
const leastMet = 0.95;

/**
 * Records everything, lets every call go wrong once, and looks at what came of it.
 * @param least calls that a recording must find, so that an empty one is noticed
 * @throws AssertionError that names the cells that did not come right, or were not met
 */
export async function fixedPart(of: UnderTest, least: number): Promise<void> {
  const out = mkdtempSync(join(tmpdir(), "rotation-matrix-"));
  const said: string[] = [];
  const matrix = new Matrix({
    of,
    program: undefined,
    phases,
    only: new RegExp(`^(?:${phases.join("|")}) (?!postgres |redis ).* (?:lost reply|half a body|500|429)$`),
    rounds: 1,
    inOneRun: true,
    until: Date.now() + 1_500_000,
    out,
    log: (line) => said.push(line),
    ...{ most: 300, perVendor: 300, kills: 0, hangs: 0 },
  });
  try {
    await matrix.record();
    const planned = matrix.waiting;
    assert.ok(planned >= least, `only ${planned} calls were recorded`);
    await matrix.go();
    const wrong = matrix.results.filter(
      ({ runs, refused, leaked }) => runs === null || refused.length || leaked.length,
    );
    assert.deepEqual(wrong, [], said.join("\n"));
    const unmet = matrix.missed.map(({ phase, name }) => `${phase} ${name}`);
    assert.ok(matrix.results.length >= planned * leastMet, `not met: ${unmet.join(", ")}\n${said.join("\n")}`);
  } finally {
    await matrix.close();
    rmSync(out, { recursive: true, force: true });
  }
}
