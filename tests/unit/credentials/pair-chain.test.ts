// A key and its pair in Vault through whole rotations at the simulated vendors: issued, handed over and ended by a
// program, handed over and ended by a person.
import assert from "node:assert/strict";
import { anthropicKey } from "../../../provider/credentials/anthropic-key.ts";
import { openaiKey } from "../../../provider/credentials/openai-key.ts";
import { stripeKey } from "../../../provider/credentials/stripe-key.ts";
import { Secret, type Properties } from "../../../provider/wire/values.ts";
import { AnthropicSimulator } from "../../../sandbox/simulators/anthropic.ts";
import { OpenAiSimulator } from "../../../sandbox/simulators/openai.ts";
import { StripeSimulator } from "../../../sandbox/simulators/stripe.ts";
import { PairChain } from "./pair-chain.ts";
import { settingsOf } from "./vendors.ts";

const day = (number: number): string => `2027-01-${String(number).padStart(2, "0")}T03:00:00Z`;
const of = (value: string): Properties => ({ value: new Secret(value) });

describe("pairs of keys: OpenAI", () => {
  let sim: OpenAiSimulator;
  let chain: PairChain;
  const ours = (): string[] => sim.accounts.map((name) => name.slice(-2));
  beforeEach(async () => {
    sim = await new OpenAiSimulator({ adminKey: "sk-admin-a", project: "proj_abc", limitScale: 1000 }).start();
    const settings = { openaiUrl: `${sim.url}/v1`, openaiAdminKey: "sk-admin-a", patienceSeconds: "2" };
    chain = new PairChain(openaiKey(settingsOf(settings)));
  });
  afterEach(() => sim.stop());
  const args = { project: "proj_abc", quietMinutes: 0 };

  it("rotates by the clock: secondary, primary, the old one secondary until it ends, then gone", async () => {
    await chain.run({ now: day(1), args });
    await chain.run({ now: day(2), window: "w2" });
    await chain.run({ now: day(2) });
    const [first, second] = [chain.entry.versions[0]?.primary_key, chain.entry.versions.at(-1)?.primary_key];
    assert.deepEqual(chain.entry.pairs, [`${first}/-`, `${first}/${second}`, `${second}/${first}`]);
    assert.deepEqual(ours(), ["g1", "g2"]);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await chain.run({ now: day(4) });
    assert.deepEqual([chain.entry.pairs.at(-1), ours()], [`${second}/-`, ["g2"]]);
    assert.equal(chain.out("Revocation", "done"), true);
  });

  it("leaves the old one primary and valid while creation or proof fail, and orphans nothing", async () => {
    await chain.run({ now: day(1), args });
    const first = chain.entry.versions[0]?.primary_key;
    sim.faults.add({ kind: "status", status: 403, match: { method: "POST" } });
    await assert.rejects(chain.run({ now: day(2), window: "w2" }), /may not do this/);
    sim.faults.add({ kind: "lost-reply", match: { method: "POST" } });
    sim.faults.add({ kind: "status", status: 401, skip: 1, times: 50, match: { method: "GET", path: /models/ } });
    await assert.rejects(chain.run({ now: day(2), window: "w2" }), /is not promoted: OpenAI does not accept the key/);
    const staged = chain.entry.versions.at(-1);
    assert.equal(staged?.primary_key, first);
    assert.deepEqual(ours(), ["g1", "g2"]);
    sim.faults.clear();
    await chain.run({ now: day(2), window: "w2" });
    assert.deepEqual(chain.entry.pairs.at(-1), `${staged?.secondary_key}/${first}`);
    assert.deepEqual(ours(), ["g1", "g2"]);
  }).timeout(20_000);
});

