// The pack on the real engine: for each rule a mistake, and what it stops before any effect.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sign } from "../../policies/approval.ts";
import { rules } from "../../policies/rules/all.ts";
import { Policed, sdk } from "../support/policed.ts";

const canary = "CANARY-4711";
const now = "2027-03-01T03:00:00Z";
const later = "2027-04-02T03:00:00Z";

const head = `
import * as pulumi from "@pulumi/pulumi";
import * as github from "@pulumi/github";
import * as random from "@pulumi/random";
import * as time from "@pulumiverse/time";
import { Credential, Overlap, Schedule, VendorNames, Verification } from ${sdk};
const Any = (type: string, name: string, inputs: object) => new (class extends pulumi.CustomResource {})(type, name, inputs);
`;

/** What of a secret is declared wrongly: the arguments of its parts as a program writes them, and what is beside it. */
interface Mistakes {
  name?: string;
  schedule?: string;
  clock?: string;
  clockOptions?: string;
  value?: string;
  overlap?: string;
  /** Program text behind the secret; \`{name}\` is the secret's. */
  beside?: string;
  /** Left out: none. */
  nothing?: boolean;
}

function secret({ name = "shop/TOKEN", ...mistakes }: Mistakes = {}): string {
  const about = `{ secret: "${name}", forced: 1, adoption: [], deadlineSeconds: 5, window: schedule.window, value: value.result, graceHours: 30`;
  return `{
const schedule = new Schedule("${name}/schedule", { secret: "${name}", class: "HIGH", owner: "shop@example.com", intervalDays: 30, leadHours: 24, hours: { from: 2, to: 6 }, noticeHours: 24, ${mistakes.schedule ?? ""} });
const clock = new time.Rotating("${name}/clock", { rfc3339: schedule.window, ${mistakes.clock ?? "rotationDays: 30"} }, { ${mistakes.clockOptions ?? ""} });
const value = new random.RandomPassword("${name}/value", { length: 64, special: false, keepers: { window: clock.rfc3339 }, ${mistakes.value ?? ""} });
${mistakes.overlap === "none" ? "" : `new Overlap("${name}/overlap", ${about}, ${mistakes.overlap ?? ""} });`}
${(mistakes.beside ?? "").replaceAll("{name}", name)}
}`;
}

const unannounced = (name: string) => secret({ name: `shop/${name}`, schedule: "noticeHours: 0" });

