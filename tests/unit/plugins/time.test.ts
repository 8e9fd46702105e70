import assert from "node:assert/strict";
import { unknown, Unknown, type Properties } from "../../../provider/wire/values.ts";
import { official, startPlugin, up, type Plugin } from "../../support/plugin.ts";

const token = "time:index/rotating:Rotating";
const start = "2026-11-01T02:00:00Z";

describe("time.Rotating", () => {
  const plugins: Plugin[] = [];
  const at = async (now: string): Promise<Plugin> => {
    const plugin = await startPlugin("time", { SANDBOX_NOW: now });
    plugins.push(plugin);
    await plugin.configure({});
    return plugin;
  };
  let plugin: Plugin;
  before(async function () {
    // The official plugin reads the system's clock, which no test can move.
    if (official) this.skip();
    plugin = await at("2026-11-10T12:30:15Z");
  });
  after(() => Promise.all(plugins.map((each) => each.stop())));

  it("adds the rotation to the given base; the base is the id", async () => {
    const state = await up(plugin, token, { rfc3339: start, rotationDays: 30 });
    assert.equal(state.id, start);
    assert.deepEqual(state.outputs, {
      rotationDays: 30,
      year: 2026,
      month: 12,
      day: 1,
      hour: 2,
      minute: 0,
      second: 0,
      unix: 1796090400,
      rfc3339: start,
      rotationRfc3339: "2026-12-01T02:00:00Z",
      id: start,
    });
  });

  it("takes the clock for a base that is not given", async () => {
    const state = await up(plugin, token, { rotationHours: 1 });
    assert.equal(state.id, "2026-11-10T12:30:15Z");
    assert.equal(state.outputs["rotationRfc3339"], "2026-11-10T13:30:15Z");
  });

  it("lets one of several rotations win, counts months as Go does and keeps offsets", async () => {
    const end = async (inputs: Properties): Promise<unknown> =>
      (await up(plugin, token, inputs)).outputs["rotationRfc3339"];
    assert.equal(await end({ rfc3339: start, rotationDays: 3, rotationHours: 1 }), "2026-11-01T03:00:00Z");
    assert.equal(await end({ rfc3339: start, rotationDays: 3, rotationYears: 1 }), "2027-11-01T02:00:00Z");
    assert.equal(await end({ rfc3339: "2027-01-31T00:00:00Z", rotationMonths: 1 }), "2027-03-03T00:00:00Z");
    assert.equal(await end({ rfc3339: "2026-11-01T02:00:00+01:00", rotationDays: 1 }), "2026-11-02T02:00:00+01:00");
    assert.equal(await end({ rotationRfc3339: "2027-05-05T05:05:05Z" }), "2027-05-05T05:05:05Z");
  });

  it("drops fractions of a second, so that a base written with them replaces for ever", async () => {
    const inputs = { rfc3339: "2026-11-01T02:00:00.000Z", rotationDays: 30 };
    const state = await up(plugin, token, inputs);
    assert.equal(state.outputs["rfc3339"], start);
    assert.deepEqual((await plugin.diff(token, state, inputs)).replaces, ["rfc3339"]);
  });

  it("knows a given base in previews, and what follows from it only later", async () => {
    const { outputs } = await plugin.create(token, { rfc3339: start, rotationDays: 30 }, true);
    assert.equal(outputs["rfc3339"], start);
    assert.ok(outputs["rotationRfc3339"] instanceof Unknown);
    const open = await plugin.create(token, { rotationDays: 30 }, true);
    assert.ok(open.outputs["rfc3339"] instanceof Unknown);
  });

  it("does not notice expiry without a refresh, and loses the resource in one", async () => {
    const inputs = { rfc3339: start, rotationDays: 30 };
    const state = await up(plugin, token, inputs);
    assert.deepEqual(await plugin.read(token, state), state);
    const atTheEnd = await at("2026-12-01T02:00:00Z");
    assert.ok(await atTheEnd.read(token, state), "the very moment is not past it yet");
    const later = await at("2026-12-01T02:00:01Z");
    assert.equal((await later.diff(token, state, inputs)).changes, false);
    assert.equal(await later.read(token, state), undefined);
  });

  it("replaces by triggers and base; a new rotation is an update while the clock has not run out", async () => {
    const inputs = { rfc3339: start, rotationDays: 30, triggers: { generation: "1" } };
    const state = await up(plugin, token, inputs);
    assert.deepEqual(await plugin.diff(token, state, inputs), { changes: false, diffs: [], replaces: [] });
    assert.deepEqual((await plugin.diff(token, state, { ...inputs, triggers: { generation: "2" } })).replaces, [
      "triggers",
    ]);
    assert.deepEqual((await plugin.diff(token, state, { ...inputs, triggers: { generation: unknown } })).replaces, [
      "triggers",
    ]);
    assert.deepEqual((await plugin.diff(token, state, { ...inputs, rfc3339: "2026-12-01T02:00:00Z" })).replaces, [
      "rfc3339",
    ]);

    const longer = { ...inputs, rotationDays: 60 };
    const diff = await plugin.diff(token, state, longer);
    assert.deepEqual([diff.diffs, diff.replaces], [["rotationDays"], []]);
    const preview = await plugin.update(token, state, longer, true);
    const updated = await plugin.update(token, state, longer);
    assert.deepEqual(preview.outputs, updated.outputs);
    assert.equal(updated.outputs["rotationRfc3339"], "2026-12-31T02:00:00Z");
    assert.equal(updated.outputs["id"], start);

    const later = await at("2027-01-01T00:00:00Z");
    assert.deepEqual((await later.diff(token, state, longer)).replaces, ["rotationRfc3339"]);
  });

  it("replaces on any change when the base was left to the clock", async () => {
    const state = await up(plugin, token, { rotationDays: 30 });
    assert.deepEqual((await plugin.diff(token, state, { rotationDays: 31 })).replaces, ["rfc3339"]);
  });

  it("refuses what the official plugin refuses", async () => {
    const failures = async (inputs: Properties): Promise<string> =>
      (await plugin.check(token, inputs)).failures.join("\n");
    assert.match(
      await failures({ rfc3339: start }),
      /At least one of these attributes must be configured: \[rotation_minutes/,
    );
    assert.match(await failures({ rotationDays: 0 }), /rotation_days value must be at least 1, got: 0/);
    assert.match(
      await failures({ rotationDays: 1, rfc3339: "2026-02-30T00:00:00Z" }),
      /rfc3339 value must be a string in RFC3339 format/,
    );
    assert.match(await failures({ rotationDays: 1, keepers: {} }), /has no input 'keepers'/);
    assert.equal(await failures({ rotationDays: 1, rfc3339: unknown, triggers: { generation: unknown } }), "");
  });

  it("imports by base and rotation", async () => {
    const state = await plugin.read(token, { id: `${start},0,0,30,0,0`, inputs: {}, outputs: {} });
    assert.equal(state?.id, start);
    assert.equal(state.outputs["rotationRfc3339"], "2026-12-01T02:00:00Z");
    const other = await plugin.read(token, { id: `${start},2027-01-01T00:00:00Z`, inputs: {}, outputs: {} });
    assert.equal(other?.outputs["rotationRfc3339"], "2027-01-01T00:00:00Z");
    await assert.rejects(plugin.read(token, { id: start, inputs: {}, outputs: {} }), /Unexpected format of ID/);
  });
});
