import assert from "node:assert/strict";
import { grace } from "../../../policies/rules/grace.ts";
import { productionReplicas, productionWindow, within } from "../../../policies/rules/production.ts";
import { types } from "../../../policies/rules/run.ts";
import { actionsSecret, destination, judge, judgeStack, resource, schedule, unknown } from "./harness.ts";

const production = { stack: "production" };
const precheck = (environment: unknown) => resource(types.precheck, "shop/TOKEN/precheck", { environment });

describe("production-window", () => {
  it("passes the allowed hours and enough notice, and tighter", async () => {
    assert.deepEqual(await judge(productionWindow, schedule("shop/TOKEN"), production), []);
    const tighter = schedule("shop/TOKEN", { hours: { from: 3, to: 4 }, noticeHours: 48 });
    assert.deepEqual(await judge(productionWindow, tighter, production), []);
  });

  it("refuses other hours, none, and too little notice", async () => {
    const said = (props: object) => judge(productionWindow, schedule("shop/TOKEN", { ...props }), production);
    assert.deepEqual(await said({ hours: { from: 2, to: 7 } }), [
      "shop/TOKEN may rotate from 2 to 7 UTC, and production allows 2 to 6 UTC: type hours: { from: 2, to: 6 }",
    ]);
    assert.match((await said({ hours: undefined }))[0] ?? "", /may rotate at any hour/);
    assert.match((await said({ noticeHours: 23 }))[0] ?? "", /announced 23 hours ahead, and production asks for 24/);
    assert.match((await said({ noticeHours: undefined }))[0] ?? "", /announced 0 hours ahead/);
  });

  it("knows production by the stack's configuration too", async () => {
    const anyHour = schedule("shop/TOKEN", { hours: undefined });
    const about = { environment: "production" };
    assert.equal((await judge(productionWindow, anyHour, { stack: "acme", about })).length, 1);
  });

  it("is for production alone: by the stack's name, or else by the precheck before the rotation", async () => {
    const anyHour = schedule("shop/TOKEN", { hours: undefined });
    assert.deepEqual(await judge(productionWindow, anyHour, { stack: "staging" }), []);
    const after = [anyHour];
    assert.deepEqual(await judge(productionWindow, precheck("staging"), { after, stack: "acme" }), []);
    assert.equal((await judge(productionWindow, precheck("production"), { after, stack: "acme" })).length, 1);
    // Said once: of the schedule where the name tells it.
    assert.deepEqual(await judge(productionWindow, precheck("production"), { after, ...production }), []);
  });

  it("says nothing of values that a preview does not know", async () => {
    const open = schedule("shop/TOKEN", { hours: unknown, noticeHours: unknown });
    assert.deepEqual(await judge(productionWindow, open, production), []);
    const half = schedule("shop/TOKEN", { hours: { from: unknown, to: 6 } });
    assert.deepEqual(await judge(productionWindow, half, production), []);
    const after = [schedule("shop/TOKEN", { hours: undefined })];
    assert.deepEqual(await judge(productionWindow, precheck(unknown), { after }), []);
  });

  it("takes hours and notice from the configuration", async () => {
    const config = { hours: { from: 22, to: 4 }, noticeHours: 48 };
    const said = await judge(productionWindow, schedule("shop/TOKEN"), { ...production, config });
    assert.equal(said.length, 2);
  });

  it("compares hours around midnight", () => {
    assert.ok(within({ from: 23, to: 1 }, { from: 22, to: 4 }));
    assert.ok(!within({ from: 21, to: 23 }, { from: 22, to: 4 }));
    assert.ok(!within({ from: 3, to: 2 }, { from: 2, to: 6 }));
  });
});

describe("production-replicas", () => {
  const verification = (...proofs: unknown[]) => resource(types.verification, "shop/TOKEN/verification", { proofs });

  it("passes two instances, and consumers whose platform has no count of them", async () => {
    const declared = verification({ consumer: "api", instances: 2 }, { consumer: "frontend" });
    assert.deepEqual(await judge(productionReplicas, declared, production), []);
  });

  it("refuses one in production only", async () => {
    const declared = verification({ consumer: "api", instances: 1 });
    assert.match((await judge(productionReplicas, declared, production))[0] ?? "", /api has 1 instance, .* asks for 2/);
    assert.deepEqual(await judge(productionReplicas, declared), []);
    assert.equal((await judge(productionReplicas, declared, { after: [precheck("production")] })).length, 1);
  });

  it("says nothing of values that a preview does not know", async () => {
    for (const declared of [
      verification({ instances: unknown }),
      verification(unknown),
      resource(types.verification, "a/B/v", { proofs: unknown }),
    ])
      assert.deepEqual(await judge(productionReplicas, declared, production), []);
  });

  it("takes the count from the configuration", async () => {
    const config = { instances: 3 };
    assert.equal(
      (await judge(productionReplicas, verification({ instances: 2 }), { ...production, config })).length,
      1,
    );
  });
});

describe("grace-covers-consumers", () => {
  const secret = (graceHours: unknown, type = destination) => [
    schedule("shop/TOKEN"),
    // As in a real stack policy: outputs do not show graceHours, the inputs before them did.
    resource(types.overlap, "shop/TOKEN/overlap", { graceHours }),
    resource(type, "shop/TOKEN/there"),
  ];

  it("passes a grace period as long as the longest consumer's, and a declared cut-over", async () => {
    assert.deepEqual(await judgeStack(grace, secret(1), production), []);
    assert.deepEqual(await judgeStack(grace, secret(30, actionsSecret), production), []);
    assert.deepEqual(await judgeStack(grace, secret(0, actionsSecret), production), []);
  });

  it("refuses less than a queued CI job may take", async () => {
    assert.deepEqual(await judgeStack(grace, secret(24, actionsSecret), production), [
      "shop/TOKEN overlaps for 24 hours, and what reads its ActionsSecret may need the previous value for 30: type graceHours: 30 or more",
    ]);
    assert.equal((await judgeStack(grace, secret(0.5), production)).length, 1);
  });

  it("holds for issued credentials as for overlaps", async () => {
    const issued = (graceHours: unknown) => [
      schedule("shop/KEY"),
      resource(types.credential, "shop/KEY/credential", { graceHours }),
      resource(actionsSecret, "shop/KEY/github", { secretName: "KEY" }),
    ];
    assert.deepEqual(await judgeStack(grace, issued(30), production), []);
    assert.deepEqual(await judgeStack(grace, issued(0), production), []);
    assert.deepEqual(await judgeStack(grace, issued(unknown), production), []);
    assert.deepEqual(await judgeStack(grace, issued(24), production), [
      "shop/KEY overlaps for 24 hours, and what reads its ActionsSecret may need the previous value for 30: type graceHours: 30 or more",
    ]);
  });

  it("is for production alone", async () => {
    assert.deepEqual(await judgeStack(grace, secret(1, actionsSecret)), []);
    assert.equal((await judgeStack(grace, [...secret(1, actionsSecret), precheck("production")])).length, 1);
  });

  it("says nothing of hours that a preview does not know", async () => {
    assert.deepEqual(await judgeStack(grace, secret(unknown, actionsSecret), production), []);
  });

  it("takes longer consumers from the configuration", async () => {
    const config = { secrets: { "shop/*": 48 } };
    assert.match(
      (await judgeStack(grace, secret(24), { ...production, config }))[0] ?? "",
      /its configuration .* for 48/,
    );
    assert.equal((await judgeStack(grace, secret(1), { ...production, config: { services: 2 } })).length, 1);
  });
});
