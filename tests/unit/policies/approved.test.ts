import assert from "node:assert/strict";
import { readApproval, sign, type Approval } from "../../../policies/approval.ts";
import { productionApproved } from "../../../policies/rules/approved.ts";
import { circumstances, readRun, types, type Circumstances } from "../../../policies/rules/run.ts";
import { judge, now, resource, schedule, unknown } from "./harness.ts";

const approval: Approval = {
  stack: "production",
  secrets: ["shop/TOKEN"],
  people: ["alice", "bob"],
  asked: ["carol"],
  at: now,
  run: "https://github.example/runs/1",
};
/** A secret that rotates in this run: its window opens now. */
const rotating = (props: object = {}) => schedule("shop/TOKEN", { window: now, ...props });
const judged = (about: Circumstances, { config = {}, declared = rotating(), stack = "production" } = {}) =>
  judge(productionApproved, declared, { stack, config, about: { fixed: true, ...about } });

/** Why a record counts for nothing. */
const said = (read: ReturnType<typeof readApproval>): string => (typeof read === "string" ? read : "it counts");

describe("production-approved", () => {
  it("passes a rotation that two people have approved who did not ask for it", async () => {
    assert.deepEqual(await judged({ approval }), []);
  });

  it("refuses one without a record, and says where to get it", async () => {
    const [said = ""] = await judged({});
    assert.match(said, /^shop\/TOKEN rotates in this run, and production asks for 2 approvals by different people/);
    assert.match(
      said,
      /this run has none; start the workflow rotate and have it approved, or, in an emergency, \.\/rotate/,
    );
  });

  it("refuses one person twice, who asked, another stack's, another secret's, and an old one", async () => {
    const refused = async (other: Partial<Approval>, why: RegExp) =>
      assert.match((await judged({ approval: { ...approval, ...other } }))[0] ?? "passed", why);
    await refused({ people: ["alice", "Alice"] }, /this run's is by alice;/);
    await refused({ people: ["alice", "carol"] }, /this run's is by alice;/);
    await refused({ people: [] }, /this run's is by nobody/);
    await refused({ stack: "staging" }, /this run's is for staging/);
    await refused({ secrets: ["shop/OTHER"] }, /this run's is for shop\/OTHER/);
    await refused({ at: "2026-04-29T03:00:00Z" }, /48 hours old and counts for 24/);
  });

  it("refuses a record that nobody signed, or with another key", async () => {
    const about = readRun({ ROTATION_APPROVAL: sign(approval, "other"), ROTATION_FINGERPRINT_KEY: "key" });
    assert.match(
      (await judged({ approval: about.about.approval }))[0] ?? "",
      /ROTATION_APPROVAL is not signed by this/,
    );
    const [text = ""] = sign(approval, "key").split(".");
    assert.match(said(readApproval(text, "key")), /is not signed/);
    assert.match(said(readApproval(sign(approval, "key"), undefined)), /no ROTATION_FINGERPRINT_KEY/);
    assert.deepEqual(readApproval(sign(approval, "key"), "key"), approval);
    const forged = `${Buffer.from(JSON.stringify({ ...approval, people: ["x", "y"] })).toString("base64url")}.${sign(approval, "key").split(".")[1]}`;
    assert.match(said(readApproval(forged, "key")), /is not signed/);
  });

  it("exempts an emergency that has a reason, for the generation and the day that it was asked for", async () => {
    const entry = { generation: 2, reason: "laptop stolen", by: "carol", at: now };
    const declared = rotating({ generation: 2 });
    const with_ = (other: object) =>
      judged({ asked: { forced: { "shop/TOKEN": { ...entry, ...other } } } }, { declared });
    assert.deepEqual(await with_({}), []);
    assert.equal((await with_({ reason: "" })).length, 1);
    assert.equal((await with_({ generation: 3 })).length, 1);
    // It stays in the stack's file; a month later it excuses nothing.
    assert.equal((await with_({ at: "2026-04-01T03:00:00Z" })).length, 1);
  });

  it("takes approvals from the stack's file, where nothing can prove them", async () => {
    const entry = { secrets: ["shop/*"], by: ["alice", "bob"], asked: "carol", at: "2026-04-20T00:00:00Z" };
    const with_ = (other: object) => judged({ asked: { approvals: [{ ...entry, ...other }] } });
    assert.deepEqual(await with_({}), []);
    assert.match((await with_({ by: ["alice", "carol"] }))[0] ?? "", /the stack's file has one by alice/);
    assert.match((await with_({ at: "2026-03-01T00:00:00Z" }))[0] ?? "", /which counts for 31 days/);
    assert.equal((await with_({ at: "2026-06-01T00:00:00Z" })).length, 1, "not from the future");
    assert.match((await with_({ secrets: ["other/*"] }))[0] ?? "", /this run has none;/);
  });

  it("says nothing of a preview, of what rotates later or has rotated before, and outside of production", async () => {
    assert.deepEqual(await judged({ preview: true }), []);
    assert.deepEqual(await judged({}, { declared: schedule("shop/TOKEN") }), []);
    assert.deepEqual(await judged({}, { stack: "staging" }), []);
    assert.equal((await judged({ environment: "production" }, { stack: "acme" })).length, 1);
  });

  it("takes a window of the last minutes for its own where no time was given", async () => {
    const declared = rotating({ window: "2026-05-01T02:58:00Z" });
    assert.equal((await judged({ fixed: false }, { declared })).length, 1);
    assert.deepEqual(await judged({ fixed: true }, { declared }), []);
  });

  it("says nothing of values that a preview does not know", async () => {
    assert.deepEqual(await judged({}, { declared: rotating({ window: unknown }) }), []);
    assert.deepEqual(
      await judged({}, { declared: resource(types.precheck, "shop/TOKEN/precheck", { environment: unknown }) }),
      [],
    );
  });

  it("takes people, hours and days from the configuration", async () => {
    assert.equal((await judged({ approval }, { config: { people: 3 } })).length, 1);
    const older = { ...approval, at: "2026-05-01T00:00:00Z" };
    assert.deepEqual(await judged({ approval: older }), []);
    assert.equal((await judged({ approval: older }, { config: { hours: 1 } })).length, 1);
  });

  it("reads the stack's configuration as the engine hands it over", () => {
    const told = {
      project: "secret-rotation",
      preview: true,
      config: {
        "secret-rotation:environment": "production",
        "secret-rotation:forced": '{"shop/TOKEN":{"generation":2}}',
        "secret-rotation:approvals": '[{"by":["a","b"]}]',
        "rotation:fingerprintKey": "key",
        "other:forced": "no JSON",
      },
    };
    const env = { ROTATION_APPROVAL: sign(approval, "key") };
    const heard = circumstances(told, env);
    assert.deepEqual([heard.environment, heard.preview, heard.approval], ["production", true, approval]);
    assert.equal(heard.asked?.forced?.["shop/TOKEN"]?.generation, 2);
    assert.deepEqual(heard.asked?.approvals, [{ by: ["a", "b"] }]);
    assert.deepEqual(circumstances({ ...told, project: "other" }, {}).asked, { forced: {}, approvals: [] });
  });
});
