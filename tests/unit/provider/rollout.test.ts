import assert from "node:assert/strict";
import { rollOut, type Rollout, type RolloutTarget } from "../../../provider/rollout.ts";
import { VendorError } from "../../../provider/vendors/http.ts";

/** A vendor that keeps a list of deploys and brings each one live when it is asked about for the second time. */
class Vendor implements RolloutTarget {
  name = `vendor ${Math.random()}`;
  deploys: Rollout[] = [];
  started = 0;
  loseReply = false;
  end: Rollout["state"] = "live";

  async latest() {
    return this.deploys.at(-1);
  }

  async start() {
    this.started++;
    const deploy: Rollout = { id: `d${this.started}`, createdAt: new Date(), status: "building", state: "running" };
    this.deploys.push(deploy);
    if (this.loseReply) {
      this.loseReply = false;
      throw new VendorError("the reply was lost");
    }
    return deploy;
  }

  async get(id: string) {
    const deploy = this.deploys.find((each) => each.id === id);
    assert.ok(deploy);
    Object.assign(deploy, { state: this.end, status: this.end });
    return deploy;
  }
}

const seconds = (ago: number): Date => new Date(Date.now() - ago * 1000);

describe("a rollout", () => {
  it("starts a deploy and waits until it is live", async () => {
    const vendor = new Vendor();
    const rollout = await rollOut(vendor, seconds(0), 10);
    assert.deepEqual([rollout.state, vendor.started], ["live", 1]);
    assert.ok(Math.floor(rollout.createdAt.getTime() / 1000) > Math.floor(seconds(2).getTime() / 1000));
  });

  it("takes up one deploy for several secrets that were written together", async () => {
    const vendor = new Vendor();
    const written = seconds(0);
    const all = await Promise.all([
      rollOut(vendor, written, 10),
      rollOut(vendor, written, 10),
      rollOut(vendor, written, 10),
    ]);
    assert.deepEqual([vendor.started, new Set(all.map(({ id }) => id)).size], [1, 1]);
  });

  it("does not take a deploy that began before the write, or in the same second", async () => {
    const vendor = new Vendor();
    vendor.deploys.push({ id: "old", createdAt: seconds(0), status: "live", state: "live" });
    assert.equal((await rollOut(vendor, seconds(0), 10)).id, "d1");
  });

  it("takes one that somebody started after the write", async () => {
    const vendor = new Vendor();
    vendor.deploys.push({ id: "theirs", createdAt: seconds(0), status: "live", state: "live" });
    assert.deepEqual([(await rollOut(vendor, seconds(5), 10)).id, vendor.started], ["theirs", 0]);
  });

  it("finds a deploy whose reply was lost, and starts no second one", async () => {
    const vendor = new Vendor();
    vendor.loseReply = true;
    assert.deepEqual([(await rollOut(vendor, seconds(0), 10)).id, vendor.started], ["d1", 1]);
  });

  it("starts another one after one that failed", async () => {
    const vendor = new Vendor();
    vendor.deploys.push({ id: "bad", createdAt: seconds(0), status: "build_failed", state: "failed" });
    assert.equal((await rollOut(vendor, seconds(5), 10)).id, "d1");
  });

  it("says that the old instances serve on when a deploy fails or takes too long", async () => {
    const failing = Object.assign(new Vendor(), { end: "failed" });
    await assert.rejects(
      rollOut(failing, seconds(0), 10),
      /deploy d1 ended as "failed"\. The old instances serve on; nothing was revoked/,
    );
    const slow = Object.assign(new Vendor(), { end: "running" });
    await assert.rejects(rollOut(slow, seconds(0), 1), /is still "building" after 1 s/);
  });
});
