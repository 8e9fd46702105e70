import assert from "node:assert/strict";
import { alphabetOf, entropy } from "../../../policies/rules/entropy.ts";
import { keyed, keyedByClock } from "../../../policies/rules/keyed.ts";
import { types } from "../../../policies/rules/run.ts";
import { noValueInId } from "../../../policies/rules/showing.ts";
import { showing } from "../../../policies/rules/kinds.ts";
import { judge, judgeStack, password, resource, schedule, unknown, type Declared } from "./harness.ts";

const hex = { special: true, lower: false, upper: false, overrideSpecial: "abcdef" };

describe("material-has-keepers", () => {
  it("passes a password with keepers", async () => {
    assert.deepEqual(await judge(keyed, password("shop/TOKEN")), []);
  });

  it("refuses a password without, and a key that cannot have any", async () => {
    for (const keepers of [undefined, null, {}])
      assert.match(
        (await judge(keyed, password("shop/TOKEN", { keepers })))[0] ?? "",
        /has no keepers, .*type keepers:/,
      );
    const key = resource("tls:index/privateKey:PrivateKey", "shop/KEY/value", { algorithm: "RSA" });
    assert.match((await judge(keyed, key))[0] ?? "", /\(PrivateKey\) can have no keepers/);
  });

  it("says nothing of keepers that a preview does not know", async () => {
    assert.deepEqual(await judge(keyed, password("shop/TOKEN", { keepers: unknown })), []);
    assert.deepEqual(await judge(keyed, password("shop/TOKEN", { keepers: { window: unknown } })), []);
  });

  it("leaves out what is no secret by its configuration", async () => {
    const technical = password("shop/SUFFIX", { keepers: undefined });
    assert.deepEqual(await judge(keyed, technical, { config: { except: ["shop/SUFFIX/*"] } }), []);
    assert.equal((await judge(keyed, technical, { config: { except: ["shop/OTHER/*"] } })).length, 1);
  });
});

describe("material-keyed-by-clock", () => {
  const clock = (rotationDays: unknown, name = "shop/TOKEN/clock") => resource(types.clock, name, { rotationDays });
  const value = (...from: string[]): Declared => ({ ...password("shop/TOKEN"), from: { keepers: from } });

  it("passes a password whose keepers come from a clock", async () => {
    const stack = [schedule("shop/TOKEN"), clock(30), value("shop/TOKEN/clock", "shop/TOKEN/schedule")];
    assert.deepEqual(await judgeStack(keyedByClock, stack), []);
  });

  it("follows the edge, not the name", async () => {
    const named = [schedule("shop/TOKEN"), clock(30), value("shop/TOKEN/schedule")];
    assert.match((await judgeStack(keyedByClock, named))[0] ?? "", /is keyed by no time.Rotating: type keepers/);
    const elsewhere = [schedule("shop/TOKEN"), clock(30, "nightly"), value("nightly")];
    assert.deepEqual(await judgeStack(keyedByClock, elsewhere), []);
  });

  it("refuses a clock that turns less often than the secret's schedule says", async () => {
    const slow = [schedule("shop/TOKEN"), clock(31), value("shop/TOKEN/clock")];
    assert.match((await judgeStack(keyedByClock, slow))[0] ?? "", /a clock of 31 days and may be at most 30 days old/);
    const quicker = [...slow.slice(0, 2), clock(7, "weekly"), value("shop/TOKEN/clock", "weekly")];
    assert.deepEqual(await judgeStack(keyedByClock, quicker), []);
  });

  it("says nothing of days that a preview does not know", async () => {
    const stack = [schedule("shop/TOKEN", { intervalDays: unknown }), clock(31), value("shop/TOKEN/clock")];
    assert.deepEqual(await judgeStack(keyedByClock, stack), []);
    const days = [schedule("shop/TOKEN"), clock(unknown), value("shop/TOKEN/clock")];
    assert.deepEqual(await judgeStack(keyedByClock, days), []);
  });

  it("holds a secret without schedule to the configured days, and leaves out what is no secret", async () => {
    const stack = [clock(60), value("shop/TOKEN/clock")];
    assert.deepEqual(await judgeStack(keyedByClock, stack), []);
    assert.equal((await judgeStack(keyedByClock, stack, { config: { days: 30 } })).length, 1);
    assert.deepEqual(await judgeStack(keyedByClock, [value()], { config: { except: ["shop/TOKEN/value"] } }), []);
  });
});

