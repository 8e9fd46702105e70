import assert from "node:assert/strict";
import { interval, limitOf } from "../../../policies/rules/interval.ts";
import { types } from "../../../policies/rules/run.ts";
import { judge, resource, schedule, unknown } from "./harness.ts";

describe("interval-by-class", () => {
  it("passes what is as tight as its class, or tighter", async () => {
    for (const intervalDays of [1, 89, 90])
      assert.deepEqual(await judge(interval, schedule("shop/TOKEN", { intervalDays })), []);
  });

  it("refuses what is looser, with limit, actual and mending in one line", async () => {
    assert.deepEqual(await judge(interval, schedule("shop/TOKEN", { intervalDays: 91 })), [
      "intervalDays is 91 and may be at most 90 for class HIGH: type 90 or less for shop/TOKEN",
    ]);
  });

  for (const [secret, days] of [
    ["visapi/JWT_SECRET", 30],
    ["visapi/SESSION_SECRET", 30],
    ["visapi/CRON_SECRET", 30],
    ["intelliflow/JWT_SIGNING_KEYS", 7],
    ["intelliflow/database", 30],
    ["intelliflow/TRANSIT_KEY", 365],
    ["intelliflow/encryption", 365],
    ["intelliflow/OPENAI_API_KEY", 90],
  ] as const)
    it(`holds ${secret} to the inventory's ${days} days`, async () => {
      assert.deepEqual(await judge(interval, schedule(secret, { intervalDays: days })), []);
      assert.equal((await judge(interval, schedule(secret, { intervalDays: days + 1 }))).length, 1);
    });

  it("holds a clock to its class, and to its schedule", async () => {
    const clock = (rotationDays: number) => resource(types.clock, "shop/TOKEN/clock", { rotationDays });
    const after = [schedule("shop/TOKEN", { intervalDays: 60 })];
    assert.deepEqual(await judge(interval, clock(60), { after }), []);
    assert.match(
      (await judge(interval, clock(61), { after }))[0] ?? "",
      /is 61 and may be at most 60 for its schedule/,
    );
    assert.match((await judge(interval, clock(91)))[0] ?? "", /at most 90 for any class/);
  });

  it("says nothing of values that a preview does not know", async () => {
    assert.deepEqual(await judge(interval, schedule("shop/TOKEN", { intervalDays: unknown })), []);
    // The class alone is unknown: the loosest class still bounds it.
    const said = await judge(interval, schedule("shop/TOKEN", { class: unknown, intervalDays: 91 }));
    assert.match(said[0] ?? "", /91 and may be at most 90/);
  });

  it("is tightened by class and by name", async () => {
    const config = { classes: { HIGH: 30 }, secrets: { "shop/*": 20 } };
    assert.match(
      (await judge(interval, schedule("a/B", { intervalDays: 31 }), { config }))[0] ?? "",
      /at most 30 for class/,
    );
    assert.match((await judge(interval, schedule("shop/B", { intervalDays: 21 }), { config }))[0] ?? "", /at most 20/);
    // The other classes keep their defaults.
    assert.deepEqual(await judge(interval, schedule("a/B", { class: "LOW", intervalDays: 90 }), { config }), []);
  });

  it("is loosened for one secret by its full name, never by a pattern and never for an inventory's", () => {
    const config = (secrets: Record<string, number>) => ({
      classes: { CRITICAL: 90, HIGH: 90, MEDIUM: 90, LOW: 90 },
      secrets,
    });
    assert.equal(limitOf("shop/TRANSIT", "LOW", config({ "shop/TRANSIT": 365 })).days, 365);
    assert.equal(limitOf("shop/TRANSIT", "LOW", config({ "shop/*": 365 })).days, 90);
    assert.equal(limitOf("visapi/JWT_SECRET", "HIGH", config({ "visapi/JWT_SECRET": 90 })).days, 30);
  });
});
