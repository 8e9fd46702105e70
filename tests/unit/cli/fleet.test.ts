// Many stacks with one command: which ones are meant, that one that fails keeps no other, and the report.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure, type Call } from "../../../cli/command.ts";
import { Engine } from "../../../cli/engine.ts";
import { runFleet } from "../../../cli/fleet.ts";
import { partsOf, stacksOf } from "../../../cli/stacks.ts";

describe("many stacks with one command", () => {
  let dir: string;
  const printed: string[] = [];
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "fleet-"));
    printed.length = 0;
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function call(options: Call["options"], names: string[] = []): Call {
    const env = {
      PULUMI_BACKEND_URL: "s3://none",
      PULUMI_OPTION_CONFIG_FILE: join(dir, "Pulumi.app.yaml"),
      PULUMI_STACK: "app",
    };
    const io: Call["io"] = {
      out: (text) => printed.push(text),
      say: () => undefined,
      env,
      input: process.stdin,
      now: new Date("2027-03-01T03:00:00Z"),
      colour: false,
    };
    return { options, names, io, engine: new Engine(env, undefined, () => undefined) };
  }
  const part = (index: number, of: number): void =>
    writeFileSync(
      join(dir, `Pulumi.app-${index}.yaml`),
      `config:\n  secret-rotation:part:\n    index: ${index}\n    of: ${of}\n`,
    );

  it("finds the parts in the order of their numbers, and no other stack", () => {
    for (let index = 1; index <= 11; index++) part(index, 11);
    writeFileSync(join(dir, "Pulumi.app-other.yaml"), "config: {}\n");
    writeFileSync(join(dir, "Pulumi.app.yaml"), "config: {}\n");
    assert.deepEqual(partsOf("app", dir).slice(0, 3), ["app-1", "app-2", "app-3"]);
    assert.equal(partsOf("app", dir).at(-1), "app-11");
  });

  it("refuses to leave a part out, whose secrets would never rotate", () => {
    for (const index of [1, 3]) part(index, 4);
    assert.throws(() => partsOf("app", dir), /has 4 parts, and Pulumi.app-2.yaml, Pulumi.app-4.yaml are missing/);
    assert.throws(() => partsOf("none", dir), /none has no parts.*rotate parts none --of 8/s);
  });

  it("takes a list from a file, and says what is wrong with it", () => {
    const file = join(dir, "stacks.txt");
    writeFileSync(file, "# all of them\none\n\ntwo # the second\n");
    assert.deepEqual(stacksOf(call({ stacks: file })), ["one", "two"]);
    writeFileSync(file, "one\none\n");
    assert.throws(() => stacksOf(call({ stacks: file })), /names the stack one twice/);
    writeFileSync(file, "#\n");
    assert.throws(() => stacksOf(call({ stacks: file })), /names no stack/);
    assert.throws(() => stacksOf(call({ stacks: file, "all-parts": true })), /not both/);
    assert.equal(stacksOf(call({})), undefined);
  });

  it("runs no more at a time than was asked for, and all of them although one fails", async () => {
    let [running, most] = [0, 0];
    const done: string[] = [];
    const code = await runFleet(call({ "at-once": "2" }), ["a", "b", "c", "d", "e"], async ({ engine }) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      if (engine.stack === "b") throw new Failure("the consumer is ill");
      done.push(engine.stack ?? "");
      return { outcome: { touched: [`x/${engine.stack}`], errors: [], changes: {} }, rows: [] };
    });
    assert.equal(most, 2);
    assert.deepEqual(done.sort(), ["a", "c", "d", "e"]);
    assert.equal(code, 1);
    assert.match(printed.join("\n"), /b +0 +\d+\.\d +failed/);
    assert.match(printed.join("\n"), /5 stacks: 4 rotated or mended, 0 stacks had nothing due, 1 failed/);
    assert.match(printed.join("\n"), /^b: the consumer is ill$/m);
    await assert.rejects(
      runFleet(call({ "at-once": "0" }), ["a"], () => Promise.reject(new Error())),
      /--at-once is "0"/,
    );
  });
});
