import assert from "node:assert/strict";
import { complete } from "../../../policies/rules/complete.ts";
import { types } from "../../../policies/rules/run.ts";
import { actionsSecret, destination, judgeStack, resource, schedule, unknown, type Declared } from "./harness.ts";

const overlap = resource(types.overlap, "shop/TOKEN/overlap", { graceHours: 24 });
const render = resource(destination, "shop/TOKEN/render-api");
const verification = resource(types.verification, "shop/TOKEN/verification", {
  health: ["https://shop/health"],
  proofs: [],
});
const whole = (props = {}): Declared[] => [schedule("shop/TOKEN", props), overlap, render, verification];
const judged = (resources: Declared[], config = {}) => judgeStack(complete, resources, { config });

describe("secret-complete", () => {
  it("passes a secret with everything, and one that only CI reads without a verification", async () => {
    assert.deepEqual(await judged(whole()), []);
    assert.deepEqual(await judged([schedule("shop/TOKEN"), overlap, resource(actionsSecret, "shop/TOKEN/github")]), []);
  });

  it("refuses a secret without class", async () => {
    assert.match((await judged(whole({ class: "SECRET" })))[0] ?? "", /shop\/TOKEN has no class: type one of CRITICAL/);
  });

  it("refuses a secret without owner, unless the application's inventory names one", async () => {
    const ownerless = whole({ owner: undefined });
    assert.match((await judged(ownerless))[0] ?? "", /has no owner: type the team/);
    const application = (inventory: unknown) => resource("secret-rotation:index:Application", "shop", { inventory });
    assert.deepEqual(await judged([...ownerless, application([{ secret: "TOKEN", owner: "team" }])]), []);
    assert.equal((await judged([...ownerless, application([{ secret: "TOKEN", owner: "" }])])).length, 1);
    assert.equal((await judged([...ownerless, application([{ secret: "OTHER", owner: "team" }])])).length, 1);
    assert.deepEqual(await judged([...ownerless, application(unknown)]), []);
  });

  it("refuses a secret that goes nowhere, neither overlaps nor cuts over, or is not verified where it is used", async () => {
    const without = (left: Declared) => judged(whole().filter(({ name }) => name !== left.name));
    assert.match((await without(render))[0] ?? "", /has no destination/);
    assert.match((await without(overlap))[0] ?? "", /has neither an overlap nor a cut-over/);
    assert.match((await without(verification))[0] ?? "", /is consumed by a service and never verified/);
    const mute = { ...verification, props: { health: [], proofs: [] } };
    assert.match((await judged([...whole().slice(0, 3), mute]))[0] ?? "", /a verification that asks nobody/);
  });

  it("refuses values that are written and never rotated", async () => {
    assert.match((await judged([overlap, render]))[0] ?? "", /shop\/TOKEN has no schedule, so nothing rotates it/);
    const stray = resource(actionsSecret, "deploy-key");
    assert.match((await judged([stray]))[0] ?? "", /deploy-key \(ActionsSecret\) is rotated by no schedule/);
  });

  it("says nothing of values that a preview does not know", async () => {
    const open = { ...verification, props: { health: unknown, proofs: unknown } };
    assert.deepEqual(await judged([...whole({ class: unknown, owner: unknown }).slice(0, 3), open]), []);
  });

  it("leaves out what the configuration says is not rotated here", async () => {
    const stray = [resource(actionsSecret, "deploy-key"), ...whole({ owner: undefined })];
    assert.deepEqual(await judged(stray, { except: ["deploy-key", "shop/TOKEN"] }), []);
  });
});
