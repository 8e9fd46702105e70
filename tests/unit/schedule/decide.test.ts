import assert from "node:assert/strict";
import { inspect } from "node:util";
import {
  decide,
  formatDays,
  TermsError,
  validate,
  type Memory,
  type Terms,
} from "../../../provider/schedule/decide.ts";

const terms: Terms = { intervalDays: 30, leadHours: 24, anchor: "visapi/JWT_SECRET", generation: 1 };
const memory: Memory = { window: "2026-05-01T03:00:00Z", generation: 1 };
const at = (text: string): Date => new Date(text.length === 10 ? `${text}T03:00:00Z` : text);
const refused = (property: string, pattern: RegExp) => (error: unknown) =>
  error instanceof TermsError && error.property === property && pattern.test(error.message);

describe("decide", () => {
  describe("a secret seen for the first time", () => {
    it("is not rotated, and gets a window in the past that is not due", () => {
      const decision = decide(undefined, terms, at("2026-05-01"));
      assert.equal(decision.rotate, false);
      assert.ok(decision.memory.window <= "2026-05-01T03:00:00Z");
      assert.ok(decision.dueAt > "2026-05-02T03:00:00Z");
      assert.match(decision.reason, /^new; due in \d+ days?$/);
    });

    it("gets a window by its name alone, and another one by another name", () => {
      const [one, two] = ["a", "b"].map((anchor) => decide(undefined, { ...terms, anchor }, at("2026-05-01")).dueAt);
      assert.notEqual(one, two);
      assert.equal(decide(undefined, { ...terms, anchor: "a" }, at("2026-05-01")).dueAt, one);
    });

    it("lies half an interval from its partner", () => {
      const apart = (partner: string): string =>
        decide(undefined, { ...terms, apartFrom: at(partner).toISOString() }, at("2026-05-01")).memory.window;
      assert.equal(apart("2026-04-28"), "2026-04-13T03:00:00Z");
      assert.equal(apart("2026-04-10"), "2026-04-25T03:00:00Z");
    });

    it("keeps the age it comes with, and is not rotated by being taken over", () => {
      const adopted = { ...terms, adopted: "2026-01-31" };
      const decision = decide(undefined, adopted, at("2026-05-01"));
      assert.deepEqual(decision.memory, { window: "2026-01-31T00:00:00Z", generation: 1 });
      assert.equal(decision.rotate, false);
      assert.match(decision.reason, /60 days overdue/);
      assert.equal(decide(decision.memory, adopted, at("2026-05-02")).rotate, true);
    });

    it("cannot have been changed in the future", () => {
      assert.throws(
        () => decide(undefined, { ...terms, adopted: "2026-05-03" }, at("2026-05-01")),
        refused("adopted", /2026-05-03 is later than now, 2026-05-01T03:00:00Z/),
      );
    });
  });

  describe("a remembered secret", () => {
    it("stays as it is until it is due before the next run", () => {
      const idle = decide(memory, terms, at("2026-05-30T02:59:59Z"));
      assert.deepEqual([idle.rotate, idle.held, idle.memory], [false, undefined, memory]);
      assert.equal(idle.dueAt, "2026-05-31T03:00:00Z");
      assert.equal(idle.reason, "due in 1 day");
      const due = decide(memory, terms, at("2026-05-30T03:00:00.900Z"));
      assert.equal(due.rotate, true);
      assert.deepEqual(due.memory, { window: "2026-05-30T03:00:00Z", generation: 1 });
      assert.equal(due.dueAt, "2026-06-29T03:00:00Z");
      assert.equal(due.reason, "rotated: due in 1 day");
    });

    it("rotates only within the allowed hours, which may wrap midnight", () => {
      const run = (hours: { from: number; to: number }, time: string) =>
        decide(memory, { ...terms, hours }, at(`2026-06-10T${time}Z`));
      const cases: [number, number, string, boolean][] = [
        [2, 6, "01:59:59", false],
        [2, 6, "02:00:00", true],
        [2, 6, "05:59:59", true],
        [2, 6, "06:00:00", false],
        [22, 4, "21:59:59", false],
        [22, 4, "22:00:00", true],
        [22, 4, "03:59:59", true],
        [22, 4, "04:00:00", false],
        [0, 24, "23:59:59", true],
        [22, 0, "23:00:00", true],
        [22, 0, "00:00:00", false],
      ];
      for (const [from, to, time, open] of cases) {
        const decision = run({ from, to }, time);
        assert.deepEqual([decision.rotate, decision.held], [open, open ? undefined : "hours"], `${from}-${to} ${time}`);
        if (!open) assert.deepEqual(decision.memory, memory);
      }
    });

    it("is announced in time for the notice to be over when it must rotate", () => {
      const noticed = { ...terms, noticeHours: 24 };
      assert.deepEqual(decide(memory, noticed, at("2026-05-28T02:59:59Z")).memory, memory);
      const announced = decide(memory, noticed, at("2026-05-28"));
      assert.deepEqual(announced.memory, { ...memory, announced: "2026-05-28T03:00:00Z" });
      assert.equal(announced.reason, "due in 3 days; announced 2026-05-28T03:00:00Z");
      assert.deepEqual(decide(announced.memory, noticed, at("2026-05-29")).memory, announced.memory);
      const rotated = decide(announced.memory, noticed, at("2026-05-30"));
      assert.deepEqual([rotated.rotate, rotated.memory], [true, { window: "2026-05-30T03:00:00Z", generation: 1 }]);
    });

    it("is held for the notice when it was never announced, though overdue", () => {
      const held = decide(memory, { ...terms, noticeHours: 24 }, at("2026-08-01"));
      assert.deepEqual([held.rotate, held.held, held.memory.announced], [false, "notice", "2026-08-01T03:00:00Z"]);
      assert.match(held.reason, /^62 days overdue; announced .* held until 2026-08-02T03:00:00Z$/);
    });

    it("forgets an announcement when the rotation is no longer near", () => {
      const announced = { ...memory, announced: "2026-05-28T03:00:00Z" };
      assert.deepEqual(
        decide(announced, { ...terms, noticeHours: 24, intervalDays: 90 }, at("2026-05-29")).memory,
        memory,
      );
      assert.deepEqual(decide(announced, terms, at("2026-05-29")).memory, memory);
    });

    it("yields to its partner in a run, having begun one run earlier", () => {
      const [now, earlier] = [at("2026-05-29"), "2026-05-28T03:00:00Z"];
      assert.equal(decide(memory, terms, now).rotate, false);
      assert.equal(decide(memory, { ...terms, apartFrom: earlier }, now).rotate, true);
      const yielding = decide(memory, { ...terms, apartFrom: "2026-05-29T02:59:50Z" }, now);
      assert.deepEqual([yielding.rotate, yielding.held, yielding.memory], [false, "pair", memory]);
    });

    it("waits for a request where only a request rotates it", () => {
      const due = decide(memory, { ...terms, onRequest: true, noticeHours: 24 }, at("2026-06-10"));
      assert.deepEqual([due.rotate, due.held, due.memory], [false, "on request", memory]);
      assert.match(due.reason, /10 days overdue; .*generation 2 rotates it/);
      assert.equal(decide(memory, { ...terms, onRequest: true }, at("2026-05-10")).held, undefined);
      assert.equal(decide(memory, { ...terms, onRequest: true, generation: 2 }, at("2026-05-10")).rotate, true);
    });

    it("rotates at once for a higher generation, whatever stands against it", () => {
      const now = at("2026-05-10T12:00:00Z");
      const hard = { ...terms, hours: { from: 2, to: 6 }, noticeHours: 24, apartFrom: now.toISOString() };
      const forced = decide(memory, { ...hard, generation: 4 }, now);
      assert.deepEqual([forced.rotate, forced.memory], [true, { window: "2026-05-10T12:00:00Z", generation: 4 }]);
      assert.equal(forced.reason, "rotated now: generation 1 to 4");
    });

    it("refuses a lower generation and says what to type", () => {
      assert.throws(
        () => decide({ ...memory, generation: 3 }, { ...terms, generation: 2 }, at("2026-05-10")),
        refused("generation", /type 3, or 4 to rotate now/),
      );
    });

    it("refuses a clock that was set back, and leaves a way out of a wrong memory", () => {
      assert.throws(
        () => decide(memory, terms, at("2026-05-01T02:54:59Z")),
        /clock was set back: it is 2026-05-01T02:54:59Z.*remembered for 2026-05-01T03:00:00Z.*generation 2/,
      );
      assert.deepEqual(decide(memory, terms, at("2026-05-01T02:55:00Z")).memory, memory);
      assert.equal(
        decide({ ...memory, window: "2099-01-01T00:00:00Z" }, { ...terms, generation: 2 }, at("2026-05-10")).rotate,
        true,
      );
      assert.throws(() => decide({ ...memory, window: "yesterday" }, terms, at("2026-05-10")), /"yesterday"/);
    });
  });

  it("says in days when something is due", () => {
    const now = at("2026-05-10T12:00:00Z");
    assert.equal(formatDays("2026-06-08T00:00:00Z", now), "in 29 days");
    assert.equal(formatDays("2026-05-11T01:00:00Z", now), "in 1 day");
    assert.equal(formatDays("2026-05-10T01:00:00Z", now), "today");
    assert.equal(formatDays("2026-05-07T23:00:00Z", now), "3 days overdue");
  });
});

