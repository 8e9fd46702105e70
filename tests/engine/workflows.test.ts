// Every workflow's steps, executed on this machine against the simulators, with the real pulumi and the real Vault.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PagerdutySimulator } from "../../sandbox/simulators/pagerduty.ts";
import { pulumi, repository } from "../../sandbox/stack.ts";
import { readWorkflow, runWorkflow, type JobRun, type Setting } from "../support/actions.ts";
import { JwtVault } from "../support/jwt-vault.ts";
import { World } from "../support/world.ts";

const [owner, name] = ["visanet", "visapi"];
const main = "refs/heads/main";
/** Names in the sandbox's environment that hold a credential: Vault gives them to a job, the runner does not. */
const credential = /(KEY|TOKEN|PASSPHRASE|WEBHOOK_URL|ADMIN_URL)$/;

describe("workflows, executed", function () {
  this.timeout(600_000);
  let world: World;
  let pagerduty: PagerdutySimulator;
  let vault: JwtVault;
  let checkout = "";
  let keys: Record<string, string> = {};

  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    pagerduty = world.sandbox.simulators.pagerduty;
    const { env, simulators } = world.sandbox;
    const bound = (environment: string[]) => ({
      audience: "https://vault.test",
      boundClaims: { repository: [`${owner}/${name}`], ref: [main], environment },
    });
    vault = await new JwtVault({
      vault: env["VAULT_ADDR"] ?? "",
      token: env["VAULT_TOKEN"] ?? "",
      issuer: `${simulators.github.url}/oidc`,
      roles: {
        "rotation-preview": bound(["preview"]),
        "rotation-staging": bound(["staging"]),
        "rotation-production": bound(["production"]),
      },
    }).start();
    keys = Object.fromEntries(
      Object.entries(env).filter(([key]) => credential.test(key) && !/^(VAULT|SANDBOX)_/.test(key)),
    );
    const written = await fetch(`${env["VAULT_ADDR"]}/v1/secret/data/ci/rotation`, {
      method: "POST",
      headers: { "x-vault-token": env["VAULT_TOKEN"] ?? "" },
      body: JSON.stringify({ data: keys }),
    });
    assert.equal(written.status, 200);
    checkout = await makeCheckout(world, vault.url);
    for (const stack of ["staging", "production"])
      simulators.github.pushFile(
        owner,
        name,
        `Pulumi.${stack}.yaml`,
        readFileSync(join(checkout, `Pulumi.${stack}.yaml`), "utf8"),
      );
  });
  after(async () => {
    vault?.stop();
    await world?.stop();
  });

  interface Asked {
    event?: Setting["event"];
    inputs?: Record<string, string>;
    actor?: string;
    attempt?: number;
    /** Who approves which environment; one that nobody approves keeps its job waiting. */
    approvers?: Record<string, string>;
    now?: string;
    extra?: Record<string, string>;
  }
  const run = async (file: string, asked: Asked = {}): Promise<Record<string, JobRun>> => {
    const { github } = world.sandbox.simulators;
    const event = asked.event ?? { name: "schedule" };
    const { actor = "scheduler", attempt = 1, approvers = {} } = asked;
    const id = github.startRun(owner, name, { event: event.name, actor, attempt });
    const now = asked.now ?? world.now;
    const plain = Object.entries(world.sandbox.env).filter(
      ([key]) => !credential.test(key) && !/^(VAULT_|PULUMI_STACK|PULUMI_OPTION_)/.test(key),
    );
    const workflow = readWorkflow(join(repository, ".github/workflows", file));
    return runWorkflow(workflow, {
      cwd: checkout,
      event,
      inputs: asked.inputs,
      token: world.sandbox.secrets.githubToken,
      secrets: { SLACK_WEBHOOK_URL: keys["SLACK_WEBHOOK_URL"] ?? "", PAGERDUTY_ROUTING_KEY: pagerduty.routingKey },
      vars: (environment) => ({
        VAULT_ADDR: vault.url,
        VAULT_ROLE: `rotation-${environment}`,
        VAULT_KV_PATH: "secret/data/ci/rotation",
        PULUMI_BACKEND_URL: world.sandbox.env["PULUMI_BACKEND_URL"] ?? "",
      }),
      enter: (environment) => {
        if (!/^production-/.test(environment)) return true;
        const user = approvers[environment];
        if (user) github.review(owner, name, id, { user, environments: [environment] });
        return user !== undefined;
      },
      env: (_, { environment = "", permissions }) => ({
        ...Object.fromEntries(plain),
        HOME: process.env["HOME"] ?? "",
        ROTATION_NOW: now,
        SANDBOX_NOW: now,
        VAULT_AUDIENCE: "https://vault.test",
        GITHUB_API_URL: `${github.url}/api/v3`,
        GITHUB_SERVER_URL: "https://github.test",
        GITHUB_REPOSITORY: `${owner}/${name}`,
        GITHUB_RUN_ID: String(id),
        GITHUB_RUN_ATTEMPT: String(attempt),
        GITHUB_ACTOR: actor,
        GITHUB_TRIGGERING_ACTOR: actor,
        ...(permissions?.["id-token"] === "write"
          ? {
              ACTIONS_ID_TOKEN_REQUEST_URL: `${github.url}/oidc/token?api-version=2.0`,
              ACTIONS_ID_TOKEN_REQUEST_TOKEN: github.oidc.startJob({
                repository: `${owner}/${name}`,
                ref: main,
                environment: environment.replace("${{ inputs.stack }}", asked.inputs?.["stack"] ?? ""),
                job_workflow_ref: `${owner}/${name}/.github/workflows/${file}@${main}`,
              }),
            }
          : {}),
        ...asked.extra,
      }),
    });
  };
  const results = (jobs: Record<string, JobRun>) =>
    Object.fromEntries(Object.entries(jobs).map(([job, { result }]) => [job, result]));
  const shown = (jobs: Record<string, JobRun>) =>
    Object.values(jobs)
      .map(({ log, summary }) => log + summary)
      .join("\n");
  const github = () => world.sandbox.simulators.github.contents(owner, name);
  const both = { "production-operations": "alice", "production-security": "bob" };
  const clean = (text: string): void => {
    const values =
      world.sandbox.simulators.render.envVar(world.sandbox.env["RENDER_SERVICE_ID"] ?? "", "JWT_SECRET") ?? "";
    for (const value of [...Object.values(keys), values, ...vault.alive])
      if (value.length > 8) assert.ok(!text.includes(value), "a value was printed");
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
    assert.deepEqual(vault.logins, ["rotation-staging", "rotation-preview", "rotation-production"]);
    assert.equal(vault.alive.size, 0, "every token was revoked");
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

  it("lets in nobody from another branch or environment", async () => {
    const jobs = await run("notice.yml", {
      extra: {
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: world.sandbox.simulators.github.oidc.startJob({
          repository: `${owner}/${name}`,
          ref: "refs/heads/topic",
          environment: "preview",
          job_workflow_ref: "x",
        }),
      },
    });
    assert.equal(jobs["notice"]?.result, "failure");
    assert.match(jobs["notice"]?.outputs["failed"] ?? "", /Vault answered 400 .*its bound claims must name/);
  });
});

