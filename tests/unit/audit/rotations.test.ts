import assert from "node:assert/strict";
import { link, type Happened } from "../../../provider/audit/chain.ts";
import { emptyHead, type AuditEntry, type AuditRecord } from "../../../provider/audit/record.ts";
import { csv, liveAt, rotationsOf } from "../../../provider/audit/rotations.ts";
import type { Step } from "../../../provider/audit/makers.ts";
import { entriesOf } from "../../../provider/audit/steps.ts";
import { fingerprint } from "../../../provider/proof.ts";
import { Secret } from "../../../provider/wire/values.ts";

const secret = "visapi/JWT_SECRET";
const asked = { action: "emergency" as const, by: "alice", reason: "laptop stolen", at: "2027-02-01T00:00:00Z" };

/** Records of one secret: what happened, on which day of 2027's January, in which run. */
function told(
  ...steps: [day: number, run: string, entry: Partial<AuditEntry> & Pick<AuditEntry, "event">][]
): AuditRecord[] {
  const happened = steps.map(([day, run, entry], index): Happened => ({
    ...{ secret, resource: `${secret}/step`, key: String(index), ...entry },
    at: new Date(Date.UTC(2027, 0, day, 3, 0, index)).toISOString(),
    run: { id: run, by: "ci", approvals: run === "r2" ? ["bob (production-operations)"] : [], stack: "p/s" },
  }));
  return link(happened, emptyHead).map((record) => ({ ...record, signature: "", signer: "none" }));
}

const story = told(
  [1, "r1", { event: "clock", action: "first" }],
  [1, "r1", { event: "made", generation: 1, to: "aaa", action: "first", until: "" }],
  [1, "r1", { event: "verified", generation: 1, to: "aaa", destinations: ["vault:secret"] }],
  [1, "r1", { event: "completed", generation: 1 }],
  [10, "r2", { event: "clock", action: "scheduled" }],
  [
    10,
    "r2",
    { event: "made", generation: 2, from: "aaa", to: "bbb", action: "scheduled", until: "2027-01-11T03:00:00Z" },
  ],
  [10, "r2", { event: "failed", generation: 2, detail: "the deploy failed" }],
  // The next run finishes it.
  [
    11,
    "r3",
    { event: "rolledOut", generation: 2, destinations: ["api"], seconds: 12, resource: `${secret}/rollout-api` },
  ],
  [
    11,
    "r3",
    { event: "verified", generation: 2, to: "bbb", destinations: ["vault:secret", "render:api"], checks: ["api 2/2"] },
  ],
  [11, "r3", { event: "completed", generation: 2 }],
  [12, "r4", { event: "ended", generation: 1, detail: "its grace period is over" }],
  [20, "r5", { event: "requested", action: "emergency", asked }],
  [20, "r5", { event: "clock", action: "emergency", asked }],
  [20, "r5", { event: "made", generation: 3, from: "bbb", to: "ccc", action: "emergency", asked, until: "" }],
  [20, "r5", { event: "ended", generation: 2, detail: "without grace" }],
);

describe("what the audit trail tells", () => {
  it("puts the records of each rotation together, over the runs that it took", () => {
    const [first, second, third, ...more] = rotationsOf(story);
    assert.equal(more.length, 0);
    assert.deepEqual([first?.action, first?.outcome, first?.previous.state], ["first", "completed", "none"]);
    assert.ok(second && third);
    assert.deepEqual(
      [second.runs, second.outcome, second.from, second.to, second.approvals],
      [["r2", "r3", "r4"], "completed", "aaa", "bbb", ["bob (production-operations)"]],
    );
    assert.deepEqual(
      second.failures.map(({ detail }) => detail),
      ["the deploy failed"],
    );
    assert.deepEqual(second.durations, [{ step: "rollout-api", seconds: 12 }]);
    assert.deepEqual([second.previous.state, second.previous.detail], ["dead", "its grace period is over"]);
    assert.deepEqual(
      [third.action, third.by, third.reason, third.outcome],
      ["emergency", "alice", "laptop stolen", "open"],
    );
    assert.equal(third.previous.state, "dead");
    assert.equal(rotationsOf(story).flatMap(({ records }) => records).length, story.length, "each belongs to one");
  });

  it("knows what was live at any time, and what was accepted beside it", () => {
    const at = (time: string) =>
      liveAt(story, time).map(({ generation, proven, beside }) => [generation, proven, beside?.generation]);
    assert.deepEqual(at("2026-12-31T00:00:00Z"), []);
    assert.deepEqual(at("2027-01-05T00:00:00Z"), [[1, true, undefined]]);
    assert.deepEqual(at("2027-01-10T12:00:00Z"), [[2, false, 1]]);
    assert.deepEqual(at("2027-01-11T12:00:00Z"), [[2, true, 1]]);
    assert.deepEqual(at("2027-01-13T00:00:00Z"), [[2, true, undefined]]);
    assert.deepEqual(at("2027-01-21T00:00:00Z")[0]?.[0], 3);
  });

  it("exports as CSV that no spreadsheet calculates", () => {
    const records = told([
      1,
      "r",
      { event: "requested", asked: { ...asked, reason: '=HYPERLINK("x"), "why"' }, detail: "two\nlines" },
    ]);
    const [head = "", ...rows] = csv(records).split("\r\n");
    assert.equal(head.split(",")[0], "seq");
    assert.match(rows[0] ?? "", /"'=HYPERLINK\(""x""\), ""why"""/);
    assert.match(rows.join("\r\n"), /"two\nlines"/);
  });
});

