// Every workflow's steps, executed on this machine against the simulators, with the real pulumi and the real Vault.
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rotationsOf } from "../../provider/audit/rotations.ts";
import { vaultStore } from "../../provider/audit/vault-store.ts";
import { Settings } from "../../provider/settings.ts";
import type { JobClaims } from "../../sandbox/simulators/github-oidc.ts";
import type { PagerdutySimulator } from "../../sandbox/simulators/pagerduty.ts";
import type { JobRun } from "../support/actions.ts";
import { JobsWorld, main, name, owner, results, shown, type Asked } from "../support/jobs.ts";
import type { Environment, JobsAtVault } from "../support/vault-jwt.ts";
import type { World } from "../support/world.ts";

describe("workflows, executed", function () {
  this.timeout(600_000);
  let jobsWorld: JobsWorld;
  let world: World;
  let pagerduty: PagerdutySimulator;
  let vault: JobsAtVault;
  let checkout = "";
  let keys: Record<string, string> = {};

  before(async function () {
    this.timeout(1_800_000);
    jobsWorld = await JobsWorld.start();
    ({ world, vault, checkout, keys, pagerduty } = jobsWorld);
    await world.setRenderVariable("SIMULATE_UNHEALTHY_FILE", join(world.dir, "unhealthy"));
  });
  after(() => jobsWorld?.stop());

  const run = (file: string, asked?: Asked): Promise<Record<string, JobRun>> => jobsWorld.run(file, asked);
  const env = (key: string) => world.sandbox.env[key] ?? "";
  const github = () => world.sandbox.simulators.github.contents(owner, name);
  const both = { "production-operations": "alice", "production-security": "bob" };
  const clean = (text: string): void => {
    const values =
      world.sandbox.simulators.render.envVar(world.sandbox.env["RENDER_SERVICE_ID"] ?? "", "JWT_SECRET") ?? "";
    for (const value of [...Object.values(keys), values])
      if (value.length > 8) assert.ok(!text.includes(value), "a value was printed");
    assert.doesNotMatch(text, /hvs\.[\w-]{20}/, "a token of Vault was printed");
  };

  it("rotate: staging, then production once two different people have approved", async () => {
    const jobs = await run("rotate.yml", { approvers: both });
    assert.deepEqual(
      results(jobs),
      {
        staging: "success",
        plan: "success",
        operations: "success",
        security: "success",
        production: "success",
        report: "success",
      },
      shown(jobs),
    );
    assert.match(
      jobs["production"]?.summary ?? "",
      /Approved by alice \(production-operations\) and bob \(production-security\)/,
    );
    assert.match(jobs["production"]?.summary ?? "", /\| `visapi\/JWT_SECRET` \| HIGH \| ok/);
    clean(shown(jobs));
    assert.deepEqual(
      vault.logins().map(({ role }) => role),
      ["rotation-staging", "rotation-preview", "rotation-production"],
    );
    assert.deepEqual(await vault.alive(), [], "a job's token lives on");
    assert.deepEqual([github().issues.length, pagerduty.open], [0, []]);
  });

  it("rotate: asks nobody where nothing rotates", async () => {
    const jobs = await run("rotate.yml", { now: world.later(1) });
    assert.equal(jobs["plan"]?.outputs["approval"], "false", shown(jobs));
    const { operations, security, production } = results(jobs);
    assert.deepEqual([operations, security, production], ["skipped", "skipped", "success"], shown(jobs));
  });

  it("rotate: waits without approvals, and changes nothing", async () => {
    const before = world.sandbox.simulators.effects.lines().length;
    const jobs = await run("rotate.yml", {
      inputs: { secret: "JWT_SECRET", reason: "" },
      actor: "carol",
      now: world.later(2),
    });
    assert.equal(jobs["staging"]?.result, "failure", "a secret without a reason");
    assert.match(shown(jobs), /say why: --reason/);
    assert.equal(jobs["production"]?.result, "skipped");
    const lines = world.sandbox.simulators.effects.lines().slice(before);
    assert.ok(!lines.some((line) => /env-var|deploy/.test(line)), lines.join("\n"));
  });

  it("report: one issue, one incident, one message for each failed run, and all clear when it works", async () => {
    const [issue] = github().issues;
    assert.match(issue?.title ?? "", /rotate failed/);
    assert.match(issue?.body ?? "", /Next step/);
    assert.equal(pagerduty.open.length, 1);
    const again = await run("rotate.yml", {
      inputs: { secret: "JWT_SECERT", reason: "a laptop was stolen" },
      actor: "carol",
    });
    assert.equal(again["staging"]?.result, "failure");
    assert.match(shown(again), /Did you mean visapi\/JWT_SECRET/);
    assert.equal(github().issues.filter(({ pull }) => !pull).length, 1, "no second issue");
    assert.equal(pagerduty.open.length, 1, "no second incident");
    const well = await run("rotate.yml", { now: world.later(2) });
    assert.equal(well["production"]?.result, "success", shown(well));
    assert.deepEqual([github().issues[0]?.state, pagerduty.open], ["closed", []]);
  });

  it("rotate: refuses one person for both approvals, and leaves production as it is", async () => {
    const approvers = { "production-operations": "alice", "production-security": "alice" };
    const inputs = { secret: "SESSION_SECRET", reason: "a laptop was stolen" };
    const event = { name: "workflow_dispatch" };
    const { effects } = world.sandbox.simulators;
    const before = effects.lines().length;
    const jobs = await run("rotate.yml", { inputs, actor: "carol", approvers, event, now: world.later(3) });
    assert.equal(jobs["staging"]?.result, "success", "staging needs no approval");
    assert.equal(jobs["production"]?.result, "failure", shown(jobs));
    assert.match(jobs["production"]?.log ?? "", /2 approvals by different people .*; it has alice/);
    assert.match(github().issues.findLast(({ pull }) => !pull)?.body ?? "", /have two others approve it/);
    const deploys = effects
      .lines()
      .slice(before)
      .filter((line) => line.startsWith("render deploy.create"));
    assert.equal(deploys.length, 1, "staging's restart alone");
  });

  it("emergency: one other person, the request kept by a pull request", async () => {
    const inputs = { secret: "JWT_SECRET", reason: "its value was in a log", stack: "production" };
    const own = await run("emergency.yml", {
      inputs,
      actor: "carol",
      approvers: { "production-emergency": "carol" },
      event: { name: "workflow_dispatch" },
      now: world.later(4),
    });
    assert.equal(own["rotate"]?.result, "failure", shown(own));
    assert.match(shown(own), /it needs an approval for production-emergency, by nobody who asked/);
    const jobs = await run("emergency.yml", {
      inputs,
      actor: "carol",
      approvers: { "production-emergency": "dave" },
      event: { name: "workflow_dispatch" },
      now: world.later(4),
    });
    assert.equal(jobs["rotate"]?.result, "success", shown(jobs));
    const pull = github().issues.findLast(({ pull }) => pull);
    assert.match(pull?.title ?? "", /Keep the request to rotate visapi\/JWT_SECRET in production/);
    const file = github().branches[pull?.pull?.head ?? ""]?.["Pulumi.production.yaml"] ?? "";
    assert.match(file, /visapi\/JWT_SECRET:\s+at: .*\s+by: carol\s+generation: 2\s+reason: its value was in a log/);
    clean(shown(jobs));

    // The audit trail begins with the request, and has who approved it with what came of it.
    const settings = new Settings();
    settings.configure({ vaultAddress: env("VAULT_ADDR"), vaultToken: env("VAULT_TOKEN") });
    const trail = await vaultStore(settings.vault(), "secret", "rotation-audit/secret-rotation/production").read();
    const last = rotationsOf(trail).findLast(({ secret }) => secret === "visapi/JWT_SECRET");
    assert.deepEqual(
      [last?.action, last?.by, last?.reason, last?.outcome, last?.generation],
      ["emergency", "carol", "its value was in a log", "completed", 2],
    );
    assert.deepEqual(last?.approvals, ["dave (production-emergency)"]);
    assert.equal(last?.runs.length, 1, "the request and the run are one");
    const first = trail.find(({ seq }) => seq === last?.records[0]);
    assert.deepEqual([first?.event, first?.asked?.by, first?.run.by], ["requested", "carol", "carol"]);
  });

  it("preview: one comment, made once and then edited, and no value in it", async () => {
    const pull = world.sandbox.simulators.github.openPull(owner, name, "Change something");
    const event = (repo: string) => ({
      name: "pull_request",
      payload: { pull_request: { number: pull, head: { repo: { full_name: repo } } } },
    });
    const first = await run("preview.yml", { event: event(`${owner}/${name}`), now: world.later(5) });
    assert.equal(first["preview"]?.result, "success", shown(first));
    const second = await run("preview.yml", { event: event(`${owner}/${name}`), now: world.later(40) });
    assert.equal(second["preview"]?.result, "success", shown(second));
    const comments = github().comments.filter(({ issue }) => issue === pull);
    assert.equal(comments.length, 1);
    assert.match(
      comments[0]?.body ?? "",
      /### Secret rotation: staging[\s\S]*CRON_SECRET[\s\S]*### Secret rotation: production/,
    );
    assert.match(comments[0]?.body ?? "", /rotated \| 2027-02-\d\d -> 2027-04-10/);
    assert.match(comments[0]?.body ?? "", /production[\s\S]*with 24 h notice, so held until/);
    clean(comments[0]?.body ?? "");

    const fork = await run("preview.yml", { event: event("somebody/visapi") });
    assert.deepEqual(results(fork), { policies: "success", preview: "skipped" });
    assert.match(fork["policies"]?.summary ?? "", /comes from somebody\/visapi, and forks get no credentials/);
  });

  it("preview: refuses what would weaken a rotation, and says in the comment how to mend it", async () => {
    const pull = world.sandbox.simulators.github.openPull(owner, name, "Weaken something");
    const payload = { pull_request: { number: pull, head: { repo: { full_name: `${owner}/${name}` } } } };
    const entry = join(checkout, "index.ts");
    const good = readFileSync(entry, "utf8");
    writeFileSync(
      entry,
      `${good}
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { Overlap, RenderEnvVar, Schedule } from "./provider/sdk.ts";
const terms = { class: "HIGH", owner: "x@example.com", leadHours: 24, hours: { from: 2, to: 6 }, noticeHours: 24 } as const;
const schedule = new Schedule("visapi/SLOW/schedule", { ...terms, secret: "visapi/SLOW", intervalDays: 120 });
const value = new random.RandomPassword("visapi/SLOW/value", { length: 64, keepers: { always: "the same" } });
const about = { secret: "visapi/SLOW", forced: 1, adoption: [], deadlineSeconds: 5, graceHours: 30 };
new Overlap("visapi/SLOW/overlap", { ...about, window: schedule.window, value: value.result });
new RenderEnvVar("visapi/SLOW/render-api", { serviceId: "${world.sandbox.env["RENDER_SERVICE_ID"]}", key: "SLOW", value: value.result });
`,
    );
    const effects = world.sandbox.simulators.effects.lines().length;
    const jobs = await run("preview.yml", { event: { name: "pull_request", payload }, now: world.later(5) });
    writeFileSync(entry, good);
    assert.equal(jobs["preview"]?.result, "failure", shown(jobs));
    const [comment] = github().comments.filter(({ issue }) => issue === pull);
    const body = comment?.body ?? "";
    assert.match(body, /Refused/);
    assert.match(body, /intervalDays is 120 and may be at most 90 for class HIGH: type 90 or less for visapi\/SLOW/);
    assert.match(body, /visapi\/SLOW\/value is keyed by no time.Rotating: type keepers: \{ window: clock.rfc3339 \}/);
    assert.match(body, /visapi\/SLOW is consumed by a service and never verified: declare a Verification/);
    clean(body);
    const touched = world.sandbox.simulators.effects.lines().slice(effects);
    assert.ok(!touched.some((line) => line.startsWith("render")), touched.join("\n"));
  });

  it("notice: tells Slack a day ahead", async () => {
    const jobs = await run("notice.yml", { now: world.later(28) });
    assert.equal(jobs["notice"]?.result, "success", shown(jobs));
    const message = world.sandbox.simulators.slack.messages.findLast(({ payload }) =>
      String(payload["text"]).includes("coming up in production"),
    );
    assert.match(String(message?.payload["text"]), /visapi\/CRON_SECRET \(due /);
  });

  it("audit: lists what nobody rotates by name, and fails for drift", async () => {
    const jobs = await run("audit.yml", { now: world.later(5) });
    assert.match(jobs["audit"]?.summary ?? "", /render:srv-\w+: ADMIN_API_KEY, API_KEY_PREFIX/, shown(jobs));
    // Both stacks of this test write to the same service, so what staging wrote last is drift to production.
    assert.equal(jobs["audit"]?.result, "failure");
    assert.match(jobs["audit"]?.summary ?? "", /visapi\/SESSION_SECRET\/render-api: was changed by somebody else/);
    // What the pack says of the state is in the report as well.
    assert.match(jobs["audit"]?.summary ?? "", /Policies over the state of production/);
    clean(shown(jobs));
    assert.match(readFileSync(join(checkout, "audit.md"), "utf8"), /## Audit of production/);
  });

  it("emergency: refuses what names no secret, before anything changes", async () => {
    const jobs = await run("emergency.yml", {
      inputs: { secret: ",", reason: "its value was in a log", stack: "staging" },
      actor: "carol",
      event: { name: "workflow_dispatch" },
      now: world.later(6),
    });
    assert.equal(jobs["rotate"]?.result, "failure", shown(jobs));
    assert.match(shown(jobs), /"," names no secret of staging that a program can make/);
  });

  it("emergency: everything in one run, with one restart", async () => {
    const { effects } = world.sandbox.simulators;
    const before = effects.lines().length;
    const jobs = await run("emergency.yml", {
      inputs: { secret: "all", reason: "the laptop of an operator was stolen", stack: "staging" },
      actor: "carol",
      approvers: {},
      event: { name: "workflow_dispatch" },
      now: world.later(6),
    });
    assert.equal(jobs["rotate"]?.result, "success", shown(jobs));
    const deploys = effects
      .lines()
      .slice(before)
      .filter((line) => line.startsWith("render deploy.create"));
    assert.equal(deploys.length, 1, deploys.join("\n"));
    const pull = github().issues.findLast(({ pull }) => pull);
    const file = github().branches[pull?.pull?.head ?? ""]?.["Pulumi.staging.yaml"] ?? "";
    for (const secret of ["JWT_SECRET", "SESSION_SECRET", "CRON_SECRET"]) {
      assert.match(pull?.title ?? "", new RegExp(`visapi/${secret}`));
      assert.match(
        file,
        new RegExp(`visapi/${secret}:\\s+at: .*\\s+by: carol\\s+generation: \\d\\s+reason: the laptop`),
      );
    }
    clean(shown(jobs));
  });

  it("lets a job of one environment into Vault, to that environment's keys and no further", async () => {
    const job = (changed: Partial<JobClaims> = {}, audience = world.sandbox.env["VAULT_ADDR"] ?? "") =>
      identity(
        {
          repository: `${owner}/${name}`,
          ref: main,
          environment: "production",
          job_workflow_ref: `${owner}/${name}/.github/workflows/rotate.yml@${main}`,
          ...changed,
        },
        audience,
      );
    const elsewhere: [Promise<string>, RegExp][] = [
      [job({ repository: `${owner}/other` }), /claim "repository" does not match/],
      [job({ repository: "somebody/visapi" }), /claim "repository" does not match/],
      [job({ ref: "refs/heads/topic" }), /claim "ref" does not match/],
      [job({ environment: "staging" }), /claim "environment" does not match/],
      [job({ environment: undefined }), /claim "environment"/],
      [job({ job_workflow_ref: `${owner}/${name}/.github/workflows/preview.yml@${main}` }), /claim "job_workflow_ref"/],
      [job({}, "https://another.test"), /audience/],
    ];
    const before = vault.logins().length;
    for (const [jwt, why] of elsewhere) {
      const refused = await vault.login("rotation-production", await jwt);
      assert.equal(refused.status, 400, refused.said);
      assert.match(refused.said, why);
      assert.equal(refused.token, "");
    }
    // Signed by nobody that Vault knows.
    const [head = "", claims = "", seal = ""] = (await job()).split(".");
    const forged = [head, claims, `${seal.startsWith("A") ? "B" : "A"}${seal.slice(1)}`].join(".");
    assert.equal((await vault.login("rotation-production", forged)).status, 400);
    assert.equal(vault.logins().length, before, "somebody was let in");

    const mine = await vault.login("rotation-production", await job());
    assert.equal(mine.status, 200, mine.said);
    assert.deepEqual(mine.policies.sort(), ["ci-production", "default", "rotation-stack"]);
    const looks = await vault.login(
      "rotation-preview",
      await job({ environment: "preview", ref: "refs/pull/7/merge" }),
    );
    assert.equal(looks.status, 200, looks.said);
    const may = (token: string, environment: Environment) =>
      vault.status(token, "GET", `secret/data/ci/${environment}`);
    assert.deepEqual([await may(mine.token, "production"), await may(mine.token, "staging")], [200, 403]);
    assert.deepEqual([await may(looks.token, "preview"), await may(looks.token, "production")], [200, 403]);
    // A preview runs a pull request's own code: it reads, and writes nothing.
    const written = { data: { value: "x" } };
    assert.equal(await vault.status(looks.token, "GET", "secret/data/visapi/JWT_SECRET"), 200);
    assert.equal(await vault.status(looks.token, "POST", "secret/data/visapi/JWT_SECRET", written), 403);
    assert.equal(await vault.status(looks.token, "POST", "transit/sign/rotation-audit", { input: "eA==" }), 403);
    assert.deepEqual(await vault.alive(), ["rotation-production", "rotation-preview"], "all others were revoked");
    for (const { token } of [mine, looks]) await vault.status(token, "POST", "auth/token/revoke-self");
    assert.deepEqual(await vault.alive(), []);
  });

  it("ends a job that Vault lets in nowhere, with what to compare", async () => {
    const jobs = await run("notice.yml", {
      extra: {
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: world.sandbox.simulators.github.oidc.startJob({
          repository: `${owner}/${name}`,
          ref: "refs/heads/topic",
          environment: "staging",
          job_workflow_ref: "x",
        }),
      },
    });
    assert.equal(jobs["notice"]?.result, "failure");
    assert.match(jobs["notice"]?.outputs["failed"] ?? "", /Vault answered 400 .*its bound claims must name/);
  });

  it("report: leaves it at the run's own message where that has told of the failure", async () => {
    const { slack } = world.sandbox.simulators;
    const before = slack.messages.length;
    const unhealthy = join(world.dir, "unhealthy");
    writeFileSync(unhealthy, "");
    const jobs = await run("rotate.yml", { now: world.later(70) });
    rmSync(unhealthy);
    assert.equal(jobs["staging"]?.result, "failure", shown(jobs));
    assert.match(jobs["staging"]?.outputs["failed"] ?? "", /is not rotated, since its consumers are not well/);
    assert.equal(jobs["staging"]?.outputs["told"], "slack");
    assert.equal(jobs["report"]?.result, "success", shown(jobs));
    const texts = slack.messages.slice(before).map(({ payload }) => String(payload["text"]));
    const failed = texts.filter((text) => /fail/i.test(text));
    assert.equal(failed.length, 1, texts.join("\n---\n"));
    assert.match(failed[0] ?? "", /the log: https:\/\/github\.test\/visanet\/visapi\/actions\/runs\/\d+/);
    assert.equal(github().issues.filter(({ pull, state }) => !pull && state === "open").length > 0, true);
    // Nobody is woken by a staging run itself, so the workflow's alert is the one.
    assert.ok(pagerduty.open.includes(`secret-rotation/${owner}/${name}/rotate`));
    clean(texts.join("\n"));
  });

  /** A job's identity token, as GitHub hands it out. */
  async function identity(claims: JobClaims, audience: string): Promise<string> {
    const { github } = world.sandbox.simulators;
    const headers = { authorization: `Bearer ${github.oidc.startJob(claims)}` };
    const asked = `${github.url}/oidc/token?audience=${encodeURIComponent(audience)}`;
    return ((await (await fetch(asked, { headers })).json()) as { value: string }).value;
  }
});