describe("entropy-by-class", () => {
  const judged = (level: string, length: unknown, stack = "dev", config = {}) =>
    judge(entropy, password("shop/TOKEN", { length, ...hex }), {
      after: [schedule("shop/TOKEN", { class: level })],
      stack,
      config,
    });

  it("counts each character once", () => {
    assert.equal(alphabetOf(hex), 16);
    assert.equal(alphabetOf({ special: false }), 62);
    assert.equal(alphabetOf({ overrideSpecial: "-_" }), 64);
    assert.equal(alphabetOf({}), 83);
    assert.equal(alphabetOf({ special: true, lower: true, upper: false, numeric: false, overrideSpecial: "aab" }), 26);
    assert.equal(alphabetOf({ special: false, number: false }), 52);
  });

  for (const [level, length] of [
    ["CRITICAL", 64],
    ["HIGH", 64],
    ["MEDIUM", 32],
    ["LOW", 32],
  ] as const)
    it(`asks for ${length} characters of hex from ${level}`, async () => {
      assert.deepEqual(await judged(level, length), []);
      assert.equal((await judged(level, length - 1)).length, 1);
    });

  it("says bits, limit and the length that has them", async () => {
    assert.deepEqual(await judged("HIGH", 32), [
      "shop/TOKEN/value has 128 bits (length 32 from 16 characters) and needs 256 for class HIGH: type length 64 or more",
    ]);
  });

  it("asks for 128 bits in staging, by the stack's name or by its prechecks", async () => {
    assert.deepEqual(await judged("HIGH", 32, "staging"), []);
    assert.match((await judged("HIGH", 31, "staging"))[0] ?? "", /needs 128 for staging/);
    const precheck = resource(types.precheck, "shop/TOKEN/precheck", { environment: "staging" });
    const after = [schedule("shop/TOKEN"), precheck];
    assert.deepEqual(await judge(entropy, password("shop/TOKEN", { length: 32, ...hex }), { after }), []);
  });

  it("asks for the least where no schedule tells the class", async () => {
    assert.deepEqual(await judge(entropy, password("shop/TOKEN", { length: 32, ...hex })), []);
    assert.match((await judge(entropy, password("shop/TOKEN", { length: 31, ...hex })))[0] ?? "", /128 for any secret/);
  });

  it("says nothing of values that a preview does not know", async () => {
    assert.deepEqual(await judged("HIGH", unknown), []);
    const after = [schedule("shop/TOKEN", { class: unknown })];
    assert.deepEqual(await judge(entropy, password("shop/TOKEN", { length: 32, ...hex }), { after }), []);
    const special = password("shop/TOKEN", { length: 40, ...hex, overrideSpecial: unknown });
    assert.deepEqual(await judge(entropy, special, { after: [schedule("shop/TOKEN")] }), []);
  });

  it("takes bits and exceptions from the configuration", async () => {
    assert.equal((await judged("MEDIUM", 32, "dev", { bits: { MEDIUM: 256 } })).length, 1);
    assert.deepEqual(await judged("HIGH", 64, "dev", { bits: { MEDIUM: 256 } }), []);
    assert.deepEqual(await judged("HIGH", 1, "dev", { except: ["shop/*"] }), []);
  });
});

describe("no-value-in-id", () => {
  for (const type of showing)
    it(`refuses ${type.split(":")[2]}`, async () => {
      const said = await judge(noValueInId, resource(type, "shop/TOKEN/value", {}));
      assert.match(said[0] ?? "", /shows its value as its plain id: use RandomPassword/);
    });

  it("passes RandomPassword, and what the configuration calls no secret", async () => {
    assert.deepEqual(await judge(noValueInId, password("shop/TOKEN")), []);
    const suffix = resource(showing[1] ?? "", "bucket-suffix", {});
    assert.deepEqual(await judge(noValueInId, suffix, { config: { except: ["*-suffix"] } }), []);
  });

  it("needs no value to be known", async () => {
    assert.equal((await judge(noValueInId, resource(showing[0] ?? "", "a/B/value", { length: unknown }))).length, 1);
  });
});