describe("pairs of keys: Anthropic", () => {
  const [one, two, three] = ["One0", "Two0", "Thr0"].map(
    (name) => `sk-ant-api03-${name}${"x".repeat(60)}${name}AA`,
  ) as [string, string, string];
  let sim: AnthropicSimulator;
  let chain: PairChain;
  beforeEach(async () => {
    const keys = [one, two, three].map((token, at) => ({ name: `key-${at + 1}`, token }));
    sim = await new AnthropicSimulator({ adminKey: "sk-ant-admin01-a", keys, limitScale: 1000 }).start();
    const settings = { anthropicUrl: sim.url, anthropicAdminKey: "sk-ant-admin01-a", patienceSeconds: "2" };
    chain = new PairChain(anthropicKey(settingsOf(settings)));
    await chain.run({ now: day(1), args: of(one) });
  });
  afterEach(() => sim.stop());

  it("rotates when another value is handed over, and by nothing else", async () => {
    await chain.run({ now: day(2), window: "w2", forced: 2 });
    assert.deepEqual([chain.entry.pairs, chain.out("Credential", "generation")], [[`${one}/-`], 1]);
    await chain.run({ now: day(3), args: of(two) });
    assert.deepEqual(chain.entry.pairs.slice(1), [`${one}/${two}`, `${two}/${one}`]);
    assert.deepEqual(sim.liveKeys, ["key-1", "key-2", "key-3"], "nothing has ended yet");
    await chain.run({ now: day(5) });
    assert.deepEqual([chain.entry.pairs.at(-1), sim.liveKeys], [`${two}/-`, ["key-2", "key-3"]]);
  });

  it("makes the key before the last inactive when a third one comes early, and keeps the two that are in Vault", async () => {
    await chain.run({ now: day(2), args: of(two), forced: 2 });
    await chain.run({ now: day(2), args: of(three), forced: 3 });
    assert.deepEqual([chain.entry.pairs.at(-1), sim.liveKeys], [`${three}/${two}`, ["key-2", "key-3"]]);
  });

  it("takes the last key back without ending it on the way", async () => {
    await chain.run({ now: day(2), args: of(two), forced: 2 });
    await chain.run({ now: day(2), args: of(one), forced: 3 });
    assert.deepEqual(chain.entry.pairs.at(-1), `${one}/${two}`);
    await chain.run({ now: day(4) });
    assert.deepEqual([chain.entry.pairs.at(-1), sim.liveKeys], [`${one}/-`, ["key-1", "key-3"]]);
  });

  it("goes on after an answer that is lost when the old one ends", async () => {
    await chain.run({ now: day(2), args: of(two), forced: 2 });
    sim.faults.add({ kind: "lost-reply", times: 10, match: { method: "POST" } });
    await assert.rejects(chain.run({ now: day(4) }), /gave no answer .*make key apikey_\w+ inactive/);
    assert.equal(chain.entry.pairs.at(-1), `${two}/${one}`);
    sim.faults.clear();
    await chain.run({ now: day(4) });
    assert.deepEqual([chain.entry.pairs.at(-1), sim.liveKeys], [`${two}/-`, ["key-2", "key-3"]]);
  }).timeout(30_000);
});

describe("pairs of keys: Stripe", () => {
  const [one, two, three] = ["a", "b", "c"].map((letter) => `rk_test_${letter.repeat(40)}`) as [string, string, string];
  let sim: StripeSimulator;
  let chain: PairChain;
  beforeEach(async () => {
    const keys = [one, two, three].map((token, at) => ({ name: `key-${at + 1}`, token }));
    sim = await new StripeSimulator({ keys }).start();
    chain = new PairChain(stripeKey(settingsOf({ stripeUrl: sim.url, patienceSeconds: "2" })));
    await chain.run({ now: day(1), args: of(one) });
    await chain.run({ now: day(2), args: of(two), forced: 2 });
  });
  afterEach(() => sim.stop());

  it("asks in every run whether a person has ended the old one, and takes it out of Vault then", async () => {
    await chain.run({ now: day(4) });
    assert.deepEqual([chain.out("Revocation", "done"), chain.out("Revocation", "held")], [false, 1]);
    assert.match(chain.said.join("\n"), /KEY: test-key-\w+ is not revoked yet: only a person can end it, at https/);
    assert.equal(chain.entry.pairs.at(-1), `${two}/${one}`);
    sim.revokeKey(one);
    await chain.run({ now: day(5) });
    assert.deepEqual([chain.entry.pairs.at(-1), chain.out("Revocation", "done")], [`${two}/-`, true]);
    assert.ok(![one, two].some((value) => chain.said.join("\n").includes(value)));
  });

  it("refuses a third key while the first is alive, so that none is lost sight of", async () => {
    await assert.rejects(
      chain.run({ now: day(4), args: of(three), forced: 3 }),
      /KEY is not rotated, and nothing was written: test-key-\w+, the one before .* only a person can end it/,
    );
    assert.equal(chain.entry.pairs.at(-1), `${two}/${one}`);
    sim.revokeKey(one);
    await chain.run({ now: day(4), args: of(three), forced: 3 });
    assert.equal(chain.entry.pairs.at(-1), `${three}/${two}`);
  });
});
