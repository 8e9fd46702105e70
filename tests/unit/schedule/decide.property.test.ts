// What must hold whatever the terms and whenever the runs come. Bounds are derived at the top of `decide.ts`.
import assert from "node:assert/strict";
import fc from "fast-check";
import { decide, validate, type Decision, type Terms } from "../../../provider/schedule/decide.ts";
import {
  day,
  fraction,
  fractions,
  hour,
  instants,
  longestGap,
  millis,
  minute,
  open,
  possible,
  simulate,
  start,
  wild,
} from "./simulate.ts";

describe("decide, whatever the terms and the runs", function () {
  this.timeout(20_000);
  const check = (property: fc.IRawProperty<unknown>, numRuns = 200): void =>
    fc.assert(property as fc.IProperty<unknown>, { numRuns });

  it("never lets a secret get older than interval + cadence - lead, however many runs are missed", () => {
    check(
      fc.property(possible, wild, (terms, runs) => {
        const lead = terms.leadHours * hour;
        const ends = new Set([runs[0], runs.at(-1)]);
        const inside = longestGap(runs.filter((at) => ends.has(at) || open(terms, at)));
        const late = terms.noticeHours > 0 ? Math.max(0, longestGap(runs) - lead) : 0;
        const bound = terms.intervalDays * day + inside - lead + late;
        for (const { at, before } of simulate(runs, () => terms))
          assert.ok(at - millis(before.window) <= bound, `${at - millis(before.window)} is more than ${bound}`);
      }),
    );
  });

  it("never lets a secret get older than its interval when no run is missed", () => {
    check(
      fc.property(possible, start, fractions(300), (terms, first, gaps) => {
        const runs = instants(first, gaps, terms.leadHours * hour);
        for (const { at, before } of simulate(runs, () => ({ ...terms, hours: undefined })))
          assert.ok(at - millis(before.window) <= terms.intervalDays * day);
      }),
    );
    const nightly = fc.record({
      offsets: fc.array(fc.nat({ max: 4 * 60 - 1 }), { minLength: 50, maxLength: 300 }),
      start,
    });
    check(
      fc.property(possible, nightly, (drawn, { offsets, start }) => {
        const terms = { ...drawn, leadHours: 28, hours: { from: 2, to: 6 }, intervalDays: drawn.intervalDays + 8 };
        const night = Math.floor(start / day) * day + 2 * hour;
        const runs = offsets.map((minutes, index) => night + index * day + minutes * minute);
        for (const { at, before } of simulate(runs, () => terms))
          assert.ok(at - millis(before.window) <= terms.intervalDays * day);
      }),
    );
  });

  it("never rotates twice in a window, nor outside the hours, nor unannounced", () => {
    check(
      fc.property(possible, wild, (terms, runs) => {
        const [interval, lead, notice] = [terms.intervalDays * day, terms.leadHours * hour, terms.noticeHours * hour];
        let announcedAt = NaN;
        for (const { at, before, decision } of simulate(runs, () => terms)) {
          if (decision.rotate) {
            assert.ok(at - millis(before.window) >= interval - lead, "rotated before it was due");
            assert.ok(open(terms, at), "rotated outside the hours");
            if (notice > 0) assert.ok(at - announcedAt >= notice, "rotated without notice");
            announcedAt = NaN;
          } else if (decision.memory.announced !== before.announced) {
            announcedAt = at;
            assert.ok(millis(decision.dueAt) - at <= 2 * lead + notice, "announced too early");
          }
        }
      }),
    );
  });

  it("collapses missed runs into one rotation", () => {
    check(
      fc.property(possible, start, fc.integer({ min: 1, max: 50 }), (drawn, first, missed) => {
        const terms = { ...drawn, hours: undefined, noticeHours: 0 };
        const late = first + (missed + 0.5) * terms.intervalDays * day;
        const steps = simulate([first, late, late + minute, late + 10 * minute], () => terms);
        assert.deepEqual(
          steps.map(({ decision }) => decision.rotate),
          [true, false, false],
        );
        assert.ok(millis(steps.at(-1)?.decision.dueAt ?? "") > late + terms.leadHours * hour);
      }),
    );
  });

  it("opens pairs half an interval apart", () => {
    check(
      fc.property(possible, start, (drawn, first) => {
        const terms: Terms = { ...drawn, intervalDays: drawn.intervalDays + 15 };
        const apartFrom = decide(undefined, terms, new Date(first)).memory.window;
        fc.pre(validate({ ...terms, apartFrom }).length === 0);
        const { window } = decide(undefined, { ...terms, apartFrom }, new Date(first)).memory;
        const horizon = (3 * terms.leadHours + (terms.noticeHours ?? 0)) * hour + 6 * minute;
        assert.ok(Math.abs(Math.abs(millis(window) - millis(apartFrom)) - (terms.intervalDays * day) / 2) <= horizon);
      }),
    );
  });

  it("keeps pairs apart: one in a run unless forced, none left behind, none too old", () => {
    // Taken over within two leads of each other, so that they often fall due for the same run.
    const pair = fc.record({
      leadHours: fc.integer({ min: 1, max: 168 }),
      noticeHours: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 96 })),
      more: fc.tuple(fc.nat({ max: 10 }), fc.nat({ max: 10 })),
      shift: fraction.map((n) => 2 * n),
      forced: fc.array(fc.record({ run: fc.integer({ min: 1, max: 100 }), second: fc.boolean() }), { maxLength: 3 }),
      // The second decision of a run is taken a little later than the first.
      pace: fc.nat({ max: 4 * minute }),
    });
    check(
      fc.property(pair, start, fractions(200), ({ leadHours, noticeHours, more, shift, forced, pace }, first, gaps) => {
        const terms = (second: boolean, run: number): Terms => ({
          leadHours,
          noticeHours,
          intervalDays: Math.ceil((7 * leadHours + 2 * noticeHours) / 24) + more[second ? 1 : 0],
          anchor: "pair",
          generation: 1 + forced.filter((one) => one.second === second && one.run <= run).length,
          adopted: new Date(first - (second ? shift : 2) * leadHours * hour).toISOString(),
        });
        const runs = instants(first, gaps, leadHours * hour);
        const one = simulate(runs, (run) => terms(false, run));
        const two = simulate(
          runs.map((at) => at + pace),
          (run) => ({
            ...terms(true, run),
            apartFrom: (one[run - 1]?.decision.memory ?? one[0]?.before)?.window ?? "",
          }),
        );
        for (const [index, { at, before, decision, terms: now }] of two.entries()) {
          const partner = one[index]?.decision;
          const wasForced = decision.memory.generation > before.generation;
          assert.ok(!(partner?.rotate && decision.rotate) || wasForced, "both were rotated in one run");
          if (decision.held === "pair")
            assert.ok(
              at - millis(partner?.memory.window ?? "") <= 5 * minute,
              "held for a partner that was not rotated",
            );
          // A partner that is forced takes runs beyond those that the lead allows for.
          const taken = forced.filter(({ second }) => !second).length * leadHours * hour;
          assert.ok(at - millis(before.window) <= now.intervalDays * day + taken, "older than the interval");
        }
      }),
      600,
    );
  });

  it("takes changed terms without moving a window or leaving an expired one unnoticed", () => {
    check(
      fc.property(wild, fc.array(possible, { minLength: 2, maxLength: 12 }), (runs, all) => {
        for (const { at, before, terms, decision } of simulate(runs, (run) => all[run % all.length] as Terms)) {
          const due = millis(before.window) + terms.intervalDays * day <= at + terms.leadHours * hour;
          assert.equal(decision.rotate || decision.held !== undefined, due, "due, and neither rotated nor held");
          if (decision.rotate) assert.equal(millis(decision.memory.window), Math.floor(at / 1000) * 1000);
          const notice = (terms.noticeHours ?? 0) * hour;
          if (decision.memory.announced)
            assert.ok(
              notice > 0 && millis(decision.dueAt) <= at + 2 * terms.leadHours * hour + notice,
              "an announcement of the past",
            );
          if (decision.held === "hours") assert.ok(!open(terms, at));
          if (decision.held === "notice") assert.ok(terms.noticeHours);
        }
      }),
    );
  });

  it("rotates for each higher generation at once and exactly once, and else never what is on request", () => {
    check(
      fc.property(possible, wild, fc.nat({ max: 40 }), fc.boolean(), (terms, runs, bump, onRequest) => {
        const steps = simulate(runs, (run) => ({ ...terms, onRequest, generation: run > bump ? 2 : 1 }));
        for (const [index, { decision }] of steps.entries())
          if (index === bump) assert.ok(decision.rotate, "the request was not heard");
          else if (onRequest) assert.ok(!decision.rotate, "rotated without a request");
      }),
    );
  });

  it("opens with windows that are not due, depend on the name alone and are spread", () => {
    check(
      fc.property(possible, start, (terms, first) => {
        const [decision, same] = [1, 2].map(() => decide(undefined, { ...terms }, new Date(first))) as [
          Decision,
          Decision,
        ];
        assert.deepEqual(decision, same);
        assert.ok(millis(decision.memory.window) <= first);
        assert.ok(millis(decision.dueAt) > first + terms.leadHours * hour);
        assert.equal(decision.memory.announced, undefined);
        const later = decide(undefined, terms, new Date(first + 5000 * day));
        assert.equal(millis(later.dueAt) - millis(decision.dueAt), 5000 * day);
      }),
    );
    for (let application = 0; application < 200; application++) {
      const perDay = new Map<string, number>();
      for (let name = 0; name < 20; name++) {
        const terms = {
          intervalDays: 30,
          leadHours: 24,
          anchor: `application-${application}/SECRET_${name}`,
          generation: 1,
        };
        const due = decide(undefined, terms, new Date("2026-05-01T03:00:00Z")).dueAt.slice(0, 10);
        perDay.set(due, (perDay.get(due) ?? 0) + 1);
      }
      assert.ok(Math.max(...perDay.values()) <= 20 / 3, `application-${application}: ${JSON.stringify([...perDay])}`);
      assert.ok(perDay.size >= 10);
    }
  });
});
