// What an issued credential and its revocation do over many runs, with every fault that a service and a kill can add.
import assert from "node:assert/strict";
import { familyOf } from "../../../provider/resources/credential.ts";
import { Secret } from "../../../provider/wire/values.ts";
import { Stack } from "./stack.ts";

const name = (generation: number): string => `rotation-production-visapi-db-url-g${generation}`;

/** A stack whose second generation is live since January 2nd, while the first is within its grace. */
async function rotated(): Promise<Stack> {
  const stack = new Stack();
  await stack.run({ now: "2027-01-01T03:00:00Z" });
  await stack.run({ now: "2027-01-02T03:00:00Z", window: "w2" });
  return stack;
}

describe("an issued credential", () => {
  it("issues into the idle slot, and hands it out with the memory of the other", async () => {
    const stack = await rotated();
    const { outputs } = stack.credential!;
    assert.deepEqual(stack.service.effects, [`issue ${name(1)} a`, `issue ${name(2)} b`]);
    assert.deepEqual(stack.service.names, [name(1), name(2)], "both are valid until the revocation");
    assert.deepEqual(
      [outputs["generation"], outputs["slot"], outputs["reference"], outputs["previousReference"]],
      [2, "b", "key-2", "key-1"],
    );
    assert.equal(stack.current, `value-2-of-${name(2)}`);
    assert.ok(outputs["current"] instanceof Secret);
    assert.ok(outputs["previous"] instanceof Secret);
    await stack.run({ now: "2027-01-02T04:00:00Z" });
    assert.deepEqual(stack.steps, [], "an idle run has no diff");
  });

  it("goes back to the slot that is still valid; where it is dead, a new one can be asked for all the same", async () => {
    const stack = await rotated();
    const back = { generation: 1, at: "2027-01-02T05:00:00Z" };
    await stack.run({ now: back.at, restore: back });
    assert.deepEqual([stack.reference, stack.credential?.outputs["previousReference"]], ["key-1", "key-2"]);
    await stack.run({ now: "2027-01-02T06:00:00Z", restore: back });
    assert.deepEqual(stack.steps, [], "it comes back once");
    await stack.run({ now: "2027-01-04T03:00:00Z", restore: back });
    assert.deepEqual(stack.service.names, [name(1)], "what was left ends after its grace");

    const dead = { generation: 2, at: "2027-01-05T03:00:00Z" };
    await assert.rejects(stack.run({ now: dead.at, restore: dead }), /key-2 is not valid any more/);
    assert.equal(stack.reference, "key-1");
    await stack.run({ now: "2027-01-05T04:00:00Z", restore: dead, forced: 2 });
    assert.equal(stack.credential?.outputs["generation"], 4);
    assert.deepEqual(stack.service.names, [name(1), name(4)]);
    await stack.run({ now: "2027-01-05T05:00:00Z", restore: dead, forced: 2 });
    assert.deepEqual(stack.steps, [], "the return that could not be made is not asked for again");
  });

  it("goes round the two slots, each freed by its revocation", async () => {
    const stack = await rotated();
    for (const [day, window] of [
      ["04", "w2"],
      ["10", "w3"],
      ["12", "w3"],
      ["20", "w4"],
      ["22", "w4"],
    ] as const)
      await stack.run({ now: `2027-01-${day}T03:00:00Z`, window });
    assert.deepEqual(stack.service.effects, [
      `issue ${name(1)} a`,
      `issue ${name(2)} b`,
      "revoke key-1",
      `issue ${name(3)} a`,
      "revoke key-2",
      `issue ${name(4)} b`,
      "revoke key-3",
    ]);
    assert.deepEqual(stack.service.names, [name(4)]);
  });

  it("makes no second one after a lost reply, nor after a kill between effect and state", async () => {
    for (const fault of ["lost reply", "kill"] as const) {
      const stack = new Stack();
      await stack.run({ now: "2027-01-01T03:00:00Z" });
      const due = { now: "2027-01-02T03:00:00Z", window: "w2" };
      if (fault === "lost reply") {
        stack.service.lostReplies = 1;
        await assert.rejects(stack.run(due), /the reply was lost/);
      } else await assert.rejects(stack.run({ ...due, killAfter: "credential" }), /killed/);
      assert.equal(stack.current, `value-1-of-${name(1)}`, "what is in use is still what is handed out");
      await stack.run({ ...due, now: "2027-01-02T03:05:00Z" });
      assert.deepEqual(stack.service.names, [name(1), name(2)], fault);
      assert.equal(stack.service.live.get(stack.reference)?.value, stack.current);
      assert.equal(stack.credential?.outputs["generation"], 2, "no double rotation");
    }
  });

  it("leaves the live one as it is when the new one does not work, and says so without the value", async () => {
    const stack = new Stack();
    await stack.run({ now: "2027-01-01T03:00:00Z" });
    stack.service.refusesNew = true;
    const due = { now: "2027-01-02T03:00:00Z", window: "w2" };
    await assert.rejects(stack.run(due), (error: Error) => {
      assert.match(
        error.message,
        /new credential key-2 of visapi\/DB_URL does not work: no entry for \[secret\]\. It is not handed out/,
      );
      return true;
    });
    assert.equal(stack.current, `value-1-of-${name(1)}`);
    assert.ok(stack.service.live.has("key-1"));
    stack.service.refusesNew = false;
    await stack.run(due);
    assert.deepEqual(stack.service.names, [name(1), name(2)]);
  });

  it("refuses to overwrite a slot that is still valid, and writes nothing", async () => {
    const stack = await rotated();
    const effects = [...stack.service.effects];
    await assert.rejects(
      stack.run({ now: "2027-01-02T20:00:00Z", window: "w3" }),
      /visapi\/DB_URL is not rotated, and nothing was written: key-1 in the idle slot is still valid, and may be in use until 2027-01-03T03:00:00/,
    );
    stack.service.sessions.set("key-1", ["report@10.0.0.7"]);
    await assert.rejects(
      stack.run({ now: "2027-02-01T03:00:00Z", window: "w3" }),
      /1 session uses key-1 still: report@10\.0\.0\.7/,
    );
    stack.service.sessions.clear();
    stack.service.tells = false;
    await assert.rejects(
      stack.run({ now: "2027-02-01T03:00:00Z", window: "w3" }),
      /nothing can tell whether it is in use\. Revoke it first/,
    );
    assert.deepEqual(stack.service.effects, effects);
  });

  it("makes room itself where revocation and rotation fall due in one run, as after missed ones", async () => {
    const stack = await rotated();
    await stack.run({ now: "2027-03-01T03:00:00Z", window: "w3" });
    assert.deepEqual(stack.service.names, [name(2), name(3)]);
    assert.equal(stack.credential?.outputs["previousReference"], "key-2");
  });

  it("ends what is in the way when a person forces it, and nothing is orphaned", async () => {
    const stack = await rotated();
    stack.service.sessions.set("key-1", ["report@10.0.0.7"]);
    await stack.run({ now: "2027-01-02T20:00:00Z", forced: 2 });
    assert.deepEqual(stack.service.names, [name(2), name(3)]);
    assert.deepEqual(stack.service.effects.slice(2), ["revoke key-1", `issue ${name(3)} a`]);
  });

  it("replaces a single value in place where the service knows no second one", async () => {
    const stack = new Stack(true);
    await stack.run({ now: "2027-01-01T03:00:00Z" });
    await stack.run({ now: "2027-01-02T03:00:00Z", window: "w2" });
    assert.equal(stack.credential?.outputs["previousReference"], "");
    assert.deepEqual([stack.revocation?.outputs["done"], stack.revocation?.outputs["retireAt"]], [true, ""]);
    await stack.run({ now: "2027-01-02T04:00:00Z", window: "w3" });
    assert.equal(stack.credential?.outputs["generation"], 3, "nothing has to be revoked first");
  });

  it("names what it makes by project, stack, application and secret", () => {
    assert.equal(
      familyOf("urn:pulumi:production::secret-rotation::x::y", "visapi/DB_URL"),
      "secret-rotation-production-visapi-db-url",
    );
  });
});

