// Which part of an application a secret lives in: the same everywhere, and never apart from what it belongs to.
import assert from "node:assert/strict";
import fc from "fast-check";
import { partOf, partOfService, unitsOf, type Shared } from "../../../components/parts.ts";

describe("the parts of an application", () => {
  const rows = (count: number): Shared[] => Array.from({ length: count }, (_, at) => ({ name: `S${at}` }));

  it("are the same on every machine and in every version", () => {
    // Written down once: another number here would move secrets between stacks.
    assert.deepEqual(
      ["JWT_SECRET", "CRON_SECRET", "service:api"].map((unit) => partOf(unit, 40)),
      [38, 7, 15],
    );
  });

  it("hold every secret exactly once, about evenly", () => {
    for (const count of [2, 8, 40]) {
      const units = unitsOf(rows(1000));
      const sizes = Array.from({ length: count }, () => 0);
      for (const unit of units.values()) sizes[partOf(unit, count) - 1]!++;
      assert.equal(
        sizes.reduce((sum, size) => sum + size),
        1000,
      );
      assert.ok(Math.max(...sizes) <= (1000 / count) * 2, `${Math.max(...sizes)} of 1000 in one of ${count}`);
      assert.ok(Math.min(...sizes) > 0);
    }
  });

  it("do not move a secret when others come or go", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 51, max: 90 }), (few, many) => {
        const [before, after] = [unitsOf(rows(few)), unitsOf(rows(many))];
        for (const [name, unit] of before) assert.equal(after.get(name), unit);
      }),
    );
  });

  it("keep together what restarts one service, services that share secrets, and pairs", () => {
    const together = [["api", "frontend"]];
    const units = unitsOf(
      [
        { name: "A", service: "api" },
        { name: "B", service: "frontend" },
        { name: "C", service: "worker" },
        { name: "P" },
        { name: "Q", apartFrom: "P" },
        { name: "R", apartFrom: "Q" },
      ],
      together,
    );
    assert.equal(units.get("A"), units.get("B"));
    assert.notEqual(units.get("A"), units.get("C"));
    assert.equal(units.get("Q"), units.get("P"));
    assert.equal(units.get("R"), units.get("P"));
    const part = { index: 1, of: 40 };
    assert.equal(partOfService("frontend", part, together), partOf(units.get("A") ?? "", 40));
    assert.equal(partOfService("worker", part, together), partOf(units.get("C") ?? "", 40));
  });

  it("refuse what cannot be kept together, and say what to write", () => {
    assert.throws(() => unitsOf([{ name: "A", apartFrom: "B" }]), /"B", which is not in the list/);
    assert.throws(
      () =>
        unitsOf([
          { name: "A", apartFrom: "B" },
          { name: "B", apartFrom: "A" },
        ]),
      /circle/,
    );
    assert.throws(
      () => unitsOf([{ name: "A", service: "api", apartFrom: "B" }, { name: "B" }]),
      /A restarts "api" and is kept apart from B, which restarts nothing.*Give B the same service/,
    );
    assert.throws(
      () =>
        unitsOf([
          { name: "A", service: "api", apartFrom: "B" },
          { name: "B", service: "web" },
        ]),
      /Put both services together: new Application\(name, stack, \[\["api", "web"\]\]\)/,
    );
    assert.doesNotThrow(() =>
      unitsOf(
        [
          { name: "A", service: "api", apartFrom: "B" },
          { name: "B", service: "web" },
        ],
        [["web", "api"]],
      ),
    );
  });
});
