import assert from "node:assert/strict";
import { coming } from "../../../ci/notice.ts";
import { rotations } from "../../../ci/plan.ts";
import { refuseReplacements } from "../../../ci/refuse-replacements.ts";
import { checkReason } from "../../../ci/request.ts";
import { resolveTargets } from "../../../ci/targets.ts";
import { nextStep, trouble } from "../../../ci/failure.ts";

const urn = (type: string, name: string) => `urn:pulumi:production::secret-rotation::x$${type}::${name}`;
const schedule = "rotation:index:Schedule";
const step = (op: string, type: string, name: string, old = {}, next = {}) => ({
  op,
  urn: urn(type, name),
  oldState: { type, inputs: old },
  newState: { type, inputs: next },
});
const state = (...resources: { name: string; inputs?: Record<string, unknown> }[]) => ({
  pending: [],
  resources: resources.map(({ name, inputs }) => ({ urn: urn(schedule, `${name}/schedule`), type: schedule, inputs })),
});

describe("what a preview says to CI", () => {
  it("counts as a rotation whatever makes, changes or removes a value, and nothing else", () => {
    const window = { window: "2027-02-01T03:00:00Z", generation: 1 };
    const steps = [
      step("update", schedule, "a/ANNOUNCED/schedule", window, { ...window, announced: "2027-03-01T03:00:00Z" }),
      step("update", schedule, "a/DUE/schedule", window, { ...window, window: "2027-03-01T03:00:00Z" }),
      step("update", schedule, "a/ASKED/schedule", window, { ...window, generation: 2 }),
      step("create", schedule, "a/NEW/schedule"),
      step("delete", schedule, "a/GONE/schedule"),
      step("replace", "random:index/randomPassword:RandomPassword", "a/LONGER/value"),
      step("same", "random:index/randomPassword:RandomPassword", "a/SAME/value"),
      step("update", "rotation:index:Notice", "a/TOLD/notice-due"),
      step(
        "update",
        "rotation:index:Overlap",
        "a/ENDS/overlap",
        { ...window, holds: true },
        { ...window, holds: false },
      ),
    ];
    assert.deepEqual(rotations({ steps }), ["a/DUE", "a/ASKED", "a/NEW", "a/GONE", "a/LONGER"]);
  });

  it("stops a run that would replace a destination or what remembers a secret, and names it", () => {
    const password = step("replace", "random:index/randomPassword:RandomPassword", "a/X/value");
    assert.doesNotThrow(() => refuseReplacements([password]));
    for (const type of [
      "vault:kv/secretV2:SecretV2",
      "rotation:render:EnvVar",
      "github:index/actionsSecret:ActionsSecret",
      schedule,
    ])
      for (const op of ["replace", "create-replacement", "delete-replaced"])
        assert.throws(
          () => refuseReplacements([step(op, type, "a/X/place")]),
          /would replace a\/X\/place, which deletes/,
        );
  });

  it("resolves names before they become targets", () => {
    const known = state({ name: "visapi/JWT_SECRET" }, { name: "visapi/CRON_SECRET" });
    assert.deepEqual(resolveTargets("jwt_secret, visapi/CRON_SECRET", known), [
      "visapi/JWT_SECRET",
      "visapi/CRON_SECRET",
    ]);
    assert.deepEqual(resolveTargets(" ", known), []);
    assert.throws(() => resolveTargets("JWT_SECERT", known), /Did you mean visapi\/JWT_SECRET/);
    assert.throws(() => resolveTargets("**", known), /There is no secret "\*\*"/);
  });

  it("asks for a reason that says something", () => {
    assert.doesNotThrow(() => checkReason("laptop stolen"));
    for (const reason of ["", "because", "two\nlines of text", "x".repeat(301)])
      assert.throws(() => checkReason(reason), /The reason is/);
  });
});

describe("notice", () => {
  const terms = { leadHours: 24, noticeHours: 24, owner: "ops" };
  const asked = new Date("2027-03-01T01:17:00Z");
  const at = (inputs: Record<string, unknown>) =>
    coming(state({ name: "a/X", inputs: { ...terms, ...inputs } }), asked)[0]?.at;

  it("names the first run that may rotate a secret", () => {
    assert.equal(
      at({ dueAt: "2027-03-03T12:00:00Z", announced: "2027-02-28T02:17:00Z" }),
      undefined,
      "after the next two runs",
    );
    assert.equal(at({ dueAt: "2027-03-03T02:00:00Z", announced: "2027-02-28T02:17:00Z" }), "2027-03-02T02:17Z");
    assert.equal(at({ dueAt: "2027-03-01T12:00:00Z", announced: "2027-02-28T02:10:00Z" }), "2027-03-01T02:17Z");
    assert.equal(at({ dueAt: "2027-03-01T12:00:00Z" }), "2027-03-02T02:17Z", "announced by tonight's run, not before");
    assert.equal(at({ dueAt: "2027-03-01T12:00:00Z", noticeHours: 0 }), "2027-03-01T02:17Z");
    assert.equal(at({ dueAt: "2027-01-01T12:00:00Z", onRequest: true }), undefined);
  });

  it("tells of everything a day before its run", () => {
    for (let hours = 0; hours < 24 * 8; hours++) {
      const due = new Date(asked.getTime() + hours * 3_600_000).toISOString();
      const first = at({ dueAt: due });
      if (first)
        assert.ok(Date.parse(first.replace("Z", ":00Z")) - asked.getTime() >= 24 * 3_600_000, `${due}: ${first}`);
    }
  });
});

describe("failure", () => {
  it("is a job that failed or was cut off, not one that was left out", () => {
    assert.equal(trouble({ a: { result: "success" }, b: { result: "skipped" } }), undefined);
    assert.deepEqual(trouble({ a: { result: "failure", outputs: { failed: "why" } }, b: { result: "cancelled" } }), {
      jobs: ["a", "b"],
      said: 'why\nThe job "b" was cancelled, or ran out of time.',
      told: [],
    });
  });

  it("is told to whoever does not know all of it", () => {
    const job = (told: string) => ({ result: "failure", outputs: { failed: "why", told } });
    assert.deepEqual(trouble({ a: job("slack, pagerduty") })?.told, ["slack", "pagerduty"]);
    assert.deepEqual(trouble({ a: job("slack, pagerduty"), b: job("slack") })?.told, ["slack"]);
    assert.deepEqual(trouble({ a: job("slack"), b: { result: "failure" } })?.told, []);
    assert.deepEqual(trouble({ a: job(""), b: job("slack") })?.told, []);
  });

  it("says what to do next", () => {
    assert.match(nextStep("the stack is currently locked by 1 lock(s)"), /pulumi cancel/);
    assert.match(nextStep("generation 1 is below the remembered 2"), /Merge the open pull request/);
    assert.match(nextStep("something new"), /goes on from where it stopped/);
  });
});
