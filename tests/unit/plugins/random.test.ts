import assert from "node:assert/strict";
import bcrypt from "bcrypt";
import { reveal, Secret, unknown, Unknown, type Properties } from "../../../provider/wire/values.ts";
import { itOfStandIn, official, startPlugin, up, type Plugin, type State } from "../../support/plugin.ts";

const token = "random:index/randomPassword:RandomPassword";
const value = (state: State): string => reveal(state.outputs["result"]) as string;
const count = (text: string, form: RegExp): number => text.match(form)?.length ?? 0;

describe("random.RandomPassword", () => {
  let plugin: Plugin;
  before(async () => {
    plugin = await startPlugin("random");
    await plugin.configure({});
  });
  after(() => plugin.stop());

  it("says its version and does not accept secrets", async () => {
    if (!official) assert.equal(await plugin.version(), "4.21.2");
    assert.equal((await plugin.configure({})).acceptSecrets, false);
  });

  it("fills in the official defaults, marks result and hash secret, and keeps the value out of the id", async () => {
    const state = await up(plugin, token, { length: 24 });
    assert.equal(state.id, "none");
    assert.ok(state.outputs["result"] instanceof Secret);
    assert.ok(state.outputs["bcryptHash"] instanceof Secret);
    assert.match(reveal(state.outputs["bcryptHash"]) as string, /^\$2a\$10\$[./A-Za-z0-9]{53}$/);
    assert.ok(await bcrypt.compare(value(state), reveal(state.outputs["bcryptHash"]) as string));
    assert.match(value(state), /^[A-Za-z0-9!@#$%&*()\-_=+[\]{}<>:?]{24}$/);
    const { special, upper, lower, number, numeric, minLower, minUpper, minNumeric, minSpecial } = state.outputs;
    assert.deepEqual([special, upper, lower, number, numeric], [true, true, true, true, true]);
    assert.deepEqual([minLower, minUpper, minNumeric, minSpecial], [0, 0, 0, 0]);
  });

  it("honours minimum counts, classes and overrideSpecial", async () => {
    for (let i = 0; i < 8; i++) {
      const text = value(
        await plugin.create(token, {
          length: 12,
          minUpper: 3,
          minLower: 3,
          minNumeric: 3,
          minSpecial: 3,
          overrideSpecial: "#~",
        }),
      );
      assert.deepEqual(
        [count(text, /[A-Z]/g), count(text, /[a-z]/g), count(text, /\d/g), count(text, /[#~]/g)],
        [3, 3, 3, 3],
      );
    }
    const hex = value(
      await plugin.create(token, { length: 64, upper: false, lower: false, overrideSpecial: "abcdef" }),
    );
    assert.match(hex, /^[0-9a-f]{64}$/);
    assert.match(value(await plugin.create(token, { length: 40, special: false, numeric: false })), /^[A-Za-z]{40}$/);
  });

  it("chooses evenly and shuffles the minimum characters over all places", async () => {
    const { outputs } = await plugin.create(token, {
      length: 16000,
      upper: false,
      lower: false,
      overrideSpecial: "abcdef",
    });
    const text = reveal(outputs["result"]) as string;
    for (const character of "0123456789abcdef") {
      const seen = text.split(character).length - 1;
      assert.ok(Math.abs(seen - 1000) < 200, `${character} appears ${seen} times of 16000`);
    }
    const places = new Set<number>();
    for (let i = 0; i < 40; i++)
      places.add(
        value(await plugin.create(token, { length: 4, minNumeric: 1, numeric: false, special: false })).search(/\d/),
      );
    assert.deepEqual([...places].sort(), [0, 1, 2, 3]);
  }).timeout(60_000);

  it("replaces when an input that matters changes, and only then", async () => {
    const state = await up(plugin, token, { length: 8, keepers: { window: "1" } });
    const replaces = async (inputs: Properties): Promise<string[]> =>
      (await plugin.diff(token, state, inputs)).replaces;
    assert.deepEqual(await plugin.diff(token, state, { length: 8, keepers: { window: "1" } }), {
      changes: false,
      diffs: [],
      replaces: [],
    });
    assert.equal(
      (await plugin.diff(token, state, { length: 8, special: true, minUpper: 0, keepers: { window: "1" } })).changes,
      false,
    );
    assert.deepEqual(await replaces({ length: 9, keepers: { window: "1" } }), ["length"]);
    assert.deepEqual(await replaces({ length: 8, keepers: { window: "2" } }), ["keepers"]);
    assert.deepEqual(await replaces({ length: 8, keepers: { window: unknown } }), ["keepers"]);
    assert.deepEqual(await replaces({ length: 8 }), ["keepers"]);
    assert.deepEqual((await replaces({ length: 8, keepers: { window: "1" }, numeric: false })).sort(), [
      "number",
      "numeric",
    ]);
  });

  it("updates in place when keepers go from absent to empty", async () => {
    const state = await up(plugin, token, { length: 8 });
    const diff = await plugin.diff(token, state, { length: 8, keepers: {} });
    assert.deepEqual([diff.changes, diff.replaces], [true, []]);
    const updated = await plugin.update(token, state, { length: 8, keepers: {} });
    assert.equal(value(updated), value(state));
    assert.ok(updated.outputs["result"] instanceof Secret);
  });

  it("previews a secret that is not known yet", async () => {
    const { id, outputs } = await plugin.create(token, { length: 8, keepers: { window: unknown } }, true);
    assert.equal(id, "");
    assert.ok(reveal(outputs["result"]) instanceof Unknown);
    assert.ok(outputs["result"] instanceof Secret);
  });

  it("refuses what the official plugin refuses", async () => {
    const failures = async (inputs: Properties): Promise<string> =>
      (await plugin.check(token, inputs)).failures.join("\n");
    assert.match(await failures({ length: 0 }), /length value must be at least 1, got: 0/);
    assert.match(
      await failures({ length: 3, minUpper: 2, minLower: 2 }),
      /must be at least sum of min_upper \+ min_lower/,
    );
    assert.match(
      await failures({ length: 8, special: false, upper: false, lower: false, numeric: false }),
      /must be specified as true/,
    );
    assert.match(await failures({}), /length/);
    assert.equal(await failures({ length: unknown, keepers: { window: unknown } }), "");
  });

  itOfStandIn("refuses by name what it does not know", async () => {
    const { failures } = await plugin.check(token, { length: 8, lenght: 9 });
    assert.match(failures.join(), /has no input 'lenght'/);
    assert.match((await plugin.check(token, { length: 8, overrideSpecial: "é" })).failures.join(), /ASCII/);
    assert.match(
      (await plugin.check(token, { length: 8, number: true, numeric: false })).failures.join(),
      /different values/,
    );
  });

  it("imports by value and reads back what is in state", async () => {
    const imported = await plugin.read(token, { id: "s3cret-value", inputs: {}, outputs: {} });
    assert.ok(imported);
    assert.equal(imported.id, "none");
    assert.equal(value(imported), "s3cret-value");
    assert.equal(imported.outputs["length"], 12);
    assert.equal((await plugin.diff(token, imported, { length: 12 })).changes, false);
    assert.deepEqual(await plugin.read(token, imported), imported);
  });
});
