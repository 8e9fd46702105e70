import assert from "node:assert/strict";
import type { AuditEvent, AuditRecord } from "../../../provider/audit/record.ts";
import { coming, overdue } from "../../../report/data.ts";
import { gather, generationsOf, runsOf } from "../../../report/gather.ts";
import { fleetNow, fleetRecords, fleetRows } from "../../support/fleet.ts";

interface Step {
  run: string;
  event: AuditEvent;
  at: string;
  generation?: number;
  seconds?: number;
  secret?: string;
  asked?: AuditRecord["asked"];
}

function trail(steps: Step[]): AuditRecord[] {
  return steps.map(({ run, secret = "visapi/JWT_SECRET", ...step }, at) => ({
    ...{ v: 1, seq: at + 1, id: String(at), secret, resource: "", key: "" },
    ...step,
    run: { id: run, by: "alice", approvals: [], stack: "secret-rotation/production" },
    ...{ previous: "", hash: "", signature: "", signer: "" },
  }));
}

const first: Step[] = [
  { run: "one", event: "made", generation: 1, at: "2027-01-01T03:00:00Z", seconds: 1 },
  { run: "one", event: "written", at: "2027-01-01T03:00:02Z", seconds: 1.5 },
  { run: "one", event: "rolledOut", at: "2027-01-01T03:01:02Z", seconds: 60 },
  { run: "one", event: "verified", at: "2027-01-01T03:01:04Z", seconds: 2 },
];
const second: Step[] = [
  { run: "two", event: "made", generation: 2, at: "2027-02-01T03:00:00Z" },
  { run: "two", event: "written", at: "2027-02-01T03:00:02Z" },
];

describe("what the report is made of", () => {
  it("tells the lives of values: replaced, in grace, ended", () => {
    const row = { ...fleetRows(1)[0]!, name: "visapi/JWT_SECRET", previousUntil: "2027-02-02T03:00:00Z" };
    const inGrace = generationsOf([row], trail([...first, ...second]));
    assert.deepEqual(inGrace, [
      {
        secret: "visapi/JWT_SECRET",
        generation: 1,
        from: "2027-01-01T03:00:00Z",
        until: "2027-02-01T03:00:00Z",
        accepted: "2027-02-02T03:00:00Z",
        ended: false,
      },
      {
        secret: "visapi/JWT_SECRET",
        generation: 2,
        from: "2027-02-01T03:00:00Z",
        until: "",
        accepted: "",
        ended: false,
      },
    ]);
    const end: Step = { run: "three", event: "ended", at: "2027-02-02T03:10:00Z" };
    const [ended] = generationsOf([row], trail([...first, ...second, end]));
    assert.equal(ended?.accepted, "2027-02-02T03:10:00Z");
    assert.equal(ended?.ended, true);
  });

  it("counts a value once when a later run repeats its step", () => {
    const again: Step = { run: "again", event: "made", generation: 1, at: "2027-01-03T03:00:00Z" };
    assert.deepEqual(
      generationsOf([], trail([...first, again])).map(({ generation, from }) => [generation, from]),
      [[1, "2027-01-01T03:00:00Z"]],
    );
  });

  it("adds up where the time of a run went", () => {
    const [run] = runsOf(trail(first));
    assert.deepEqual(run?.phases, { material: 1, destinations: 1.5, rollout: 60, verification: 2 });
    assert.equal(run?.seconds, 65);
    assert.equal(run?.result, "done");
    assert.equal(run?.by, "alice");
  });

  it("tells a run that failed from one that was cut off, newest first", () => {
    const failed: Step = { run: "three", event: "failed", at: "2027-03-01T03:00:00Z" };
    const asked = { action: "emergency" as const, by: "bob", reason: "laptop stolen", at: "2027-03-01T02:59:00Z" };
    const request: Step = { run: "three", event: "requested", at: "2027-03-01T02:59:30Z", asked };
    const runs = runsOf(trail([...first, ...second, request, failed]));
    assert.deepEqual(
      runs.map(({ id, result, why }) => [id, result, why]),
      [
        ["three", "failed", "emergency: laptop stolen"],
        ["two", "unfinished", ""],
        ["one", "done", ""],
      ],
    );
  });

  it("puts what is longest overdue and what comes soonest first", () => {
    const rows = fleetRows(100);
    const data = gather("production", rows, fleetRecords(rows), fleetNow);
    assert.equal(overdue(data).length, 6);
    const dates = coming(data, 5).map(({ dueAt }) => dueAt);
    assert.equal(dates.length, 5);
    assert.deepEqual(dates, [...dates].sort());
    assert.ok(dates.every((date) => date >= data.now));
  });
});
