import assert from "node:assert/strict";
import { noValueInPlain } from "../../../policies/rules/shown.ts";
import { types } from "../../../policies/rules/run.ts";
import { judgeStack, password, resource, unknown, type Declared } from "./harness.ts";

const canary = "CANARY-4711-CANARY";
const secret = password("shop/TOKEN", { result: canary });
const root = (outputs: Declared["props"]) => resource("pulumi:pulumi:Stack", "shop-dev", outputs);
const judged = (declared: Declared[], config = {}) => judgeStack(noValueInPlain, declared, { config });

describe("no-value-in-plain", () => {
  it("passes outputs that hold fingerprints, and values that are where they belong", async () => {
    const there = resource("rotation:render:EnvVar", "shop/TOKEN/render-api", { value: canary });
    assert.deepEqual(await judged([secret, there, root({ inventory: [{ fingerprint: "3f9a" }] })]), []);
  });

  it("refuses a value in an output, however deep and with what around it, and never repeats it", async () => {
    const said = await judged([secret, root({ urls: { api: [`https://user:${canary}@db`] } })]);
    assert.deepEqual(said, [
      "the stack output urls holds the value of shop/TOKEN/value for everybody to read: remove it, and show its fingerprint",
    ]);
  });

  it("refuses one in keepers, triggers, tags and names, of overlaps and issued credentials too", async () => {
    const sources = [
      resource(types.overlap, "shop/A/overlap", { current: canary }),
      resource(types.credential, "shop/B/credential", { current: canary }),
    ];
    for (const source of [secret, ...sources]) {
      const places = [
        password("shop/OTHER", { keepers: { value: canary } }),
        resource(types.clock, "shop/OTHER/clock", { triggers: { value: canary } }),
        resource("aws:s3/bucket:Bucket", "logs", { tags: { note: canary } }),
        resource("aws:s3/bucket:Bucket", `logs-${canary}`, { bucket: "logs" }),
      ];
      for (const place of places) assert.equal((await judged([source, place])).length, 1, place.name);
    }
  });

  it("names where a value was born, whatever comes first", async () => {
    const carried = resource(types.overlap, "shop/TOKEN/overlap", { current: canary });
    for (const order of [
      [carried, secret],
      [secret, carried],
    ])
      assert.match((await judged([...order, root({ token: canary })])).join(), /the value of shop\/TOKEN\/value for/);
  });

  it("says nothing of values that a preview does not know, or that are too short to tell", async () => {
    assert.deepEqual(await judged([password("shop/TOKEN", { result: unknown }), root({ token: unknown })]), []);
    assert.deepEqual(await judged([password("shop/PIN", { result: "1234" }), root({ port: "1234" })]), []);
  });

  it("takes outputs that may hold a value from the configuration", async () => {
    const declared = [secret, root({ bootstrapToken: canary })];
    assert.equal((await judged(declared)).length, 1);
    assert.deepEqual(await judged(declared, { except: ["bootstrap*"] }), []);
  });
});
