import assert from "node:assert/strict";
import { about, limits, loads, Pace, secondsWithin } from "../../../cli/limits.ts";

describe("calls within the vendors' limits", () => {
  it("waits for as many whole windows as the calls need", () => {
    const limit = limits["render-write"];
    assert.deepEqual(
      [0, 1, 30, 31, 60, 61].map((calls) => secondsWithin(limit, calls)),
      [0, 0, 0, 60, 60, 120],
    );
  });
  it("shows calls, limit, waiting and source of what is used", () => {
    const [load] = loads(
      new Map([
        ["render-write", 31],
        ["github", 0],
      ]),
    );
    assert.deepEqual([load?.vendor, load?.calls, load?.limit, load?.waits], ["Render", 31, "30 a minute", 60]);
    assert.match(load?.source ?? "", /render\.com/);
    assert.equal(loads(new Map([["github", 0]])).length, 0);
  });
  it("names a source for every number, and says where a number is ours", () => {
    for (const limit of Object.values(limits)) assert.ok(limit.source.length > 10);
    assert.match(loads(new Map([["vercel", 1]]))[0]?.limit ?? "", /assumed/);
  });
  it("keeps a series of runs within a window", () => {
    const pace = new Pace();
    assert.equal(pace.take(new Map([["render-write", 20]]), 0).wait, 0);
    assert.deepEqual(pace.take(new Map([["render-write", 20]]), 1000), { wait: 59_000, vendor: "Render" });
    assert.equal(pace.take(new Map([["github", 2]]), 1000).wait, 0);
    assert.equal(pace.take(new Map([["render-write", 10]]), 61_000).wait, 0);
  });
  it("never lets more calls begin in a window than the limit allows", () => {
    const [pace, begun] = [new Pace(), [] as { at: number; calls: number }[]];
    let now = 0;
    for (let run = 0; run < 50; run++) {
      const calls = 1 + ((run * 7) % 12);
      now += pace.take(new Map([["render-write", calls]]), now).wait;
      begun.push({ at: now, calls });
      now += (run * 331) % 5000;
    }
    for (const { at } of begun) {
      const inWindow = begun.filter((each) => each.at > at - 60_000 && each.at <= at);
      assert.ok(inWindow.reduce((sum, { calls }) => sum + calls, 0) <= 30);
    }
  });
  it("speaks of durations as people do", () => {
    assert.deepEqual([1, 41, 240].map(about), ["1 s", "about 50 s", "about 4 min"]);
  });
});