describe("what a step says to the audit trail", () => {
  const base = (token: string, name: string): Step => ({
    ...{
      token,
      name: `${secret}/${name}`,
      secret,
      op: "update",
      oldInputs: {},
      oldOutputs: {},
      inputs: {},
      outputs: {},
    },
    ...{ fact: { generation: 4, asked }, fingerprintKey: "key", warnings: [] },
  });
  it("names a destination and fingerprints, and no value", () => {
    const [said, ...more] = entriesOf(
      {
        ...base("rotation:render:EnvVar", "render-api"),
        oldInputs: { key: "JWT_SECRET", value: new Secret("old-value") },
        inputs: { key: "JWT_SECRET", value: new Secret("new-value") },
        outputs: { writtenAt: "2027-01-01T03:00:00Z" },
        warnings: ["the vendor was slow"],
      },
      1.23456,
    );
    assert.equal(more.length, 0);
    assert.deepEqual(
      [said?.event, said?.destinations, said?.generation, said?.seconds, said?.detail],
      ["written", ["render:api/JWT_SECRET"], 4, 1.235, "the vendor was slow"],
    );
    assert.equal(said?.to, fingerprint("key", secret, "new-value"));
    assert.equal(said?.from, fingerprint("key", secret, "old-value"));
    assert.doesNotMatch(JSON.stringify(said), /new-value|old-value/);
  });
  it("gives a person's request to what it caused, and to nothing that the clock did later", () => {
    const step = base("rotation:index:Overlap", "overlap");
    const made = (forced: number, old: number) =>
      entriesOf(
        {
          ...step,
          oldInputs: { forced: old },
          oldOutputs: { generation: 3, fingerprint: "f3", holds: false },
          inputs: { forced },
          outputs: { generation: 4, fingerprint: "f4", holds: false, retireAt: "" },
        },
        0,
      );
    assert.deepEqual(
      made(2, 1).map(({ event, action, generation }) => [event, action, generation]),
      [
        ["made", "emergency", 4],
        ["ended", undefined, 3],
      ],
    );
    assert.deepEqual(
      made(2, 2).map(({ event, action }) => [event, action]),
      [["made", "scheduled"]],
    );
  });
  it("says nothing of a step that changed nothing, and that a held revocation is held, by what", () => {
    const idle = {
      ...base("rotation:index:Schedule", "schedule"),
      oldInputs: { window: "w" },
      inputs: { window: "w" },
    };
    assert.deepEqual(entriesOf(idle, 0), []);
    const revocation = {
      ...base("rotation:index:Revocation", "revocation"),
      inputs: { previousReference: "login_a", generation: 4 },
    };
    const held = entriesOf({ ...revocation, outputs: { done: false, held: 2, reason: "2 sessions use it" } }, 0);
    assert.deepEqual(
      held.map(({ event, generation, detail }) => [event, generation, detail]),
      [["held", 3, "login_a: 2 sessions use it"]],
    );
    const done = entriesOf({ ...revocation, outputs: { done: true, held: 0 } }, 0);
    assert.deepEqual(
      done.map(({ event }) => event),
      ["revoked"],
    );
  });
});