describe("a revocation", () => {
  it("is not due within the grace, then ends the old one and proves it dead", async () => {
    const stack = await rotated();
    await stack.run({ now: "2027-01-03T02:59:59Z" });
    assert.deepEqual(stack.steps, []);
    assert.equal(stack.revocation?.outputs["retireAt"], "2027-01-03T03:00:00.000Z");
    await stack.run({ now: "2027-01-03T03:00:00Z" });
    assert.deepEqual(stack.steps, ["update Revocation"]);
    assert.deepEqual(stack.service.names, [name(2)]);
    assert.deepEqual([stack.revocation?.outputs["done"], stack.revocation?.outputs["retireAt"]], [true, ""]);
    await stack.run({ now: "2027-01-04T03:00:00Z" });
    assert.deepEqual(stack.steps, [], "done once");
  });

  it("is held while somebody uses the old one: a warning and a count, no failure, and tried again", async () => {
    const stack = await rotated();
    stack.service.sessions.set("key-1", ["report@10.0.0.7", "report@10.0.0.8"]);
    for (const day of ["04", "05"]) {
      await stack.run({ now: `2027-01-${day}T03:00:00Z` });
      assert.deepEqual(stack.steps, ["update Revocation"]);
      assert.deepEqual([stack.revocation?.outputs["held"], stack.revocation?.outputs["done"]], [2, false]);
    }
    assert.ok(
      stack.said.includes(
        "warn: visapi/DB_URL: key-1 is not revoked yet: 2 sessions use key-1 still: report@10.0.0.7, report@10.0.0.8. It is tried again in the next run.",
      ),
      stack.said.join("\n"),
    );
    assert.ok(stack.service.live.has("key-1"));
    stack.service.sessions.clear();
    await stack.run({ now: "2027-01-06T03:00:00Z" });
    assert.deepEqual([stack.revocation?.outputs["held"], stack.revocation?.outputs["done"]], [0, true]);
    assert.ok(!stack.service.live.has("key-1"));
  });

  it("is done when the old one is already gone, and after a kill", async () => {
    const gone = await rotated();
    gone.service.live.delete("key-1");
    await gone.run({ now: "2027-01-04T03:00:00Z" });
    assert.equal(gone.revocation?.outputs["done"], true);
    const killed = await rotated();
    await assert.rejects(killed.run({ now: "2027-01-04T03:00:00Z", killAfter: "revocation" }), /killed/);
    await killed.run({ now: "2027-01-04T03:10:00Z" });
    assert.equal(killed.revocation?.outputs["done"], true);
    assert.deepEqual(killed.service.names, [name(2)]);
  });

  it("fails clearly when the service goes on accepting what was revoked", async () => {
    const stack = await rotated();
    stack.service.deafToRevoke = true;
    await assert.rejects(stack.run({ now: "2027-01-04T03:00:00Z" }), /key-1 was revoked, yet fake accepts it still/);
    stack.service.deafToRevoke = false;
    await stack.run({ now: "2027-01-04T04:00:00Z" });
    assert.equal(stack.revocation?.outputs["done"], true);
  });

  it("says when it goes by the grace period alone", async () => {
    const stack = await rotated();
    stack.service.tells = false;
    await stack.run({ now: "2027-01-04T03:00:00Z" });
    assert.equal(stack.revocation?.outputs["done"], true);
    assert.ok(stack.said.some((line) => line.startsWith("info: Nothing can tell whether key-1 is still in use")));
  });

  it("has no grace and asks nobody in an emergency, in that run alone", async () => {
    const stack = await rotated();
    await stack.run({ now: "2027-01-04T03:00:00Z" });
    stack.service.sessions.set("key-2", ["thief@203.0.113.9"]);
    const emergency = { forced: 2, atOnce: true };
    await assert.rejects(stack.run({ now: "2027-01-05T03:00:00Z", ...emergency, killAfter: "revocation" }), /killed/);
    await stack.run({ now: "2027-01-05T03:01:00Z", ...emergency });
    assert.deepEqual(stack.service.names, [name(3)]);
    await stack.run({ now: "2027-01-20T03:00:00Z", window: "w3", ...emergency });
    assert.deepEqual(stack.service.names, [name(3), name(4)], "the next scheduled rotation has its grace again");
  });

  it("asks for a grace period that makes sense", async () => {
    await assert.rejects(new Stack().run({ now: "2027-01-01T03:00:00Z", graceHours: -1 }), /graceHours is -1/);
  });
});