describe("validate", () => {
  it("accepts terms that can be kept", () => {
    assert.deepEqual(validate(terms), []);
    assert.deepEqual(validate({ ...terms, hours: { from: 22, to: 4 }, noticeHours: 24, adopted: "2024-02-29" }), []);
    assert.deepEqual(validate({ ...terms, intervalDays: 1, leadHours: 1 }), []);
  });

  const cases: [Record<string, unknown>, string, RegExp][] = [
    [{ intervalDays: "3 months" }, "intervalDays", /not "3 months"; months and years differ in length: type 90$/],
    [{ intervalDays: "30" }, "intervalDays", /not "30"; type 30$/],
    [{ intervalDays: 1.5 }, "intervalDays", /not 1.5; type 1$/],
    [{ intervalDays: 0 }, "intervalDays", /from 1 to 3650, not 0; type for instance 90/],
    [{ intervalDays: 3651 }, "intervalDays", /not 3651/],
    [{ intervalDays: undefined }, "intervalDays", /not nothing/],
    [{ leadHours: 0 }, "leadHours", /from 1 to 168, not 0/],
    [{ leadHours: "24" }, "leadHours", /type 24 without quotes/],
    [{ leadHours: NaN }, "leadHours", /not null/],
    [{ noticeHours: -1 }, "noticeHours", /from 0 to 720, not -1/],
    [{ generation: 0 }, "generation", /from 1, not 0/],
    [{ anchor: "" }, "anchor", /application/],
    [{ onRequest: "yes" }, "onRequest", /true or false, not "yes"/],
    [{ hours: { from: 2, to: 2 } }, "hours", /from 2 to 2 is never open/],
    [{ hours: { from: 24, to: 0 } }, "hours", /never open/],
    [{ hours: { from: 2, to: 25 } }, "hours", /to is 25/],
    [{ hours: { from: 2.5, to: 6 } }, "hours", /from is 2.5/],
    [{ hours: { from: 2, to: 6, zone: "CET" } }, "hours", /not "zone"/],
    [{ hours: "2-6" }, "hours", /not "2-6"/],
    [{ adopted: "31.01.2026" }, "adopted", /not "31.01.2026"; type for instance 2026-01-31T00:00:00Z/],
    [{ adopted: "2026-02-30" }, "adopted", /2026-02-30/],
    [{ apartFrom: "2026-02-03T10:00:00" }, "apartFrom", /RFC 3339/],
    [{ intervalDays: 1 }, "intervalDays", /1 \(24 h\) is too short for leadHours 24: .* type at least 2/],
    [{ intervalDays: 2, apartFrom: memory.window }, "intervalDays", /second of a pair.* type at least 3/],
    [{ intervalDays: 3, noticeHours: 24 }, "intervalDays", /noticeHours 24.* type at least 4/],
  ];
  for (const [change, property, reason] of cases)
    it(`refuses ${inspect(change)}`, () => {
      const refusals = validate({ ...terms, ...change });
      assert.deepEqual(
        refusals.map((refusal) => refusal.property),
        [property],
      );
      assert.match(refusals[0]?.reason ?? "", reason);
    });

  it("is what decide goes by", () => {
    assert.throws(
      () => decide(memory, { ...terms, intervalDays: 1 }, at("2026-05-10")),
      refused("intervalDays", /too short/),
    );
  });
});
