import assert from "node:assert/strict";
import { duration, reporter, share } from "../../../sandbox/toolchain/progress.ts";

/** A sink and a clock that the test moves. */
function stage(isTTY: boolean, columns?: number) {
  const written: string[] = [];
  const clock = { now: 0 };
  const progress = reporter({ sink: { write: (text) => written.push(text), isTTY, columns }, now: () => clock.now });
  return { written, clock, progress };
}

describe("progress", () => {
  it("writes a plain line at first, then at most one in ten seconds, then the end", () => {
    const { written, clock, progress } = stage(false);
    const step = progress.step("vault 1.19.5");
    for (clock.now = 0; clock.now <= 25_000; clock.now += 100) step.update(`building  ${clock.now}`);
    clock.now = 271_000;
    step.done();
    assert.deepEqual(written, [
      "· vault 1.19.5     building  0\n",
      "· vault 1.19.5     building  10000\n",
      "· vault 1.19.5     building  20000\n",
      "✓ vault 1.19.5     built in 4 min 31 s\n",
    ]);
  });

  it("says nothing of a step that had nothing to do but its end", () => {
    const { written, progress } = stage(false);
    progress.step("pulumi 3.259.0").done("cached");
    assert.deepEqual(written, ["✓ pulumi 3.259.0   cached\n"]);
  });

  it("rewrites one line on a terminal, cut to its width", () => {
    const { written, progress } = stage(true, 30);
    const step = progress.step("vault 1.19.5");
    step.update("building  1/2 packages");
    step.update("building  1/2 packages");
    step.failed("not built");
    assert.deepEqual(written, [
      "\r\u001b[2K· vault 1.19.5     building  ",
      "\r\u001b[2K✗ vault 1.19.5     not built\n",
    ]);
  });

  it("counts and estimates", () => {
    assert.equal(share(412, 1830, "packages", 17_000), "412/1830 packages  22 %  about 3 min left");
    assert.equal(share(1800, 1830, "packages", 200_000), "1800/1830 packages  98 %  less than a minute left");
    assert.equal(share(3, 1830, "packages", 60_000), "3/1830 packages  0 %", "too early to tell");
    assert.equal(share(2000, 1830, "packages", 60_000), "1830/1830 packages  100 %  less than a minute left");
  });

  it("tells time as people do", () => {
    const times = [400, 12_000, 59_600, 271_000, 3_720_000].map(duration);
    assert.deepEqual(times, ["0.4 s", "12 s", "1 min 0 s", "4 min 31 s", "1 h 2 min"]);
  });
});
