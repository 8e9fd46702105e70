import assert from "node:assert/strict";
import { Secret } from "@pulumi/policy";
import { notDefeated } from "../../../policies/rules/defeat.ts";
import { secretDestinations } from "../../../policies/rules/destinations.ts";
import { bridgedVercel } from "../../../policies/rules/kinds.ts";
import { types } from "../../../policies/rules/run.ts";
import { actionsSecret, destination, judge, password, resource, schedule, unknown } from "./harness.ts";

const canary = "CANARY-4711";

describe("values-stay-secret", () => {
  const render = (value: unknown) => resource(destination, "shop/TOKEN/render-api", { key: "TOKEN", value });

  it("passes secrets", async () => {
    assert.deepEqual(await judge(secretDestinations, render(new Secret(canary))), []);
    const entries = { stringData: { TOKEN: new Secret(canary), OTHER: new Secret(canary) } };
    const kubernetes = resource("kubernetes:core/v1:Secret", "shop/TOKEN/kubernetes", entries);
    assert.deepEqual(await judge(secretDestinations, kubernetes), []);
  });

  it("refuses plain values, and never prints them", async () => {
    for (const declared of [
      render(canary),
      resource(actionsSecret, "shop/TOKEN/github", { value: canary }),
      resource("vault:kv/secretV2:SecretV2", "shop/TOKEN/vault", { dataJson: JSON.stringify({ value: canary }) }),
      resource("kubernetes:core/v1:Secret", "shop/TOKEN/kubernetes", { stringData: { A: new Secret("a"), B: canary } }),
      resource(types.overlap, "shop/TOKEN/overlap", { value: canary }),
    ]) {
      const said = await judge(secretDestinations, declared);
      assert.equal(said.length, 1, declared.type);
      assert.match(said[0] ?? "", /is given a plain \w+, which the state would show: wrap it in pulumi.secret/);
      assert.ok(!said.join().includes(canary));
    }
  });

  it("refuses GitHub's other ways to hand over a value, known or not", async () => {
    for (const property of ["plaintextValue", "encryptedValue", "valueEncrypted"])
      for (const value of [new Secret(canary), canary, unknown]) {
        const said = await judge(
          secretDestinations,
          resource(actionsSecret, "shop/TOKEN/github", { [property]: value }),
        );
        assert.deepEqual(said, [`shop/TOKEN/github sets ${property}: type value in its place, with a secret output`]);
      }
  });

  it("says nothing of values that a preview does not know", async () => {
    assert.deepEqual(await judge(secretDestinations, render(unknown)), []);
    assert.deepEqual(await judge(secretDestinations, render(new Secret(unknown))), []);
  });

  it("refuses Vercel's own variables, and by configuration only those that are not sensitive", async () => {
    const variable = (sensitive: unknown) =>
      resource(bridgedVercel[0] ?? "", "shop/TOKEN/vercel", { key: "TOKEN", value: new Secret(canary), sensitive });
    assert.match((await judge(secretDestinations, variable(true)))[0] ?? "", /use VercelEnvVar/);
    assert.equal((await judge(secretDestinations, variable(false))).length, 2);
    const config = { bridgedVercel: true };
    assert.deepEqual(await judge(secretDestinations, variable(true), { config }), []);
    assert.deepEqual(await judge(secretDestinations, variable(unknown), { config }), []);
    assert.match((await judge(secretDestinations, variable(undefined), { config }))[0] ?? "", /type sensitive: true/);
  });
});

describe("rotation-not-defeated", () => {
  const clock = resource(types.clock, "shop/TOKEN/clock");
  const render = resource(destination, "shop/TOKEN/render-api");
  const parts = [
    clock,
    render,
    password("shop/TOKEN"),
    schedule("shop/TOKEN"),
    resource(types.overlap, "shop/TOKEN/overlap"),
  ];

  it("passes resources without such options, and those that are no part of a rotation", async () => {
    for (const part of parts) assert.deepEqual(await judge(notDefeated, part), []);
    const bucket = resource("aws:s3/bucket:Bucket", "logs", {}, { opts: { protect: true, ignoreChanges: ["tags"] } });
    assert.deepEqual(await judge(notDefeated, bucket), []);
  });

  it("refuses ignoreChanges on every part", async () => {
    for (const part of parts) {
      const said = await judge(notDefeated, { ...part, opts: { ignoreChanges: ["*"] } });
      assert.match(said[0] ?? "", /ignores changes of \*, so a rotation would pass it by: remove it/);
    }
  });

  it("refuses protect on what each rotation replaces, and on nothing else", async () => {
    const counts = await Promise.all(parts.map((part) => judge(notDefeated, { ...part, opts: { protect: true } })));
    assert.deepEqual(
      counts.map((said) => said.length),
      [1, 0, 1, 0, 0],
    );
  });

  it("refuses to delete a destination before its replacement is there", async () => {
    const said = await judge(notDefeated, { ...render, opts: { deleteBeforeReplace: true } });
    assert.match(said[0] ?? "", /has deleteBeforeReplace, which leaves its consumers without a value/);
  });

  it("lets the configuration ignore what no rotation changes, and nothing else", async () => {
    const config = { ignorable: ["metadata*", "value", "key*"] };
    const ignoring = (...ignoreChanges: string[]) =>
      judge(notDefeated, { ...render, opts: { ignoreChanges } }, { config });
    assert.deepEqual(await ignoring("metadata.annotations"), []);
    assert.equal((await ignoring("value")).length, 1);
    const keepers = { ...password("shop/TOKEN"), opts: { ignoreChanges: ["keepers", "keepers.window"] } };
    assert.equal((await judge(notDefeated, keepers, { config })).length, 2);
  });

  it("needs no value to be known", async () => {
    const all = { ...resource(destination, "a/B/c", { value: unknown }), opts: { ignoreChanges: ["value"] } };
    assert.equal((await judge(notDefeated, all)).length, 1);
  });
});
