import assert from "node:assert/strict";
import { judge, needed } from "../../../ci/approvals.ts";
import type { Approval, Run } from "../../../ci/github.ts";

const now = new Date("2027-03-01T03:00:00Z");
const person = (login: string, type = "User") => ({ login, type });
const run = (changes: Partial<Run> = {}): Run => ({
  event: "workflow_dispatch",
  run_attempt: 1,
  run_started_at: "2027-03-01T02:17:00Z",
  head_branch: "main",
  actor: person("carol"),
  triggering_actor: person("carol"),
  ...changes,
});
const approval = (login: string, ...names: string[]): Approval => ({
  state: "approved",
  user: person(login),
  environments: names.map((name) => ({ name })),
});
const [operations, security] = needed.production;
const both = [approval("alice", operations), approval("bob", security)];
const refused = (why: RegExp, given: Approval[], of = run(), environments: readonly string[] = needed.production) =>
  assert.throws(() => judge(of, given, environments, now), why);

describe("approvals in production", () => {
  it("are two different people's, one for each environment", () => {
    assert.deepEqual(judge(run(), both, needed.production, now), [`alice (${operations})`, `bob (${security})`]);
  });

  it("are not one person's for both, however it is written", () => {
    refused(/2 approvals by different people .*it has alice for production-operations; alice/, [
      approval("alice", operations),
      approval("alice", security),
    ]);
    refused(/it has alice for production-operations and production-security/, [
      approval("alice", operations, security),
    ]);
    refused(/it needs 2 approvals/, [approval("alice", operations), approval("Alice", security)]);
    refused(/it has none/, []);
  });

  it("finds the two where one approved both and another approved one", () => {
    const given = [approval("alice", operations), approval("bob", operations), approval("alice", security)];
    assert.deepEqual(judge(run(), given, needed.production, now), [`bob (${operations})`, `alice (${security})`]);
  });

  it("are of nobody who asked: neither who started the run nor who started it again", () => {
    refused(/CAROL \(who asked for it\) for/, [approval("CAROL", operations), approval("bob", security)], run());
    refused(/bob \(who asked for it\)/, both, run({ triggering_actor: person("bob") }));
    refused(/carol \(who asked/, [approval("carol", "production-emergency")], run(), needed.emergency);
  });

  it("may be of whoever edited the schedule, since nobody asked for a scheduled run", () => {
    const scheduled = run({ event: "schedule", actor: person("alice"), triggering_actor: person("alice") });
    assert.equal(judge(scheduled, both, needed.production, now).length, 2);
  });

  it("are of people, of this attempt, and of today", () => {
    const bot = { ...approval("helper[bot]", security), user: person("helper[bot]", "Bot") };
    refused(/helper\[bot\] \(not a person\)/, [approval("alice", operations), bot]);
    refused(/it is attempt 2, and approvals were given for the first/, both, run({ run_attempt: 2 }));
    refused(/started 26 hours ago/, both, run({ run_started_at: "2027-03-01T00:30:00Z".replace("03-01", "02-28") }));
    refused(/started NaN hours ago/, both, run({ run_started_at: "" }));
  });

  it("end with a rejection", () => {
    refused(/bob rejected it/, [...both, { ...approval("bob", security), state: "rejected" }]);
  });
});
