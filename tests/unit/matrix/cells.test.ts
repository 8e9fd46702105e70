import assert from "node:assert/strict";
import { endsRun, kinds, killsConsumers, type Kind, type NamedCall } from "../../matrix/calls.ts";
import { cellsOf, inOneRun, serversOf, takeBatch, type Cell } from "../../matrix/cells.ts";
import { Wire } from "../../matrix/wire.ts";

const statuses: readonly Kind[] = ["429", "500", "half a body", "lost reply", "time-out"];

function call(vendor: string, what: string): NamedCall {
  return { vendor, what, write: true, eventual: false, statuses, occurrence: 1 };
}

describe("cells of the fault matrix", () => {
  const calls = ["A", "B", "C", "D", "E", "F"].map((name) => call("render", `PUT /env-vars/${name}`));
  const limits = { most: 6, kills: 2, hangs: 1, perVendor: 6 };

  it("are every fault that makes sense at a call, once", () => {
    const cells = cellsOf("rotation", calls);
    assert.equal(cells.length, calls.length * (kinds.length - 1), "no read can be stale here");
    assert.equal(new Set(cells.map(({ name, kind }) => `${name} ${kind}`)).size, cells.length);
  });

  it("come in batches within the limits, in which consumers are killed alone", () => {
    const waiting = cellsOf("rotation", calls);
    const total = waiting.length;
    let [taken, alone] = [0, 0];
    for (let batch = takeBatch(waiting, limits); batch.length; batch = takeBatch(waiting, limits)) {
      taken += batch.length;
      const count = (test: (kind: Kind) => boolean): number => batch.filter(({ kind }) => test(kind)).length;
      assert.ok(batch.length <= limits.most);
      assert.ok(count(endsRun) <= limits.kills);
      assert.ok(count((kind) => kind === "time-out") <= limits.hangs);
      assert.ok([0, batch.length].includes(count(killsConsumers)));
      if (count(killsConsumers)) alone++;
    }
    assert.equal(taken, total);
    assert.ok(alone >= 2);
  });

  it("are of servers that a recording met, each down where a rotation first calls it, else in the first run", () => {
    const servers = serversOf([
      { phase: "first run", calls: [call("stripe", "GET /v1/account"), call("vault", "PUT /a"), call("redis", "ACL")] },
      { phase: "rotation", calls: [call("vault", "PUT /a"), call("vault", "PUT /b")] },
      { phase: "follow-up", calls: [call("redis", "ACL")] },
      { phase: "revocation", calls: [call("redis", "ACL"), call("vault", "PUT /a")] },
    ]);
    assert.deepEqual([...servers].map(String), ["vault,rotation", "redis,follow-up", "stripe,first run"]);
  });

  it("tell whether anybody called a server that was down", () => {
    const wire = new Wire();
    assert.equal(wire.refuses("vault"), false);
    wire.takeDown("vault");
    assert.equal(wire.refuses("render"), false);
    assert.equal(wire.refuses("vault"), true);
    assert.equal(wire.bringUp("vault"), 1);
    assert.equal(wire.refuses("vault"), false);
    wire.takeDown("vault");
    assert.equal(wire.bringUp("vault"), 0);
  });

  it("try both calls of a name in one run, where the first is asked again", async () => {
    const twice = [1, 2].map((occurrence) => ({ ...call("vault", "POST /rotate"), occurrence }));
    const waiting = inOneRun(cellsOf("rotation", [...calls, ...twice]).filter(({ kind }) => /^(429|500)/.test(kind)));
    const one = waiting.filter(({ name, kind }) => name.endsWith("/rotate") && kind === "500");
    const batch = takeBatch(one, limits);
    assert.deepEqual(batch.map(({ occurrence }) => occurrence).sort(), [1, 2]);
    const wire = new Wire();
    wire.begin(batch);
    const met: (number | undefined)[] = [];
    // The first call, the same asked again, the second call, and that one asked again.
    for (let count = 0; count < 4; count++) met.push((await wire.meet(call("vault", "POST /rotate")))?.occurrence);
    assert.deepEqual(met, [1, undefined, 2, undefined]);
    const without = inOneRun(cellsOf("rotation", twice)).filter(({ occurrence }) => occurrence === 1);
    assert.deepEqual([...new Set(without.map(({ kind }) => kind))].sort(), ["429", "500"], "what has no effect");
  });

  it("kill consumers at their moment, and wait for those who were killed before", async () => {
    const wire = new Wire();
    let [killed, asked] = [0, 0];
    wire.killConsumers = () => (++asked < 3 ? 0 : ++killed);
    const cell = cellsOf("rotation", calls).find(({ kind }) => kind === "kill consumers after") as Cell;
    wire.begin([cell]);
    await wire.beside(cell, "before");
    assert.deepEqual([killed, wire.fired.length], [0, 0]);
    await wire.beside(cell, "after");
    assert.deepEqual([killed, wire.fired], [1, [cell]]);
    wire.begin([cell]);
    wire.killConsumers = () => 0;
    wire.restartMs = 30;
    await wire.beside(cell, "after");
    assert.deepEqual(wire.fired, [], "nobody was there to be killed");
  });
});
