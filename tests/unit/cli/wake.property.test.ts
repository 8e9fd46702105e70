// The index may wake the engine too early, never too late: whatever the terms, nothing happens before.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { State, StateResource } from "../../../cli/engine.ts";
import { wakeAt } from "../../../cli/wake.ts";
import { decide, type Memory, type Terms } from "../../../provider/schedule/decide.ts";
import { day, hour, possible, start } from "../schedule/simulate.ts";

const urn = (type: string, name: string): string =>
  `urn:pulumi:s::secret-rotation::secret-rotation:index:Application$secret-rotation:index:GeneratedSecret$${type}::${name}`;

/** A secret as a run leaves it in the state. */
function secret(
  name: string,
  terms: Terms,
  memory: Memory,
  dueAt: string,
  more: StateResource[] = [],
): StateResource[] {
  const full = `app/${name}`;
  const inputs = { secret: full, class: "HIGH", owner: "o", ...terms, ...memory, dueAt };
  const resource = (type: string, part: string, rest: Partial<StateResource>): StateResource => ({
    urn: urn(type, `${full}/${part}`),
    type,
    ...rest,
  });
  const material = { generation: 1, fingerprint: "f", holds: false, retireAt: "" };
  return [
    { urn: urn("secret-rotation:index:GeneratedSecret", full), type: "secret-rotation:index:GeneratedSecret" },
    resource("rotation:index:Schedule", "schedule", { inputs, outputs: inputs, ...alone }),
    resource("rotation:index:Overlap", "overlap", { inputs: { graceHours: 0 }, outputs: material }),
    resource("rotation:index:Verification", "verification", {
      inputs: { window: memory.window, forced: 1 },
      outputs: { fingerprint: "f" },
    }),
    ...more,
  ];
}

/** As the engine writes it for a secret that is apart from none. */
const alone = { propertyDependencies: { secret: [] } };
const state = (resources: StateResource[]): State => ({ resources, pending: [] });
const terms: Terms = { intervalDays: 30, leadHours: 24, anchor: "app/A", generation: 1 };
const now = new Date("2027-03-01T03:00:00Z");

function fresh(name = "A", more: StateResource[] = []): StateResource[] {
  return secret(name, terms, { window: "2027-02-25T03:00:00Z", generation: 1 }, "2027-03-27T03:00:00Z", more);
}

describe("wakeAt", () => {
  it("is never later than the first decision that rotates or announces anything", function () {
    this.timeout(20_000);
    let known = 0;
    fc.assert(
      fc.property(possible, start, fc.array(fc.nat({ max: 1000 }), { maxLength: 20 }), (drawn, at, later) => {
        const first = new Date(Math.floor(at / 1000) * 1000);
        const { memory, dueAt } = decide(undefined, drawn, first);
        const wakes = wakeAt(state(secret("A", drawn, memory, dueAt)), first);
        if (wakes === undefined) return;
        known++;
        assert.notEqual(wakes, "");
        const span = Date.parse(wakes) - first.getTime();
        for (const share of [...later, 999]) {
          const then = new Date(first.getTime() + Math.floor((span * share) / 1001));
          const decision = decide(memory, drawn, then);
          assert.equal(decision.rotate, false, `${then.toISOString()} before ${wakes}`);
          assert.equal(decision.held, undefined);
          assert.deepEqual(decision.memory, memory, "the run would remember something new");
        }
      }),
      { numRuns: 500 },
    );
    assert.ok(known > 250, `only ${known} of 500 had a bound at all`);
  });

  it("knows when the first of several secrets is due", () => {
    const one = wakeAt(state(fresh("A")), now);
    const soon = { window: "2027-02-04T00:00:00Z", generation: 1 };
    const both = wakeAt(state([...fresh("A"), ...secret("B", terms, soon, "2027-03-06T00:00:00Z")]), now);
    assert.ok(one && both && both < one);
    assert.ok(Date.parse(both) <= Date.parse("2027-03-06T00:00:00Z") - 24 * hour);
  });

  it("wakes a lead earlier for the second of a pair, and for what may be one", () => {
    const given = (dependencies: Record<string, string[]> | undefined): number =>
      Date.parse(
        wakeAt(
          state(
            fresh().map((each) =>
              each.type === "rotation:index:Schedule" ? { ...each, propertyDependencies: dependencies } : each,
            ),
          ),
          now,
        ) ?? "",
      );
    const dueAt = Date.parse("2027-03-27T03:00:00Z");
    assert.equal(given({ secret: [] }), dueAt - 24 * hour);
    assert.equal(given({ secret: [], apartFrom: ["urn"] }), dueAt - 48 * hour - 5 * 60_000);
    assert.equal(given(undefined), given({ apartFrom: [] }));
  });

  it("asks for the engine while anything is open", () => {
    const open: Record<string, State> = {
      "a killed step": { ...state(fresh()), pending: [urn("random:index:RandomPassword", "app/A/value")] },
      "a type that is not known": state(
        fresh("A", [{ urn: urn("rotation:index:Future", "app/A/x"), type: "rotation:index:Future" }]),
      ),
      "a record that is owed": state(
        fresh("A", [
          {
            urn: urn("rotation:index:Precheck", "app/A/p"),
            type: "rotation:index:Precheck",
            outputs: { unaudited: "x" },
          },
        ]),
      ),
      "a previous value whose end was put off": state(
        fresh().map((each) =>
          each.type === "rotation:index:Overlap"
            ? { ...each, outputs: { ...each.outputs, holds: true, retireAt: "2027-03-01T02:00:00Z" } }
            : each,
        ),
      ),
      "a rotation that did not finish": state(
        fresh().map((each) =>
          each.type === "rotation:index:Verification" ? { ...each, outputs: { fingerprint: "other" } } : each,
        ),
      ),
      "a secret that is due": state(
        secret("A", terms, { window: "2027-01-30T00:00:00Z", generation: 1 }, "2027-03-01T00:00:00Z"),
      ),
    };
    for (const [what, each] of Object.entries(open)) assert.equal(wakeAt(each, now), undefined, what);
  });

  it("wakes for the end of a grace period", () => {
    const until = new Date(now.getTime() + 3 * hour).toISOString();
    const wakes = wakeAt(
      state(
        fresh().map((each) =>
          each.type === "rotation:index:Overlap"
            ? { ...each, outputs: { ...each.outputs, holds: true, retireAt: until } }
            : each,
        ),
      ),
      now,
    );
    assert.equal(wakes, until);
  });

  it("wakes for the first reminder of a secret that a person must fetch", () => {
    const dueAt = new Date(now.getTime() + 20 * day).toISOString();
    const wakes = wakeAt(
      state(
        fresh("A", [
          {
            urn: urn("rotation:index:Notice", "app/A/notice-due"),
            type: "rotation:index:Notice",
            inputs: { dueAt },
          },
        ]),
      ),
      now,
    );
    assert.ok(wakes && Date.parse(wakes) <= now.getTime() + 6 * day, wakes);
  });
});
