// What a start spares of @pulumi/pulumi, and that nothing else of it is missing. Another version of the SDK that has its
// files elsewhere fails here.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { repository } from "../../../cli/engine.ts";

const sdk = join(repository, "node_modules", "@pulumi", "pulumi");
const lean = join(repository, "components", "lean-start.mjs");

describe("a lean start", () => {
  let dir: string;
  before(() => (dir = mkdtempSync(join(tmpdir(), "lean-start-"))));
  after(() => rmSync(dir, { recursive: true, force: true }));

  /** Runs a text where the SDK's own `cmd/<name>` would be. */
  function run(
    name: "run" | "run-policy-pack" | "other",
    text: string,
    args: string[] = [],
    hooks = true,
    by = (file: string) => file,
  ) {
    const script = join(dir, "@pulumi", "pulumi", "cmd", name, "index.js");
    mkdirSync(dirname(script), { recursive: true });
    writeFileSync(script, text.replaceAll("SDK", JSON.stringify(sdk).slice(1, -1)));
    const ran = spawnSync(process.execPath, [...(hooks ? [`--import=${lean}`] : []), by(script), ...args], {
      cwd: dir,
      encoding: "utf8",
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    assert.equal(ran.status, 0, ran.stderr);
    return ran.stdout;
  }
  /** Ends a program with what it has loaded, of what is spared. */
  const loaded = `
    const heavy = { closure: /runtime.closure/, arborist: /@npmcli.arborist/, typescript: /typescript.js$/, tsNode: /ts-node/, tracing: /sdk-trace/, maps: /source-map-support/ };
    const files = Object.keys(require.cache).filter((file) => !file.endsWith("lean-stub.cjs"));
    console.log(Object.keys(heavy).filter((name) => files.some((file) => heavy[name].test(file))).join(" "));`;

  it("loads the SDK without what serializes functions", () => {
    const program = `require("SDK").output(1); ${loaded}`;
    assert.equal(run("run", program).trim(), "");
    assert.equal(run("run", program, [], false).trim(), "closure arborist typescript");
    assert.equal(run("other", program).trim(), "closure arborist typescript");
    assert.equal(run("run", program, [], true, dirname).trim(), "");
  });

  it("runs a program without source maps and tracing, unless it is traced", () => {
    const program = `
      process.on("exit", () => { ${loaded} });
      process.argv.splice(2, Infinity, "--monitor=127.0.0.1:1", ...process.argv.slice(2), "SDK");
      try { require("SDK/cmd/run/index.js"); require("SDK/cmd/run/run.js"); } finally { process.exit(0); }`;
    assert.equal(run("run", program).trim(), "");
    assert.equal(run("run", program, ["--tracing=http://127.0.0.1:1"]).trim(), "tracing");
    assert.equal(run("run", program, [], false).trim(), "closure tracing maps");
  });

  it("loads this pack without a compiler, and any other with one", () => {
    const pack = `require("SDK/tsutils.js").typeScriptRequireStrings(); ${loaded}`;
    assert.equal(run("run-policy-pack", pack, [join(repository, "policies")]).trim(), "");
    assert.equal(run("run-policy-pack", pack, [`${repository}/./policies/`]).trim(), "");
    assert.equal(run("run-policy-pack", pack, [dir]).trim(), "typescript");
  });

  it("says what to do when a function would have to be serialized", () => {
    const program = `
      const { dynamic, runtime } = require("SDK");
      try { runtime.serializeFunction(() => 1); } catch (error) { console.log(error.message); }
      try { new dynamic.Resource({}, "x", {}); } catch (error) { console.log(error.message); }`;
    const [first, second] = run("run", program).trim().split("\n");
    assert.match(first ?? "", /serializes no functions, so it has no dynamic providers: write a resource/);
    assert.equal(second, first);
  });
});

describe("a lean program", () => {
  it("still fails when it leaves a promise behind", () => {
    const text = `
      await import(${JSON.stringify(join(repository, "components", "lean.ts"))});
      const { default: debuggable } = await import(${JSON.stringify(join(sdk, "runtime", "debuggable.js"))});
      void debuggable.debuggablePromise(new Promise(() => {}), "left behind");
      void debuggable.debuggablePromise(Promise.resolve(1), "kept");
      console.log(new Error("told").stack.split("\\n").length > 1);`;
    const ran = spawnSync(process.execPath, ["--input-type=module", "-e", text], { encoding: "utf8" });
    assert.equal(ran.status, 1, ran.stderr);
    assert.match(ran.stderr, /detected that 1 promise|1 promise/i);
    assert.equal(ran.stdout.trim(), "true");
  });
});
