// IntelliFlow's keys at its vendors, each a pair in Vault, over the whole of their lives: what a consumer that falls
// back sees, what the vendors accept, and what a person does where no program can.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Row } from "../../cli/inventory.ts";
import { configFile, pulumi } from "../../sandbox/stack.ts";
import { PairClient, readPair, type Pair } from "../support/pair-client.ts";
import { Typist, type Typed } from "../support/type.ts";
import { World, type Run } from "../support/world.ts";

const key = (prefix: string, letter: string): string => `${prefix}${letter.repeat(60)}${letter}AA`;
const anthropicKeys = ["p", "q"].map((letter) => key("sk-ant-api03-", letter)) as [string, string];
const stripeKeys = ["r", "s"].map((letter) => key("rk_test_", letter)) as [string, string];

describe("pairs of vendor keys, on the real engine", () => {
  let world: World;
  let typist: Typist;
  const said: string[] = [];
  const values = new Set<string>([...anthropicKeys, ...stripeKeys]);

  const env = (name: string): string => world.sandbox.env[name] ?? "";
  async function opens(url: string, headers: Record<string, string>): Promise<boolean> {
    const response = await fetch(url, { headers: { ...headers, connection: "close" } });
    await response.body?.cancel();
    if (response.status !== 200 && response.status !== 401) throw new Error(`${url} answered ${response.status}`);
    return response.ok;
  }
  const vendor = {
    openai: (value: string) => opens(`${env("OPENAI_API_URL")}/models/gpt-5`, { authorization: `Bearer ${value}` }),
    anthropic: (value: string) =>
      opens(`${env("ANTHROPIC_API_URL")}/v1/models/any`, { "x-api-key": value, "anthropic-version": "2023-06-01" }),
    stripe: (value: string) => opens(`${env("STRIPE_API_URL")}/v1/balance`, { authorization: `Bearer ${value}` }),
  };
  async function pair(name: string, version = ""): Promise<Pair> {
    const found = await readPair(world, `intelliflow/${name}`, version);
    for (const value of [found.primary_key, found.secondary_key]) if (value) values.add(value);
    return found;
  }
  async function up(settings: Parameters<World["up"]>[0] = {}): Promise<Run> {
    const run = await world.up(settings);
    const events = run.events.split("\n").filter((line) => !line.includes('"severity":"debug"'));
    said.push(run.output, events.join("\n"));
    return run;
  }
  const accounts = (): string[] => world.sandbox.simulators.openai.accounts;
  /** Which generations OpenAI holds an account for; one twice is an orphan. */
  const ours = (): string[] =>
    accounts().map((name) => name.replace(/^secret-rotation-.*-intelliflow-openai-api-key-/, ""));
  const config = (): string => readFileSync(configFile(world.dir), "utf8");

  const rotate = (now: string, args: string[], input = ""): Promise<Typed> =>
    typist.type(now, args, { input, env: { PULUMI_OPTION_CWD: world.cwd() } });
  async function row(now: string, secret: string): Promise<Row | undefined> {
    const { out } = await rotate(now, ["status", "--json"]);
    return (JSON.parse(out) as { secrets: Row[] }).secrets.find((each) => each.secret === secret);
  }

  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    typist = new Typist(world);
    world.program = "vendor-pairs";
  });
  after(async () => world.stop());

  it("takes over a key that a person made and put into Vault, and waits for those that only a person can bring", async () => {
    const { openaiApiKey: byHand } = world.sandbox.secrets;
    values.add(byHand);
    const response = await fetch(`${env("VAULT_ADDR")}/v1/secret/data/intelliflow/openai`, {
      method: "POST",
      headers: { "x-vault-token": env("VAULT_TOKEN") },
      body: JSON.stringify({ data: { primary_key: byHand, organisation: "org-1" } }),
    });
    assert.equal(response.status, 200);
    const run = await up();
    assert.equal(run.code, 0, run.output);
    assert.match(run.output, /intelliflow\/ANTHROPIC_API_KEY waits for a person .*rotate hand-over ANTHROPIC_API_KEY/);
    assert.match(run.output, /intelliflow\/STRIPE_API_KEY waits for a person/);
    const staged = await pair("openai", "2");
    const now = await pair("openai");
    assert.deepEqual([staged.primary_key, staged.secondary_key], [byHand, now.primary_key], "secondary, until proven");
    assert.deepEqual(Object.keys(now).sort(), ["generation", "organisation", "primary_key"]);
    assert.deepEqual([await vendor.openai(now.primary_key ?? ""), await vendor.openai(byHand)], [true, true]);
    assert.deepEqual(ours(), ["g1"]);
    const idle = await up({ now: world.later(0, 1) });
    assert.deepEqual([idle.code, idle.steps], [0, []], idle.output);
  });

  it("stores nothing of a key that its vendor refuses, and what is accepted goes to Vault alone with a run", async () => {
    const { anthropic, stripe } = world.sandbox.simulators;
    const before = config();
    for (const [name, value, why] of [
      ["ANTHROPIC_API_KEY", anthropicKeys[0], /Anthropic does not accept it \(401\)\. Nothing was stored/],
      ["STRIPE_API_KEY", stripeKeys[0], /Stripe does not accept it \(401\)\. Nothing was stored/],
      ["STRIPE_API_KEY", `sk_live_${"t".repeat(40)}`, /does not look like .*Nothing was stored/],
    ] as const) {
      const refused = await rotate(world.now, ["hand-over", name], `${value}\n`);
      assert.equal(refused.code, 1, refused.said);
      assert.match(refused.said, why);
    }
    assert.equal(config(), before);
    anthropic.addKey("intelliflow-1", anthropicKeys[0]);
    stripe.addKey("intelliflow-1", stripeKeys[0]);
    const brought = await rotate(world.now, ["hand-over", "ANTHROPIC_API_KEY"], `${anthropicKeys[0]}\n`);
    assert.equal(brought.code, 0, brought.said);
    assert.match(brought.said, /proven: Anthropic knows it as intelliflow-1/);
    assert.equal((await rotate(world.now, ["hand-over", "STRIPE_API_KEY"], `${stripeKeys[0]}\n`)).code, 0);
    const run = await up();
    assert.equal(run.code, 0, run.output);
    assert.deepEqual(await pair("anthropic"), { primary_key: anthropicKeys[0], generation: 1 });
    assert.deepEqual(await pair("stripe"), { primary_key: stripeKeys[0], generation: 1 });
  });

  it("rotates by the clock and by hand with both keys accepted, and no request of a consumer fails", async () => {
    const { anthropic, stripe } = world.sandbox.simulators;
    const old = (await pair("openai")).primary_key ?? "";
    const now = world.later(91);
    const client = new PairClient(world, "intelliflow/openai", vendor.openai);
    const run = await up({ now });
    await client.stop();
    assert.equal(run.code, 0, run.output);
    assert.deepEqual([client.failures, client.fallbacks], [[], 0]);
    assert.ok(client.requests > 50, `${client.requests} requests`);
    const { primary_key: fresh = "", secondary_key: secondary } = await pair("openai");
    assert.notEqual(fresh, old);
    assert.equal(secondary, old);
    assert.deepEqual([await vendor.openai(old), await vendor.openai(fresh)], [true, true]);

    anthropic.addKey("intelliflow-2", anthropicKeys[1]);
    stripe.addKey("intelliflow-2", stripeKeys[1]);
    for (const [name, path, [before, after], accepted] of [
      ["ANTHROPIC_API_KEY", "anthropic", anthropicKeys, vendor.anthropic],
      ["STRIPE_API_KEY", "stripe", stripeKeys, vendor.stripe],
    ] as const) {
      const typed = await rotate(now, ["hand-over", name], `${after}\n`);
      assert.equal(typed.code, 0, typed.said);
      assert.deepEqual(await pair(path), { primary_key: after, secondary_key: before, generation: 2 });
      assert.deepEqual([await accepted(before), await accepted(after)], [true, true], name);
    }
    world.now = now;
  });

  it("ends the old keys after the grace period where a program can, and goes on asking where only a person can", async () => {
    const { stripe } = world.sandbox.simulators;
    const { secondary_key: old = "" } = await pair("openai");
    const early = await up({ now: world.later(0, 0.5) });
    assert.deepEqual([early.code, early.steps], [0, []], "within the grace period nothing ends");
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const late = world.later(0, 2);
    const run = await up({ now: late });
    assert.equal(run.code, 0, run.output);
    assert.equal(await vendor.openai(old), false);
    assert.deepEqual(
      [await vendor.anthropic(anthropicKeys[0]), await vendor.anthropic(anthropicKeys[1])],
      [false, true],
    );
    assert.deepEqual(Object.keys(await pair("openai")).sort(), ["generation", "organisation", "primary_key"]);
    assert.deepEqual(await pair("anthropic"), { primary_key: anthropicKeys[1], generation: 2 });
    assert.deepEqual(ours(), ["g2"]);

    assert.match(run.output, /STRIPE_API_KEY: test-key-\w+ is not revoked yet: only a person can end it, at https/);
    assert.equal((await pair("stripe")).secondary_key, stripeKeys[0], "secondary until it has ended");
    const held = await row(late, "STRIPE_API_KEY");
    assert.deepEqual([held?.state, held?.why.includes("only a person can end it")], ["held", true]);
    assert.equal((await rotate(late, ["hand-over", "STRIPE_API_KEY", "--check-old"])).code, 3, "still alive");
    stripe.revokeKey(stripeKeys[0]);
    assert.equal((await rotate(late, ["hand-over", "STRIPE_API_KEY", "--check-old"])).code, 0);
    const seen = await up({ now: world.later(0, 3) });
    assert.equal(seen.code, 0, seen.output);
    assert.deepEqual(await pair("stripe"), { primary_key: stripeKeys[1], generation: 2 });
    assert.equal((await row(world.later(0, 3), "STRIPE_API_KEY"))?.state, "ok");
  });

  it("leaves the old key valid and primary when the vendor fails, and the new one saves who falls back to it", async () => {
    const { openai } = world.sandbox.simulators;
    const before = await pair("openai");
    const old = before.primary_key ?? "";
    const now = world.later(91);
    const patience = { ROTATION_PATIENCE_SECONDS: "2" };
    openai.faults.add({ kind: "status", status: 403, match: { method: "POST", path: /service_accounts/ } });
    const refused = await up({ now, env: patience });
    assert.notEqual(refused.code, 0);
    assert.match(refused.output, /OPENAI_ADMIN_KEY may not do this/);
    assert.deepEqual([await pair("openai"), await vendor.openai(old)], [before, true]);

    // Its creation is lost once; what is made then works at first, and is refused when it stands in Vault.
    openai.faults.add({ kind: "lost-reply", match: { method: "POST", path: /service_accounts/ } });
    // The key before the old one is asked about once, then the new one before it goes into Vault.
    openai.faults.add({ kind: "status", status: 401, skip: 2, times: 100, match: { method: "GET", path: /models$/ } });
    const client = new PairClient(world, "intelliflow/openai", vendor.openai);
    const staged = await up({ now, env: patience });
    assert.notEqual(staged.code, 0);
    assert.match(staged.output, /OPENAI_API_KEY is not promoted: OpenAI does not accept the key/);
    const { primary_key: primary, secondary_key: secondary = "" } = await pair("openai");
    assert.equal(primary, old);
    assert.deepEqual([await vendor.openai(old), await vendor.openai(secondary)], [true, true]);
    assert.equal(client.fallbacks, 0);
    // Somebody deletes the old one too early.
    openai.removeAccount(accounts().find((name) => name.endsWith("-g2")) ?? "");
    const lost = client.requests;
    while (client.requests < lost + 20) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(client.fallbacks > 10, `${client.fallbacks} fell back`);
    openai.faults.clear();
    const mended = await up({ now });
    await client.stop();
    assert.equal(mended.code, 0, mended.output);
    assert.deepEqual(client.failures, [], "nobody was refused by both");
    assert.deepEqual((await pair("openai")).primary_key, secondary, "the one that was made then, not another");
    assert.deepEqual(ours(), ["g3"]);
    world.now = now;
  });

  it("goes on after a kill right behind a creation, with nothing orphaned at the vendor", async () => {
    const { effects } = world.sandbox.simulators;
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const settled = await up({ now: world.later(0, 3) });
    assert.equal(settled.code, 0, settled.output);
    const old = (await pair("openai")).primary_key ?? "";
    let pid = 0;
    const stop = effects.subscribe(({ vendor: at, kind }) => {
      if (at !== "openai" || kind !== "key.create" || !pid) return;
      process.kill(pid, "SIGKILL");
      pid = 0;
    });
    const now = world.later(91);
    const killed = await up({ now, onStart: (started) => (pid = started) });
    stop();
    assert.notEqual(killed.code, 0);
    assert.deepEqual([(await pair("openai")).primary_key, await vendor.openai(old)], [old, true]);
    await pulumi(["cancel", "--yes"], { env: world.sandbox.env, cwd: world.cwd() });
    const next = await up({ now });
    assert.equal(next.code, 0, next.output);
    const { primary_key: fresh = "", secondary_key: secondary } = await pair("openai");
    assert.deepEqual([secondary, await vendor.openai(old), await vendor.openai(fresh)], [old, true, true]);
    assert.deepEqual(ours(), ["g3", "g4"]);
    assert.equal((await world.inventory("intelliflow")).get("OPENAI_API_KEY")?.generation, 4);
  });

  it("never prints a value, nor keeps one in plain in the state or the config", async () => {
    const exported = await pulumi(["stack", "export"], { env: world.sandbox.env, cwd: world.cwd() });
    const written = [...said, ...typist.everything, exported.stdout, config()].join("\n");
    assert.ok(written.length > 20_000 && values.size >= 8);
    for (const value of values) assert.ok(!written.includes(value), `a value of ${value.length} characters`);
  });
});
