// What holds of the pack as a whole: no rule stands in for another, all are bounded, and none prints a value.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PolicyConfigSchema } from "@pulumi/policy";
import { rules } from "../../../policies/rules/all.ts";
import { destinations, showing } from "../../../policies/rules/kinds.ts";
import type { Rule } from "../../../policies/rules/rule.ts";
import { readRun, types } from "../../../policies/rules/run.ts";
import { destination, judge, now, judgeStack, password, resource, schedule, type Declared } from "./harness.ts";

type Schema = PolicyConfigSchema["properties"][string];

const root = join(import.meta.dirname, "..", "..", "..");
const clock = resource(
  types.clock,
  "shop/TOKEN/clock",
  { rotationDays: 30, rfc3339: "2026-04-20T03:00:00Z" },
  { from: { rfc3339: ["shop/TOKEN/schedule"] } },
);
const value: Declared = { ...password("shop/TOKEN"), from: { keepers: ["shop/TOKEN/clock"] } };
const proofs = [{ consumer: "api", instances: 2 }];

/** A secret in production that nothing can be said against, with parts exchanged by name. */
function stack(...changed: Declared[]): Declared[] {
  const parts = [
    schedule("shop/TOKEN"),
    clock,
    value,
    resource(types.overlap, "shop/TOKEN/overlap", { graceHours: 24 }),
    resource(destination, "shop/TOKEN/render-api", {}),
    resource(types.verification, "shop/TOKEN/verification", { health: [], proofs }),
  ];
  const others = changed.filter(({ name }) => !parts.some((part) => part.name === name));
  return [...parts.map((part) => changed.find(({ name }) => name === part.name) ?? part), ...others];
}

async function judgeAll(judges: readonly Rule[], resources: Declared[]): Promise<string[]> {
  const said: string[] = [];
  for (const rule of judges)
    if (rule.stack) said.push(...(await judgeStack(rule, resources, { stack: "production" })));
    else
      for (const [index, declared] of resources.entries())
        said.push(...(await judge(rule, declared, { after: resources.slice(0, index), stack: "production" })));
  return said;
}

/** For each rule a mistake that no other rule notices. */
const guarded: Record<string, Declared[]> = {
  "interval-by-class": stack(schedule("shop/TOKEN", { intervalDays: 91 })),
  "clock-in-days": stack({ ...clock, props: { rotationMonths: 1 } }),
  "clock-follows-schedule": stack({ ...clock, from: {} }),
  "not-overdue": stack(schedule("shop/TOKEN", { dueAt: "2026-04-01T00:00:00Z" })),
  "material-has-keepers": stack(
    resource("tls:index/privateKey:PrivateKey", "shop/TOKEN/key", { algorithm: "ED25519" }),
  ),
  "material-keyed-by-clock": stack({ ...value, from: { keepers: ["shop/TOKEN/schedule"] } }),
  "entropy-by-class": stack({ ...value, props: { ...value.props, length: 32 } }),
  "no-value-in-id": stack(resource(showing[0] ?? "", "shop/TOKEN/random")),
  "no-value-in-plain": stack(
    { ...value, props: { ...value.props, result: "a-value-that-is-shown" } },
    resource("pulumi:pulumi:Stack", "tests-dev", { token: "a-value-that-is-shown" }),
  ),
  "values-stay-secret": stack(resource(destination, "shop/TOKEN/render-api", { value: "plain" })),
  "rotation-not-defeated": stack({ ...value, opts: { ignoreChanges: ["keepers"] } }),
  "production-window": stack(schedule("shop/TOKEN", { hours: undefined })),
  "production-replicas": stack(
    resource(types.verification, "shop/TOKEN/verification", { proofs: [{ consumer: "api", instances: 1 }] }),
  ),
  "production-approved": stack(schedule("shop/TOKEN", { window: now })),
  "grace-covers-consumers": stack(resource(types.overlap, "shop/TOKEN/overlap", { graceHours: 0.5 })),
  "secret-complete": stack(schedule("shop/TOKEN", { owner: undefined })),
  "vendor-secrets-known": stack(
    resource(types.vendorNames, "vendor-names", { places: [{ place: "render:srv-1", names: ["OLD_KEY"] }], plain: [] }),
  ),
};