/** As actions/checkout would leave it: the sources, with the two stacks' placeholders filled in and their state made. */
async function makeCheckout(world: World, vaultUrl: string): Promise<string> {
  const checkout = join(world.dir, "checkout");
  mkdirSync(checkout);
  const skipped = new Set(["node_modules", ".git", ".sandbox"]);
  for (const entry of readdirSync(repository))
    if (!skipped.has(entry)) cpSync(join(repository, entry), join(checkout, entry), { recursive: true });
  // Fewer secrets than the real program has: what CI does about them is the same.
  writeFileSync(join(checkout, "index.ts"), 'export * from "./tests/programs/workflows/index.ts";\n');
  symlinkSync(join(repository, "node_modules"), join(checkout, "node_modules"));
  const { env } = world.sandbox;
  const rest = Object.fromEntries(
    Object.entries(env).filter(([key]) => !/^PULUMI_(STACK|OPTION_CONFIG_FILE)$/.test(key)),
  );
  for (const stack of ["staging", "production"]) {
    const file = join(checkout, `Pulumi.${stack}.yaml`);
    writeFileSync(file, filled(readFileSync(file, "utf8"), { ...env, VAULT_ADDR: vaultUrl }));
    const scratch = join(world.dir, `init-${stack}`);
    mkdirSync(scratch);
    cpSync(join(checkout, "Pulumi.yaml"), join(scratch, "Pulumi.yaml"));
    cpSync(file, join(scratch, `Pulumi.${stack}.yaml`));
    const made = await pulumi(["stack", "init", stack, "--non-interactive"], { env: rest, cwd: scratch });
    assert.equal(made.code, 0, made.stderr);
    cpSync(join(scratch, `Pulumi.${stack}.yaml`), file);
    rmSync(scratch, { recursive: true });
  }
  return checkout;
}

/** The repository's own file, with the sandbox's addresses and ids in place of the placeholders. */
function filled(text: string, env: Record<string, string>): string {
  const put = (key: string, variable: string): void => {
    if (env[variable])
      text = text.replace(new RegExp(`(^ +${key}: ).*$`, "m"), (_, head: string) => head + env[variable]);
  };
  put("vault:address", "VAULT_ADDR");
  put("visapi:renderServiceId", "RENDER_SERVICE_ID");
  put("visapi:vercelProjectId", "VERCEL_PROJECT_ID");
  put("visapi:apiUrl", "VISAPI_API_URL");
  put("visapi:appUrl", "VISAPI_APP_URL");
  put("visapi:supabaseProjectRef", "SUPABASE_PROJECT_REF");
  put("visapi:supabaseUrl", "SUPABASE_URL");
  put("visapi:mailFrom", "VISAPI_MAIL_FROM");
  return text;
}