/** For each rule a mistake and what is said of it. */
const mistakes: Record<string, { stack?: "production"; program: string; message: RegExp; reports?: true }> = {
  "interval-by-class": {
    program: secret({ schedule: "intervalDays: 91" }),
    message: /intervalDays is 91 and may be at most 90 for class HIGH: type 90 or less for shop\/TOKEN/,
  },
  "clock-in-days": {
    program: secret({ clock: "rotationMonths: 1" }),
    message: /rotationMonths is set, and months differ in length: remove it and type rotationDays/,
  },
  "clock-follows-schedule": {
    program: secret({ clock: 'rotationDays: 30, rfc3339: "2027-02-28T00:00:00Z"' }),
    message: /shop\/TOKEN\/clock takes its base from no schedule/,
  },
  "not-overdue": {
    program: secret({ schedule: 'adopted: "2027-01-01T00:00:00Z", onRequest: true' }),
    message: /shop\/TOKEN was due on 2027-01-31T00:00:00Z and is 29 days overdue/,
    reports: true,
  },
  "material-has-keepers": {
    program: secret({ value: "keepers: undefined" }),
    message: /shop\/TOKEN\/value has no keepers, so it is never renewed: type keepers: \{ window: clock.rfc3339 \}/,
  },
  "material-keyed-by-clock": {
    program: secret({ value: "keepers: { window: schedule.window }" }),
    message: /shop\/TOKEN\/value is keyed by no time.Rotating: type keepers/,
  },
  "entropy-by-class": { program: secret({ value: "length: 30" }), message: /needs 256 for class HIGH: type length 43/ },
  "no-value-in-id": {
    program: `new random.RandomBytes("shop/TOKEN/bytes", { length: 32, keepers: { a: "b" } });`,
    message: /shop\/TOKEN\/bytes \(RandomBytes\) shows its value as its plain id: use RandomPassword/,
  },
  "values-stay-secret": {
    program: `new github.ActionsSecret("shop/TOKEN/github", { repository: "shop", secretName: "TOKEN", plaintextValue: "${canary}" });`,
    message: /shop\/TOKEN\/github sets plaintextValue: type value in its place, with a secret output/,
  },
  "rotation-not-defeated": {
    program: secret({ clockOptions: 'ignoreChanges: ["rfc3339"]' }),
    message: /shop\/TOKEN\/clock ignores changes of rfc3339, so a rotation would pass it by/,
  },
  "production-window": {
    stack: "production",
    program: secret({ schedule: "hours: { from: 8, to: 18 }" }),
    message: /shop\/TOKEN may rotate from 8 to 18 UTC, and production allows 2 to 6 UTC/,
  },
  "production-replicas": {
    stack: "production",
    program: secret({
      beside: `Any("rotation:index:Verification", "{name}/verification", { secret: "{name}", value: value.result, fingerprint: "", holds: false, rollouts: [], health: [], deadlineSeconds: 5, proofs: [{ url: "http://127.0.0.1:9/", secret: "TOKEN", consumer: "api", instances: 1 }] });`,
    }),
    message: /api has 1 instance, and production asks for 2/,
  },
  "grace-covers-consumers": {
    stack: "production",
    program: secret({
      overlap: "graceHours: 24",
      beside: `new github.ActionsSecret("{name}/github", { repository: "shop", secretName: "TOKEN", value: value.result });`,
    }),
    message: /shop\/TOKEN overlaps for 24 hours, and what reads its ActionsSecret may need the previous value for 30/,
  },
  "secret-complete": {
    program: secret({ schedule: 'owner: ""' }),
    message: /shop\/TOKEN has no owner: type the team or the address that answers for it/,
  },
  "vendor-secrets-known": {
    stack: "production",
    program: `${secret()}new VendorNames("vendor-names", { places: [{ place: "render:srv-1", names: ["OLD_KEY", "PORT"] }], plain: [] });`,
    message: /render:srv-1 holds OLD_KEY, which no stack rotates/,
    reports: true,
  },
};

/** The project needs no server, so it has no destination. */
const lenient = { "secret-complete": "disabled" };

