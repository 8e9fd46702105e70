import assert from "node:assert/strict";
import { clock, clockFollowsSchedule } from "../../../policies/rules/clock.ts";
import { overdue } from "../../../policies/rules/overdue.ts";
import { types } from "../../../policies/rules/run.ts";
import { judge, judgeStack, now, resource, schedule, unknown } from "./harness.ts";

const rotating = (props: Record<string, unknown>) => resource(types.clock, "shop/TOKEN/clock", props);

describe("clock-in-days", () => {
  it("passes days from a base that lies ahead of its end", async () => {
    assert.deepEqual(await judge(clock, rotating({ rotationDays: 30, rfc3339: "2026-04-20T03:00:00Z" })), []);
    assert.deepEqual(await judge(clock, rotating({ rotationDays: 30 })), []);
  });

  for (const unit of ["rotationMinutes", "rotationHours", "rotationMonths", "rotationYears"])
    it(`refuses ${unit}`, async () => {
      const said = await judge(clock, rotating({ [unit]: 1 }));
      assert.equal(said.length, 1);
      assert.match(said[0] ?? "", new RegExp(`^${unit} is set, .*type rotationDays$`));
    });

  it("refuses a pinned end, and a clock without days", async () => {
    const pinned = await judge(clock, rotating({ rotationRfc3339: "2027-01-01T00:00:00Z" }));
    assert.match(pinned[0] ?? "", /rotationRfc3339 is pinned/);
    assert.match((await judge(clock, rotating({ triggers: {} })))[0] ?? "", /rotationDays is missing/);
    assert.match((await judge(clock, rotating({ rotationDays: 0.5 })))[0] ?? "", /is 0.5: type a whole number/);
  });

  it("refuses a base that is over, by the policies' clock", async () => {
    const pinned = rotating({ rotationDays: 30, rfc3339: "2026-01-01T00:00:00Z" });
    assert.match((await judge(clock, pinned))[0] ?? "", /it was over on 2026-01-31T00:00:00.000Z: give it the window/);
    assert.deepEqual(await judge(clock, pinned, { at: "2026-01-30T00:00:00Z" }), []);
  });

  it("passes a base that is over where the secret's schedule holds it back", async () => {
    const held = "2026-03-01T03:00:00Z";
    const after = [schedule("shop/TOKEN", { window: held })];
    assert.deepEqual(await judge(clock, rotating({ rotationDays: 30, rfc3339: held }), { after }), []);
    const other = await judge(clock, rotating({ rotationDays: 30, rfc3339: "2026-03-02T03:00:00Z" }), { after });
    assert.equal(other.length, 1);
  });

  it("passes a base that is over where the schedule has moved on and the run leaves the clock as it was", async () => {
    const after = [schedule("shop/TOKEN", { window: "2026-04-28T03:00:00Z" })];
    const left = rotating({ rotationDays: 30, rfc3339: "2026-03-01T03:00:00Z" });
    assert.deepEqual(await judge(clock, left, { after }), []);
  });

  it("passes a clock that a targeted run leaves out before it was ever made", async () => {
    assert.deepEqual(await judge(clock, rotating({})), []);
  });

  it("says nothing of values that a preview does not know", async () => {
    assert.deepEqual(await judge(clock, rotating({ rotationDays: unknown, rfc3339: unknown })), []);
    assert.deepEqual(await judge(clock, rotating({ rotationDays: 30, rfc3339: unknown })), []);
  });

  it("tells unknown units and ends as it tells known ones", async () => {
    assert.equal((await judge(clock, rotating({ rotationMonths: unknown }))).length, 1);
    assert.equal((await judge(clock, rotating({ rotationDays: 30, rotationRfc3339: unknown }))).length, 1);
  });
});

describe("clock-follows-schedule", () => {
  const declared = (from: Record<string, string[]>) => [
    schedule("shop/TOKEN"),
    { ...rotating({ rotationDays: 30, rfc3339: unknown }), from },
  ];

  it("passes a clock whose base comes from a schedule, known yet or not", async () => {
    assert.deepEqual(await judgeStack(clockFollowsSchedule, declared({ rfc3339: ["shop/TOKEN/schedule"] })), []);
  });

  it("refuses one whose base comes from anywhere else, whatever it is", async () => {
    const message =
      "shop/TOKEN/clock takes its base from no schedule, so it never moves on: type rfc3339: schedule.window";
    assert.deepEqual(await judgeStack(clockFollowsSchedule, declared({})), [message]);
    assert.equal((await judgeStack(clockFollowsSchedule, declared({ triggers: ["shop/TOKEN/schedule"] }))).length, 1);
  });

  it("says nothing of a clock without a schedule, as other projects have them", async () => {
    assert.deepEqual(await judgeStack(clockFollowsSchedule, [rotating({ rotationDays: 30 })]), []);
  });
});

describe("not-overdue", () => {
  const due = (dueAt: string, props = {}) => schedule("shop/TOKEN", { dueAt, ...props });

  it("passes what is due ahead or up to a week ago", async () => {
    assert.deepEqual(await judge(overdue, due("2026-05-20T03:00:00Z")), []);
    assert.deepEqual(await judge(overdue, due("2026-04-24T03:00:00Z")), []);
  });

  it("reports more than a week, and how to rotate it", async () => {
    assert.deepEqual(await judge(overdue, due("2026-04-19T00:00:00Z")), [
      "shop/TOKEN was due on 2026-04-19T00:00:00Z and is 12 days overdue, at most 7 are allowed: look in the run's log for what holds it, or raise its generation to rotate it now",
    ]);
    assert.match((await judge(overdue, due("2026-04-19", { onRequest: true })))[0] ?? "", /on request only, so raise/);
  });

  it("is advisory unless configured otherwise, since stopping makes nothing younger", () => {
    assert.equal(overdue.level, "advisory");
  });

  it("says nothing of a date that a preview does not know", async () => {
    assert.deepEqual(await judge(overdue, due(unknown)), []);
  });

  it("takes its days from the configuration", async () => {
    assert.equal((await judge(overdue, due("2026-04-29T00:00:00Z"), { config: { days: 1 } })).length, 1);
    assert.deepEqual(await judge(overdue, due("2026-04-19T00:00:00Z"), { config: { days: 30 }, at: now }), []);
  });
});
