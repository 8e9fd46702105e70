// The pack on the real engine: a mistake stops a run before any effect. The project is made in a temporary folder, with
// a state of its own.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathPrefix } from "../../sandbox/environment.ts";
import { ensureToolchain, type Toolchain } from "../../sandbox/toolchain/toolchain.ts";

const root = join(import.meta.dirname, "..", "..");
const pack = join(root, "policies");
const canary = "CANARY-4711";

const head = `
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import * as time from "@pulumiverse/time";
import { Overlap, Schedule } from ${JSON.stringify(join(root, "provider", "sdk.ts"))};
`;

interface Mistakes {
  intervalDays?: number;
  /** What the value is keyed by. */
  keeper?: "clock.rfc3339" | "schedule.window";
  length?: number;
  plain?: boolean;
}

function program({ intervalDays = 30, keeper = "clock.rfc3339", length = 64, plain = false }: Mistakes): string {
  return `${head}
const about = { secret: "shop/TOKEN", forced: 1, graceHours: 24, adoption: [], deadlineSeconds: 5 };
const schedule = new Schedule("shop/TOKEN/schedule", { secret: "shop/TOKEN", class: "HIGH", owner: "shop@example.com", intervalDays: ${intervalDays}, leadHours: 24 });
const clock = new time.Rotating("shop/TOKEN/clock", { rfc3339: schedule.window, rotationDays: 30 });
const value = new random.RandomPassword("shop/TOKEN/value", { length: ${length}, special: false, keepers: { window: ${keeper} } });
${
  plain
    ? `new (class extends pulumi.CustomResource {})("rotation:index:Overlap", "shop/TOKEN/overlap", { ...about, window: schedule.window, value: "${canary}" });`
    : `new Overlap("shop/TOKEN/overlap", { ...about, window: schedule.window, value: value.result });`
}
`;
}

describe("the policy pack on the engine", function () {
  this.timeout(240_000);
  let folder = "";
  let toolchain: Toolchain;

  const pulumi = (...args: string[]): Promise<{ code: number; output: string }> =>
    new Promise((resolve) => {
      const env = {
        ...process.env,
        PATH: [...pathPrefix(toolchain), process.env.PATH].join(delimiter),
        PULUMI_HOME: toolchain.pulumiHome,
        PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
        PULUMI_CONFIG_PASSPHRASE: "test",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        ROTATION_FINGERPRINT_KEY: "test",
      };
      execFile(toolchain.pulumi, [...args, "--non-interactive"], { cwd: folder, env }, (error, stdout, stderr) => {
        const code = error && typeof error.code === "number" ? error.code : error ? 1 : 0;
        resolve({ code, output: stdout + stderr });
      });
    });
  const judged = (...args: string[]) =>
    pulumi(...args, "--policy-pack", pack, "--policy-pack-config", join(folder, "policies.json"));
  const declare = (mistakes: Mistakes) => writeFile(join(folder, "index.ts"), program(mistakes));
  const state = async () => (await pulumi("stack", "export")).output;

  before(async function () {
    this.timeout(1_800_000);
    toolchain = await ensureToolchain();
    folder = await mkdtemp(join(tmpdir(), "policies-"));
    await mkdir(join(folder, "state"));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    const plugins = { providers: [{ name: "rotation", path: join(root, "provider", "bin") }] };
    const project = { name: "policed", runtime: { name: "nodejs", options: { typescript: false } }, plugins };
    await writeFile(join(folder, "Pulumi.yaml"), JSON.stringify(project));
    await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module", main: "index.ts" }));
    // The project has no destination and no owner, so that it needs no server.
    await writeFile(join(folder, "policies.json"), JSON.stringify({ "secret-complete": "disabled" }));
    const { code, output } = await pulumi("stack", "init", "dev");
    assert.equal(code, 0, output);
  });

  after(async () => {
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  it("stops an update before any effect, with what is wrong and what to type", async () => {
    const before = await state();
    const refused = async (mistakes: Mistakes, message: RegExp): Promise<void> => {
      await declare(mistakes);
      const { code, output } = await judged("up", "--yes");
      assert.notEqual(code, 0, output);
      assert.match(output, message);
      assert.equal(await state(), before, "the state changed");
    };
    await refused({ intervalDays: 91 }, /intervalDays is 91 and may be at most 90 for class HIGH: type 90 or less/);
    await refused({ keeper: "schedule.window" }, /shop\/TOKEN\/value is keyed by no time.Rotating: type keepers/);
    await refused({ length: 30 }, /needs 256 for class HIGH: type length 43 or more/);
  });

  it("stops the chain of a secret even where nobody looked at a preview", async () => {
    await declare({ intervalDays: 91 });
    const { code, output } = await judged("up", "--yes", "--skip-preview");
    assert.notEqual(code, 0, output);
    assert.doesNotMatch(await state(), /Rotating|RandomPassword|Overlap|Schedule/);
  });

  it("sees a value that is no secret, and prints it nowhere", async () => {
    await declare({ plain: true });
    const { code, output } = await judged("up", "--yes");
    assert.notEqual(code, 0, output);
    assert.match(output, /shop\/TOKEN\/overlap is given a plain value, which the state would show/);
    assert.ok(!output.includes(canary), "the value was printed");
    assert.ok(!(await state()).includes(canary), "the value is in the state");
  });

  it("refuses a configuration that would loosen it beyond its bounds", async () => {
    await declare({});
    const loose = join(folder, "loose.json");
    await writeFile(loose, JSON.stringify({ "interval-by-class": { classes: { HIGH: 120 } } }));
    const { code, output } = await pulumi("preview", "--policy-pack", pack, "--policy-pack-config", loose);
    assert.notEqual(code, 0, output);
    assert.match(output, /classes.HIGH: Must be less than or equal to 90/);
  });

  it("lets a secret through that is as it should be, and finds nothing in its state afterwards", async () => {
    await declare({});
    const { code, output } = await judged("up", "--yes");
    assert.equal(code, 0, output);
    const analysis = await judged("policy", "analyze");
    assert.equal(analysis.code, 0, analysis.output);
    assert.match(await state(), /RandomPassword/);
  });
});