describe("the policy pack on the engine", function () {
  this.timeout(240_000);
  let project: Policed;
  const declare = (...programs: string[]) => project.declare(head + programs.join("\n"));

  before(async function () {
    this.timeout(1_800_000);
    project = await Policed.start();
    project.now = now;
    await project.configure(lenient);
    for (const stack of ["dev", "production"]) {
      const { code, output } = await project.pulumi("stack", "init", stack);
      assert.equal(code, 0, output);
    }
  });
  beforeEach(() => {
    project.now = now;
    project.env = {};
  });
  after(() => project?.stop());

  /** These need a state to start from, and have a test of their own. */
  const apart = ["production-approved", "no-value-in-plain"];
  for (const { name } of rules.filter((rule) => !apart.includes(rule.name)))
    it(`${name}: ${mistakes[name]?.reports ? "reports in the run" : "stops an update before any effect, and says how to mend it"}`, async () => {
      const { stack = "dev", program = "", message = /^$/, reports } = mistakes[name] ?? {};
      assert.ok(program, `${name} has no mistake in this test`);
      await project.configure(name === "secret-complete" ? {} : lenient);
      await declare(program);
      const before = await project.state(stack);
      const { code, output } = await project.judged(...(reports ? ["preview"] : ["up", "--yes"]), "--stack", stack);
      assert.match(output, message);
      assert.match(output, new RegExp(`${name}`));
      assert.ok(!output.includes(canary), "a value was printed");
      if (reports) assert.equal(code, 0, output);
      else assert.notEqual(code, 0, output);
      assert.equal(await project.state(stack), before, "the state changed");
    });

  it("stops the chain of a secret even where nobody looked at a preview", async () => {
    await project.configure(lenient);
    await declare(secret({ schedule: "intervalDays: 91" }));
    const { code, output } = await project.judged("up", "--yes", "--skip-preview", "--stack", "dev");
    assert.notEqual(code, 0, output);
    assert.doesNotMatch(await project.state("dev"), /Rotating|RandomPassword|Overlap|Schedule/);
  });

  it("sees a value that is no secret, and prints it nowhere", async () => {
    await declare(
      secret({
        overlap: "none",
        beside: `Any("rotation:index:Overlap", "{name}/overlap", { secret: "{name}", forced: 1, graceHours: 24, window: schedule.window, value: "${canary}" });`,
      }),
    );
    const { code, output } = await project.judged("up", "--yes", "--stack", "dev");
    assert.notEqual(code, 0, output);
    assert.match(output, /shop\/TOKEN\/overlap is given a plain value, which the state would show/);
    assert.ok(!output.includes(canary), "the value was printed");
    assert.ok(!(await project.state("dev")).includes(canary), "the value is in the state");
  });

  it("refuses a configuration that would loosen it beyond its bounds, and a time that is none, in one line", async () => {
    await declare(secret());
    const loose = join(project.folder, "loose.json");
    await writeFile(loose, JSON.stringify({ "interval-by-class": { classes: { HIGH: 120 } } }));
    const pack = join(import.meta.dirname, "..", "..", "policies");
    const refused = await project.pulumi(
      "preview",
      "--stack",
      "dev",
      "--policy-pack",
      pack,
      "--policy-pack-config",
      loose,
    );
    assert.notEqual(refused.code, 0, refused.output);
    assert.match(refused.output, /classes.HIGH: Must be less than or equal to 90/);

    project.env = { ROTATION_NOW: "tomorrow" };
    const lost = await project.judged("preview", "--stack", "dev");
    assert.notEqual(lost.code, 0, lost.output);
    assert.match(lost.output, /ROTATION_NOW is "tomorrow", which is no date; write it like 2026-01-31T02:00:00Z/);
    assert.doesNotMatch(lost.output, /\n\s+at /, "a stack trace");
  });

  it("lets a secret through that is as it should be, and finds nothing in its state afterwards", async () => {
    await declare(secret(), secret({ name: "shop/OTHER" }));
    const { code, output } = await project.judged("up", "--yes", "--stack", "dev");
    assert.equal(code, 0, output);
    const analysis = await project.judged("policy", "analyze", "--stack", "dev");
    assert.equal(analysis.code, 0, analysis.output);
    assert.match(await project.state("dev"), /RandomPassword/);

    await project.declare(`${head}export let token: unknown;\n${secret({ beside: "token = value.result;" })}`);
    const shown = await project.judged("preview", "--stack", "dev");
    assert.notEqual(shown.code, 0, shown.output);
    assert.match(shown.output, /the stack output token holds the value of shop\/TOKEN\/value for everybody to read/);
  });

  it("lets a targeted run through while another secret waits for its clock, and a third was never made", async () => {
    // As a run leaves it that failed between the schedule and the clock.
    await declare(...["TOKEN", "OTHER"].map(unannounced));
    project.now = later;
    const moves = ["--target", "**::shop/TOKEN/schedule"];
    const failed = await project.judged("up", "--yes", "--skip-preview", "--stack", "dev", ...moves);
    assert.equal(failed.code, 0, failed.output);
    await declare(...["TOKEN", "OTHER", "THIRD"].map(unannounced));
    project.now = "2027-05-20T03:00:00Z";
    const target = ["--target", "**::shop/OTHER/**"];
    const { code, output } = await project.judged("up", "--yes", "--stack", "dev", ...target);
    assert.equal(code, 0, output);
    assert.match(output, /shop\/OTHER\/value/);
    const whole = await project.judged("up", "--yes", "--stack", "dev");
    assert.equal(whole.code, 0, whole.output);
    assert.match(whole.output, /shop\/TOKEN\/clock/);
  });

  it("analyses what is in the state already, and fails for what should not be there", async () => {
    // Later than the runs before it: a clock that goes back is refused.
    project.now = "2027-05-21T03:00:00Z";
    await declare(secret({ schedule: "intervalDays: 120" }));
    const made = await project.pulumi("up", "--yes", "--skip-preview", "--stack", "dev");
    assert.equal(made.code, 0, made.output);
    const { code, output } = await project.judged("policy", "analyze", "--stack", "dev");
    assert.notEqual(code, 0, output);
    assert.match(output, /intervalDays is 120 and may be at most 90 for class HIGH/);
  });

  it("production-approved: stops an update at the decision, unless two people approved it or it is an emergency", async () => {
    await declare(secret({ schedule: 'adopted: "2027-02-20T00:00:00Z", noticeHours: 24' }));
    project.env = { ROTATION_APPROVAL: "" };
    const made = await project.judged("up", "--yes", "--stack", "production");
    assert.equal(made.code, 0, made.output);
    // A day before, the rotation is announced; then it is due.
    project.now = "2027-03-20T03:00:00Z";
    assert.equal((await project.judged("up", "--yes", "--stack", "production")).code, 0);
    project.now = "2027-03-22T03:00:00Z";
    const before = await project.state("production");
    const { code, output } = await project.judged("up", "--yes", "--stack", "production");
    assert.notEqual(code, 0, output);
    assert.match(output, /shop\/TOKEN rotates in this run, and production asks for 2 approvals .*: this run has none;/);
    assert.equal(await project.state("production"), before, "the state changed");

    const approval = { stack: "production", secrets: ["shop/TOKEN"], asked: ["carol"], at: project.now, run: "" };
    project.env = { ROTATION_APPROVAL: sign({ ...approval, people: ["alice", "carol"] }, "test") };
    const one = await project.judged("up", "--yes", "--stack", "production");
    assert.match(one.output, /this run's is by alice/);
    project.env = { ROTATION_APPROVAL: sign({ ...approval, people: ["alice", "bob"] }, "test") };
    const two = await project.judged("up", "--yes", "--stack", "production");
    assert.equal(two.code, 0, two.output);
    assert.match(two.output, /shop\/TOKEN\/value/);

    project.env = {};
    project.now = "2027-03-25T14:00:00Z";
    await declare(secret({ schedule: 'adopted: "2027-02-20T00:00:00Z", generation: 2' }));
    const unasked = await project.judged("up", "--yes", "--stack", "production");
    assert.notEqual(unasked.code, 0, unasked.output);
    const entry = { generation: 2, reason: "laptop stolen", by: "carol", at: project.now };
    await project.pulumi("config", "set", "forced", JSON.stringify({ "shop/TOKEN": entry }), "--stack", "production");
    const emergency = await project.judged("up", "--yes", "--stack", "production");
    assert.equal(emergency.code, 0, emergency.output);
  });
});

describe("the policy pack in another project", function () {
  this.timeout(240_000);
  let project: Policed;
  before(async function () {
    this.timeout(1_800_000);
    project = await Policed.start({ rotation: false });
    await project.configure({});
    assert.equal((await project.pulumi("stack", "init", "dev")).code, 0);
  });
  after(() => project?.stop());
  const own = `
import * as random from "@pulumi/random";
import * as time from "@pulumiverse/time";
`;

  it("refuses secrets that show themselves, that no clock renews, or that a clock renews too seldom", async () => {
    await project.declare(`${own}
new random.RandomBytes("session-key", { length: 32 });
new random.RandomPassword("database", { length: 64 });
const yearly = new time.Rotating("yearly", { rotationYears: 1 });
const slow = new time.Rotating("slow", { rotationDays: 120 });
new random.RandomPassword("api-key", { length: 64, keepers: { clock: slow.id } });
`);
    const { code, output } = await project.judged("up", "--yes", "--stack", "dev");
    assert.notEqual(code, 0, output);
    assert.match(output, /session-key \(RandomBytes\) shows its value as its plain id/);
    assert.match(output, /database has no keepers, so it is never renewed/);
    assert.match(output, /rotationYears is set, and years differ in length/);
    assert.match(output, /rotationDays is 120 and may be at most 90 for any class: type 90 or less for slow/);
    assert.doesNotMatch(await project.state("dev"), /random:index/);
  });

  it("passes them once they are mended as it said, and a suffix that is no secret", async () => {
    await project.configure({ "no-value-in-id": { except: ["*-suffix"] } });
    await project.declare(`${own}
const clock = new time.Rotating("clock", { rotationDays: 30 });
new random.RandomPassword("session-key", { length: 64, keepers: { clock: clock.id } });
`);
    const { code, output } = await project.judged("up", "--yes", "--stack", "dev");
    assert.equal(code, 0, output);
  });
});
