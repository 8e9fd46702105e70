import assert from "node:assert/strict";
import { schedule } from "../../../provider/resources/schedule.ts";
import { changedKeys } from "../../../provider/wire/serve.ts";
import type { CheckResult } from "../../../provider/wire/contract.ts";
import { Secret, Unknown, unknown, type Properties } from "../../../provider/wire/values.ts";

const declared = { secret: "visapi/JWT_SECRET", class: "CRITICAL", intervalDays: 30, leadHours: 24 };
const urn = "urn:pulumi:production::rotation::rotation:index:Schedule::visapi/JWT_SECRET/schedule";

/** One secret through several runs, as the engine drives the resource. */
class Run {
  now: string;
  readonly said: string[] = [];
  readonly resource = schedule(
    () => new Date(this.now),
    () => ({ metadata: () => Promise.resolve(undefined) }),
  );
  readonly call = {
    urn,
    name: "visapi/JWT_SECRET/schedule",
    log: {
      info: (message: string) => void this.said.push(`info ${message}`),
      warn: (message: string) => void this.said.push(`warn ${message}`),
    },
  };
  constructor(now: string) {
    this.now = now;
  }
  async check(inputs: Properties, oldInputs?: Properties): Promise<CheckResult> {
    return this.resource.check!({ ...this.call, inputs, oldInputs });
  }
  async inputs(inputs: Properties, oldInputs?: Properties): Promise<Properties> {
    const result = await this.check(inputs, oldInputs);
    assert.deepEqual(result.failures ?? [], []);
    return result.inputs;
  }
  async changed(oldInputs: Properties, inputs: Properties, ignoreChanges: string[] = []): Promise<string[]> {
    const diff = await this.resource.diff!({ ...this.call, id: "x", oldInputs, oldOutputs: {}, inputs, ignoreChanges });
    assert.deepEqual(diff.replaces ?? [], [], "a replacement would forget the window");
    return diff.changed.sort();
  }
}

