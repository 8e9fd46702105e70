// Keys that people make and programs end, or cannot end: Anthropic and Stripe.
import assert from "node:assert/strict";
import { anthropicKey } from "../../../provider/credentials/anthropic-key.ts";
import type { CredentialKind } from "../../../provider/credentials/kind.ts";
import { stripeKey } from "../../../provider/credentials/stripe-key.ts";
import { fits } from "../../../provider/vendors/anthropic.ts";
import { Secret, type Properties } from "../../../provider/wire/values.ts";
import { AnthropicSimulator } from "../../../sandbox/simulators/anthropic.ts";
import { StripeSimulator } from "../../../sandbox/simulators/stripe.ts";
import { issueOf, rotate, settingsOf } from "./vendors.ts";

const of = (value: string): Properties => ({ value: new Secret(value) });
const [one, two, other] = ["One0", "Two0", "Oth0"].map((name) => `sk-ant-api03-${name}${"x".repeat(60)}${name}AA`) as [
  string,
  string,
  string,
];

describe("credentials: Anthropic keys", () => {
  let sim: AnthropicSimulator;
  let kind: CredentialKind;
  beforeEach(async () => {
    const keys = [one, two].map((token, at) => ({ name: `intelliflow-${at + 1}`, token }));
    sim = await new AnthropicSimulator({ adminKey: "sk-ant-admin01-a", keys, limitScale: 1000 }).start();
    const settings = { anthropicUrl: sim.url, anthropicAdminKey: "sk-ant-admin01-a", patienceSeconds: "2" };
    kind = anthropicKey(settingsOf(settings));
  });
  afterEach(() => sim.stop());

  it("finds the key that was handed over, makes none, and makes the old one inactive", async () => {
    const first = await rotate(kind, of(one));
    const second = await rotate(kind, of(two), 2);
    assert.equal((await rotate(kind, of(two), 2)).reference, second.reference, "another attempt finds the same");
    assert.notEqual(first.reference, second.reference);
    assert.ok(!first.reference.includes("One0"));
    assert.equal(await kind.valid({}, first.reference, one), true);
    sim.faults.add({ kind: "lost-reply", match: { method: "POST" } });
    await kind.revoke({}, first.reference);
    assert.equal(await kind.valid({}, first.reference, one), false);
    assert.deepEqual(sim.liveKeys, ["intelliflow-2"]);
    await kind.revoke({}, first.reference);
    await kind.revoke({}, "apikey_gone");
    assert.deepEqual(
      [...new Set(sim.effects.list("anthropic").map(({ kind, subject }) => `${kind} ${subject}`))],
      ["key.inactive intelliflow-1"],
      "nothing else was touched",
    );
  });

  it("counts a key as valid that is accepted although it counts as inactive", async () => {
    assert.equal(await kind.valid({}, "apikey_gone", one), true);
    assert.equal(await kind.valid({}, "apikey_gone"), false);
  });

  it("refuses a key that the organisation does not list, and one that cannot be told from another", async () => {
    await assert.rejects(kind.issue(issueOf(of(other))), /lists no active key .* same organisation/);
    sim.addKey("twin", one.replace("xxxx", "yyyy"));
    await assert.rejects(kind.issue(issueOf(of(one))), (error: Error) => {
      assert.match(error.message, /lists 2 active keys .*intelliflow-1, twin/);
      assert.ok(!error.message.includes(one));
      return true;
    });
    sim.revokeKey(two);
    await assert.rejects(kind.issue(issueOf(of(two))), /lists no active key/);
  });

  it("does not prove a dead key", async () => {
    await assert.rejects(kind.prove({}, { value: other, reference: "apikey_1" }), /does not accept the key apikey_1/);
  }).timeout(10_000);

  it("says what is wrong with the admin key", async () => {
    const wrong = settingsOf({ anthropicUrl: sim.url, anthropicAdminKey: "sk-ant-admin01-b", patienceSeconds: "2" });
    await assert.rejects(anthropicKey(wrong).issue(issueOf(of(one))), /set ANTHROPIC_ADMIN_KEY/);
  });

  it("fits a hint by both of its ends, and nothing to a hint that shows nothing", () => {
    assert.equal(fits("sk-ant-api03-R2Dxxxxxxigaa", "sk-ant-api03-R2D...igaa"), true);
    assert.equal(fits("sk-ant-api03-R2Dxxxxxxigab", "sk-ant-api03-R2D...igaa"), false);
    assert.equal(fits("sk-ant-api03-R2Eaaaaaaigaa", "sk-ant-api03-R2D...igaa"), false);
    for (const hint of ["", "...", "sk...aa", "sk-ant-api03-"]) assert.equal(fits(one, hint), false, hint);
  });

  it("takes no other vendor's key, and shows none", () => {
    const [failure] = kind.validate(of("rk_live_abcdefghijklmnop"));
    assert.match(failure?.reason ?? "", /no key of Anthropic's/);
    assert.ok(!failure?.reason.includes("abcdefghijklmnop"));
    assert.deepEqual(kind.validate(of(one)), []);
  });
});

describe("credentials: Stripe keys", () => {
  const [old, fresh] = [`rk_test_${"a".repeat(40)}`, `rk_test_${"b".repeat(40)}`] as const;
  let sim: StripeSimulator;
  let kind: CredentialKind;
  beforeEach(async () => {
    const keys = [
      { name: "old", token: old },
      { name: "fresh", token: fresh },
    ];
    sim = await new StripeSimulator({ keys }).start();
    kind = stripeKey(settingsOf({ stripeUrl: sim.url, patienceSeconds: "2" }));
  });
  afterEach(() => sim.stop());

  it("knows a key by a fingerprint that says nothing of it, the same at each attempt", async () => {
    const [first, again, second] = [
      await rotate(kind, of(old)),
      await rotate(kind, of(old)),
      await rotate(kind, of(fresh)),
    ];
    assert.equal(first.reference, again.reference);
    assert.notEqual(first.reference, second.reference);
    assert.match(first.reference, /^test-key-[0-9a-f]{12}$/);
  });

  it("asks Stripe itself whether a key is dead, and what it cannot ask counts as alive", async () => {
    assert.equal(await kind.valid({}, "test-key-1", old), true);
    sim.revokeKey(old);
    assert.equal(await kind.valid({}, "test-key-1", old), false);
    assert.equal(await kind.valid({}, "test-key-1"), true);
    await assert.rejects(kind.prove({}, { value: old, reference: "test-key-1" }), (error: Error) => {
      assert.match(error.message, /does not accept the key test-key-1/);
      assert.ok(!error.message.includes(old));
      return true;
    });
  });

  it("takes a restricted key that may not read the balance, since Stripe knows it", async () => {
    sim.restrict("fresh");
    await rotate(kind, of(fresh));
  });

  it("says that only a person can end one", async () => {
    assert.match(kind.byHand ?? "", /only a person can end it, at https:\/\/dashboard\.stripe\.com\/apikeys/);
    await assert.rejects(kind.revoke({}, "test-key-1"), /cannot be ended by a program/);
  });

  it("refuses a key of the wrong mode, and what is no key, without showing it", () => {
    const reason = (args: Properties): string => kind.validate(args)[0]?.reason ?? "";
    assert.match(reason({ ...of(old), mode: "live" }), /a key for test mode, and this stack needs one for live mode/);
    assert.match(reason(of("sk-ant-api03-whatever")), /no key of Stripe's/);
    assert.match(reason({ ...of(old), mode: "both" }), /mode is "both"/);
    assert.equal(reason({ ...of(old), mode: "test" }), "");
    assert.ok(!reason({ ...of(old), mode: "live" }).includes(old));
  });
});
