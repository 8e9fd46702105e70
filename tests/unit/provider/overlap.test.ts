import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expectedProof } from "../../../provider/proof.ts";
import { overlap } from "../../../provider/resources/overlap.ts";
import { Settings } from "../../../provider/settings.ts";
import type { Properties } from "../../../provider/wire/contract.ts";
import { reveal, Secret, unknown } from "../../../provider/wire/values.ts";

const warnings: string[] = [];
const log = { info: () => undefined, warn: (message: string) => void warnings.push(message) };
const call = { urn: "urn:pulumi:t::t::rotation:index:Overlap::app/S/overlap", name: "app/S/overlap", log };

/** The resource at a given time, with what the engine would do around it. */
class Engine {
  inputs: Properties | undefined;
  outputs: Properties | undefined;
  now = "2027-01-01T00:00:00Z";

  #resource() {
    const settings = new Settings();
    settings.configure({ now: this.now, fingerprintKey: "k" });
    return overlap(settings);
  }

  async plan(given: Properties) {
    const resource = this.#resource();
    const checked = await resource.check?.({
      ...call,
      inputs: { secret: "app/S", window: "w1", forced: 1, graceHours: 24, ...given },
      oldInputs: this.inputs,
    });
    assert.ok(checked);
    const diff =
      this.inputs && this.outputs
        ? await resource.diff?.({
            ...call,
            id: "app/S",
            oldInputs: this.inputs,
            oldOutputs: this.outputs,
            inputs: checked.inputs,
            ignoreChanges: [],
          })
        : undefined;
    return { ...checked, changed: diff?.changed ?? [] };
  }

  async apply(given: Properties, preview = false): Promise<Properties> {
    const { inputs, failures, changed } = await this.plan(given);
    assert.deepEqual(failures, []);
    const resource = this.#resource();
    let outputs: Properties | undefined;
    if (!this.inputs || !this.outputs)
      outputs = (await resource.create({ ...call, inputs, preview, timeout: 0 })).outputs;
    else if (changed.length)
      outputs = await resource.update?.({
        ...call,
        id: "app/S",
        inputs,
        oldInputs: this.inputs,
        oldOutputs: this.outputs,
        preview,
        timeout: 0,
      });
    if (!outputs) return this.outputs ?? {};
    if (!preview) [this.inputs, this.outputs] = [inputs, outputs];
    return outputs;
  }
}

const value = (text: string): Properties => ({ value: new Secret(text) });
const shown = (outputs: Properties) => [
  reveal(outputs["current"]),
  reveal(outputs["previous"]),
  outputs["generation"],
  outputs["holds"],
];

describe("the overlap of two values", () => {
  let engine: Engine;
  beforeEach(() => (engine = new Engine()));

  it("starts with one value", async () => {
    assert.deepEqual(shown(await engine.apply(value("one"))), ["one", "", 1, false]);
  });

  it("keeps the value before for the grace period, then ends it", async () => {
    await engine.apply(value("one"));
    assert.deepEqual(shown(await engine.apply({ ...value("two"), window: "w2" })), ["two", "one", 2, true]);
    engine.now = "2027-01-01T23:59:59Z";
    assert.deepEqual((await engine.plan({ ...value("two"), window: "w2" })).changed, []);
    engine.now = "2027-01-02T00:00:00Z";
    assert.deepEqual((await engine.plan({ ...value("two"), window: "w2" })).changed, ["holds"]);
    assert.deepEqual(shown(await engine.apply({ ...value("two"), window: "w2" })), ["two", "", 2, false]);
  });

  it("shows a rotation in a preview although the new value is not known", async () => {
    await engine.apply(value("one"));
    const outputs = await engine.apply({ value: unknown, window: "w2" }, true);
    assert.equal(outputs["current"], unknown);
    assert.deepEqual([reveal(outputs["previous"]), outputs["generation"]], ["one", 2]);
  });

  it("refuses to overwrite a value that is still accepted, unless a person forces it", async () => {
    await engine.apply(value("one"));
    await engine.apply({ ...value("two"), window: "w2" });
    const { failures } = await engine.plan({ ...value("three"), window: "w3" });
    assert.match(
      failures?.[0]?.reason ?? "",
      /app\/S is due again, but its previous value is accepted until 2027-01-02/,
    );
    assert.deepEqual(shown(await engine.apply({ ...value("three"), window: "w3", forced: 2 })), [
      "three",
      "two",
      3,
      true,
    ]);
  });

  it("holds nothing for a cut-over", async () => {
    await engine.apply({ ...value("one"), graceHours: 0 });
    assert.deepEqual(shown(await engine.apply({ ...value("two"), window: "w2", graceHours: 0 })), [
      "two",
      "",
      2,
      false,
    ]);
  });

  it("says what is wrong with a grace period below nothing", async () => {
    const { failures } = await engine.plan({ ...value("one"), graceHours: -1 });
    assert.match(failures?.[0]?.reason ?? "", /graceHours is -1; give 0/);
  });

  describe("with a consumer that proves", () => {
    let server: Server;
    let held = "two";
    before((done) => {
      server = createServer((request, response) => {
        const url = new URL(request.url ?? "/", "http://localhost");
        const proof = expectedProof(held, "S", url.searchParams.get("challenge") ?? "");
        response.end(JSON.stringify({ instance: "1", proof, previous: true }));
      }).listen(0, "127.0.0.1", done);
    });
    after((done) => void server.close(done));
    const adoption = () => [
      { consumer: "api", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/S`, variable: "S" },
    ];

    it("ends a value only while the consumer proves the one after it", async () => {
      const given = (text: string, window: string): Properties => ({
        ...value(text),
        window,
        adoption: adoption(),
        deadlineSeconds: 1,
      });
      await engine.apply(given("one", "w1"));
      await engine.apply(given("two", "w2"));
      engine.now = "2027-01-03T00:00:00Z";
      held = "one";
      assert.deepEqual(shown(await engine.apply(given("two", "w2"))), ["two", "one", 2, true], "nothing has changed");
      assert.match(warnings.join(), /The previous value of app\/S stays valid.*instance 1 holds another value/);
      assert.deepEqual((await engine.plan(given("two", "w2"))).changed, ["holds"], "asked again");
      await assert.rejects(
        engine.apply(given("three", "w3")),
        /is due again, but its previous value may be in use: api does not prove/,
      );
      held = "two";
      assert.deepEqual(shown(await engine.apply(given("two", "w2"))), ["two", "", 2, false]);
    });
  });
});