describe("the schedule resource", () => {
  it("decides in check, and shows window and due date in what it returns", async () => {
    const run = new Run("2026-05-01T03:00:00Z");
    const inputs = await run.inputs(declared);
    const { window, dueAt, ...rest } = inputs;
    assert.deepEqual(rest, { ...declared, generation: 1 });
    assert.equal(Date.parse(dueAt as string) - Date.parse(window as string), 30 * 86_400_000);
    const created = await run.resource.create({ ...run.call, inputs, preview: true, timeout: 0 });
    assert.equal(created.id, "visapi/JWT_SECRET");
    const { secret, class: level, intervalDays } = declared;
    assert.deepEqual(created.outputs, { secret, class: level, intervalDays, generation: 1, window, dueAt });
  });

  it("has no diff in an idle run, and the new window in the one that rotates", async () => {
    const run = new Run("2026-05-01T03:00:00Z");
    const first = await run.inputs({ ...declared, adopted: "2026-05-01" });
    run.now = "2026-05-20T12:34:56Z";
    const idle = await run.inputs({ ...declared, adopted: "2026-05-01" }, first);
    assert.deepEqual(idle, first);
    assert.deepEqual(await run.changed(first, idle), []);
    assert.deepEqual(run.said, []);

    run.now = "2026-05-30T03:00:00Z";
    const due = await run.inputs({ ...declared, adopted: "2026-05-01" }, idle);
    assert.deepEqual(await run.changed(idle, due), ["dueAt", "window"]);
    assert.equal(due["window"], "2026-05-30T03:00:00Z");
    assert.deepEqual(run.said, ["info rotated: due in 1 day"]);
    assert.equal(
      (
        await run.resource.update!({
          ...run.call,
          id: "x",
          inputs: due,
          oldInputs: idle,
          oldOutputs: {},
          preview: false,
          timeout: 0,
        })
      )["window"],
      due["window"],
    );
  });

  it("remembers the generation, and rotates for a higher one", async () => {
    const run = new Run("2026-05-01T03:00:00Z");
    const first = await run.inputs(declared);
    const bumped = await run.inputs({ ...declared, generation: 2 }, first);
    assert.equal(bumped["window"], "2026-05-01T03:00:00Z");
    const { failures } = await run.check(declared, bumped);
    assert.equal(failures?.[0]?.property, "generation");
    assert.match(failures?.[0]?.reason ?? "", /type 2, or 3/);
  });

  it("shows changed terms as a diff that leaves the window alone", async () => {
    const run = new Run("2026-05-01T03:00:00Z");
    const first = await run.inputs(declared);
    const longer = await run.inputs({ ...declared, intervalDays: 90, anchor: "other" }, first);
    assert.deepEqual(await run.changed(first, longer), ["anchor", "dueAt", "intervalDays"]);
    assert.deepEqual(await run.changed(first, longer, ["intervalDays"]), ["anchor", "dueAt"]);
  });

  it("announces, and the announcement is part of what is compared and remembered", async () => {
    const run = new Run("2026-05-28T03:00:00Z");
    const terms = { ...declared, noticeHours: 24 };
    const old = { ...terms, generation: 1, window: "2026-05-01T03:00:00Z", dueAt: "2026-05-31T03:00:00Z" };
    const announced = await run.inputs(terms, old);
    assert.deepEqual(await run.changed(old, announced), ["announced"]);
    run.now = "2026-05-30T03:00:00Z";
    const rotated = await run.inputs(terms, announced);
    assert.deepEqual(await run.changed(announced, rotated), ["announced", "dueAt", "window"]);
    assert.equal("announced" in rotated, false);
  });

  it("neither remembers nor compares its partner's window", async () => {
    const run = new Run("2026-05-10T03:00:00Z");
    const old = { ...declared, generation: 1, window: "2026-05-01T03:00:00Z", dueAt: "2026-05-31T03:00:00Z" };
    const next = await run.inputs({ ...declared, apartFrom: "2026-05-10T03:00:00Z" }, old);
    assert.deepEqual(changedKeys(old, next), []);
    assert.deepEqual(await run.changed({ ...old, apartFrom: "2026-04-01T00:00:00Z" }, next), []);
    assert.deepEqual(await run.inputs({ ...declared, apartFrom: unknown }, old), next);

    run.now = "2026-05-29T03:00:00Z";
    const held = await run.inputs({ ...declared, apartFrom: run.now }, old);
    assert.deepEqual(await run.changed(old, held), []);
    assert.match(run.said.join(), /^warn due in 2 days; held because the other one of its pair rotates in this run/);
  });

  it("warns when a due secret is held, and of requests only once overdue", async () => {
    const run = new Run("2026-05-30T12:00:00Z");
    const old = { ...declared, generation: 1, window: "2026-05-01T03:00:00Z", dueAt: "2026-05-31T03:00:00Z" };
    await run.inputs({ ...declared, hours: { from: 2, to: 6 } }, old);
    assert.match(run.said.splice(0).join(), /^warn due in 1 day; held for the allowed hours, 2:00 to 6:00 UTC/);
    await run.inputs({ ...declared, onRequest: true }, old);
    assert.deepEqual(run.said, []);
    run.now = "2026-06-02T12:00:00Z";
    await run.inputs({ ...declared, onRequest: true }, old);
    assert.match(run.said.join(), /^warn 2 days overdue; rotated only on request: generation 2/);
  });

  it("stays unknown in a preview that does not know its terms", async () => {
    const result = await new Run("2026-05-01T03:00:00Z").check({ ...declared, intervalDays: unknown });
    assert.deepEqual(result.failures, []);
    assert.ok(result.inputs["window"] instanceof Unknown && result.inputs["dueAt"] instanceof Unknown);
  });

  it("refuses what is wrong by the name of the property", async () => {
    const run = new Run("2026-05-01T03:00:00Z");
    const refused = async (inputs: Properties, old?: Properties): Promise<string[]> =>
      ((await run.check(inputs, old)).failures ?? []).map(({ property, reason }) => `${property}: ${reason}`);
    const cases: [Properties, RegExp][] = [
      [{ secret: undefined }, /^secret: .*not undefined/],
      [{ secret: "two words" }, /^secret: /],
      [{ class: "urgent" }, /^class: class must be one of CRITICAL, HIGH, MEDIUM, LOW, not "urgent"/],
      [{ intervalDays: "3 months" }, /^intervalDays: .*type 90/],
      [{ hours: { from: 6, to: 6 } }, /^hours: /],
      [{ adopted: "2027-01-01" }, /^adopted: .*later than now/],
      [{ intervall: 3 }, /^intervall: a schedule has no input "intervall"; it has secret, class/],
      [{ now: "2026-05-01" }, /^now: /],
      [{ window: "2026-05-01T03:00:00Z" }, /^window: window is decided by the schedule: leave it out/],
    ];
    for (const [change, expected] of cases) {
      const problems = await refused({ ...declared, ...change });
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.match(problems[0] ?? "", expected);
    }
    const [hidden] = await refused({ ...declared, class: new Secret("hunter22") });
    assert.match(hidden ?? "", /not "\[secret\]"/);
    const later = { ...declared, generation: 1, window: "2026-06-01T00:00:00Z" };
    assert.match((await refused(declared, later))[0] ?? "", /^undefined: the clock was set back/);
  });
});
