// An application in parts on the real engine: each secret in one stack, one command for all, no engine where nothing is due,
// and no way to lose a secret by a wrong number.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../../sandbox/stack.ts";
import { BenchWorld } from "../../bench/support/world.ts";

describe("an application in parts", function () {
  this.timeout(600_000);
  let world: BenchWorld;
  const stateOf = (part: number): string =>
    join(world.dir, "state", ".pulumi", "stacks", "secret-rotation", `many-${part}.json`);
  before(async () => {
    world = await BenchWorld.start();
    await world.stack("many", { "bench:secrets": 3, "secret-rotation:applications": ["many"] });
  });
  after(() => world?.stop());

  interface Ran {
    code: number;
    out: string;
    err: string;
  }
  const rotate = (...args: string[]): Promise<Ran> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [...process.execArgv, join(repository, "cli/main.ts"), ...args], {
        cwd: repository,
        env: {
          ...process.env,
          ...world.env,
          PULUMI_OPTION_CWD: join(repository, "bench", "programs", "many"),
          PULUMI_OPTION_CONFIG_FILE: join(world.dir, "Pulumi.many.yaml"),
          ROTATION_NOW: world.now,
          SANDBOX_NOW: world.now,
        },
      });
      const ran: Ran = { code: 1, out: "", err: "" };
      child.stdout.setEncoding("utf8").on("data", (text: string) => (ran.out += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (ran.err += text));
      child.on("error", reject);
      child.on("close", (code) => resolve({ ...ran, code: code ?? 1 }));
    });
  interface Report {
    stacks: { stack: string; what: string; touched: string[]; secrets: number }[];
  }
  const run = async (...args: string[]): Promise<Report["stacks"]> => {
    const ran = await rotate("run", ...args, "--all-parts", "--stack", "many", "--json");
    assert.equal(ran.code, 0, ran.err);
    return (JSON.parse(ran.out) as Report).stacks;
  };
  const version = async (name: string): Promise<number> => {
    const { data } = await world.vault.call<{ data: { current_version: number } }>(
      "GET",
      `secret/metadata/many/${name}`,
    );
    return data.current_version;
  };
  const names = ["SECRET_0000", "SECRET_0001", "SECRET_0002"];

  it("makes every secret once, with one command and one report", async () => {
    const made = await rotate("parts", "many", "--of", "2");
    assert.equal(made.code, 0, made.err);
    const stacks = await run();
    assert.deepEqual(
      stacks.flatMap(({ touched }) => touched).sort(),
      names.map((name) => `many/${name}`),
    );
    assert.ok(
      stacks.every(({ secrets }) => secrets > 0),
      "both parts have secrets",
    );
    assert.deepEqual(await Promise.all(names.map(version)), [1, 1, 1]);
  });

  it("starts no engine and writes nothing while nothing is due, and rotates when it is", async () => {
    const before = [1, 2].map((part) => statSync(stateOf(part)).mtimeMs);
    assert.deepEqual(
      (await run()).map(({ what }) => what),
      ["nothing due", "nothing due"],
    );
    assert.deepEqual(
      [1, 2].map((part) => statSync(stateOf(part)).mtimeMs),
      before,
    );

    const idle = await rotate("plan", "--all-parts", "--stack", "many");
    assert.equal(idle.code, 0, idle.err);
    assert.match(idle.out, /Nothing is due\. The next run changes nothing/);
    assert.match(idle.err, /0 stacks were previewed, 2 had nothing due/);

    world.later(60);
    const planned = await rotate("plan", "--all-parts", "--stack", "many", "--exit-code");
    assert.equal(planned.code, 3, planned.err);
    for (const name of names) assert.match(planned.out, new RegExp(`many/${name} .*rotated`));
    assert.match(planned.out, /The next run: 3 rotated/);
    assert.match(planned.err, /2 stacks were previewed, 0 had nothing due/);
    assert.deepEqual(await Promise.all(names.map(version)), [1, 1, 1], "a plan changes nothing");
    const [owner] = (await run("SECRET_0001")).filter(({ touched }) => touched.length > 0);
    assert.deepEqual(owner?.touched, ["many/SECRET_0001"]);
    assert.deepEqual(await Promise.all(names.map(version)), [1, 2, 1]);
    assert.ok((await run()).every(({ what }) => what === "run"));
    assert.deepEqual(await Promise.all(names.map(version)), [2, 2, 2]);
  });

  it("refuses to become another part, which would delete what is in use", async () => {
    const [one, two] = [1, 2].map((part) => join(world.dir, `Pulumi.many-${part}.yaml`)) as [string, string];
    const [textOfOne, textOfTwo] = [readFileSync(one, "utf8"), readFileSync(two, "utf8")];
    writeFileSync(one, textOfOne.replace("index: 1", "index: 2"));
    const ran = await rotate("run", "--stack", "many-1");
    assert.equal(ran.code, 1);
    assert.match(ran.err, /This stack holds \d of many's secrets that belong to other parts of 2/);
    assert.deepEqual(await Promise.all(names.map(version)), [2, 2, 2]);

    writeFileSync(one, textOfOne);
    rmSync(two);
    const missing = await rotate("run", "--all-parts", "--stack", "many");
    assert.equal(missing.code, 2);
    assert.match(missing.err, /Pulumi\.many-2\.yaml is missing/);
    writeFileSync(two, textOfTwo);
  });
});