describe("the pack", () => {
  it("has nothing to say against a secret that is as it should be", async () => {
    assert.deepEqual(await judgeAll(rules, stack()), []);
  });

  for (const rule of rules)
    it(`lets a mistake pass unseen without ${rule.name}`, async () => {
      const mistake = guarded[rule.name];
      assert.ok(mistake, `${rule.name} guards nothing that this test knows`);
      assert.equal((await judgeAll(rules, mistake)).length, 1);
      assert.deepEqual(
        await judgeAll(
          rules.filter((other) => other !== rule),
          mistake,
        ),
        [],
      );
    });

  it("stops a run by every rule but those whose finding stopping would not mend", () => {
    const weak = rules.filter(({ level }) => level !== "mandatory" && level !== "remediate").map(({ name }) => name);
    assert.deepEqual(weak, ["not-overdue", "vendor-secrets-known"]);
  });

  it("names each rule once, and in docs/policies.md", async () => {
    const page = await readFile(join(root, "docs", "policies.md"), "utf8");
    assert.equal(new Set(rules.map(({ name }) => name)).size, rules.length);
    for (const { name } of rules) assert.ok(page.includes(`\`${name}\``), `${name} is missing in docs/policies.md`);
  });

  it("bounds every number, list and name of its configuration, with a default inside", () => {
    const check = (schema: Schema | boolean, at: string): void => {
      if (typeof schema === "boolean") return;
      if (schema.type === "integer" || schema.type === "number")
        assert.ok(schema.minimum !== undefined && schema.maximum !== undefined, `${at} has no bounds`);
      if (schema.type === "array") assert.ok(schema.maxItems !== undefined, `${at} has no bounds`);
      if (typeof schema.default === "number")
        assert.ok(schema.default >= (schema.minimum ?? 0) && schema.default <= (schema.maximum ?? 0), `${at}: default`);
      for (const [name, inner] of Object.entries(schema.properties ?? {})) check(inner, `${at}.${name}`);
      if (schema.additionalProperties) check(schema.additionalProperties, `${at}.*`);
      if (schema.type === "object") assert.ok(schema.additionalProperties !== undefined, `${at} is open`);
    };
    for (const { name, schema } of rules)
      for (const [property, inner] of Object.entries(schema)) check(inner, `${name}.${property}`);
  });

  it("says one line at a time, and never a value", async () => {
    const canary = "CANARY-4711";
    const carriers = Object.entries(destinations).map(([type, { values, refused }], index) =>
      resource(type, `shop/LEAK/there-${index}`, {
        ...Object.fromEntries([...values, ...Object.keys(refused ?? {})].map((property) => [property, canary])),
      }),
    );
    const said = await judgeAll(rules, [
      ...carriers,
      resource(types.overlap, "shop/LEAK/overlap", { value: canary, current: canary, previous: canary }),
      password("shop/LEAK", { length: 1, result: canary, bcryptHash: canary, keepers: { value: canary } }),
      resource(types.verification, "shop/LEAK/verification", { value: canary }),
      resource(types.credential, "shop/LEAK/credential", { value: canary, current: canary, graceHours: 1 }),
    ]);
    assert.ok(said.length > carriers.length);
    for (const message of said) assert.ok(!message.includes(canary) && !message.includes("\n"), message);
  });

  it("takes its time from ROTATION_NOW, and refuses what is no date", () => {
    assert.equal(readRun({ ROTATION_NOW: "2030-01-31T02:00:00Z" }).now.getUTCFullYear(), 2030);
    assert.throws(
      () => readRun({ ROTATION_NOW: "tomorrow" }),
      /ROTATION_NOW is "tomorrow", which is no date; write it/,
    );
  });
});
