// The fixed part of the fault matrix: each call of a rotation and of the revocations behind it goes wrong once, in the
// way that its name gives by chance, in the whole of VisAPI's inventory. Calls at PostgreSQL and Redis have theirs, one
// by one, in tests/sandbox/credential-faults.test.ts; kills and time-outs have theirs in `npm run matrix`.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { visapi } from "../matrix/applications/visapi.ts";
import { Matrix } from "../matrix/matrix.ts";

describe("faults at every call of a rotation, on the real engine", function () {
  this.timeout(1_800_000);
  const out = mkdtempSync(join(tmpdir(), "rotation-matrix-"));
  const said: string[] = [];
  const matrix = new Matrix({
    of: visapi,
    program: undefined,
    phases: ["rotation", "follow-up", "revocation"],
    only: /^\w+ (?!postgres|redis).* (lost reply|half a body|500|429)$/,
    rounds: 1,
    until: Date.now() + 1_500_000,
    out,
    log: (line) => said.push(line),
    ...{ most: 100, perVendor: 100, kills: 0, hangs: 0 },
  });
  after(async () => {
    await matrix.close();
    rmSync(out, { recursive: true, force: true });
  });

  it("are got through, or finished by the next runs, with nothing lost, left over, refused or shown", async () => {
    await matrix.record();
    const planned = matrix.waiting;
    assert.ok(planned > 100, `only ${planned} calls were recorded`);
    await matrix.go();
    const wrong = matrix.results.filter(
      ({ runs, refused, leaked }) => runs === null || refused.length || leaked.length,
    );
    assert.deepEqual(wrong, [], said.join("\n"));
    const unmet = matrix.missed.map(({ phase, name }) => `${phase} ${name}`);
    assert.ok(matrix.results.length >= planned * 0.95, `not met: ${unmet.join(", ")}\n${said.join("\n")}`);
  });
});
