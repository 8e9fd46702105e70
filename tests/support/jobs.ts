// A world in which jobs of GitHub Actions run: a checkout, GitHub's record of their runs, and the real Vault that lets
// them in by their identity.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PagerdutySimulator } from "../../sandbox/simulators/pagerduty.ts";
import { repository } from "../../sandbox/stack.ts";
import { readWorkflow, runWorkflow, type JobRun, type Result, type Setting, type Workflow } from "./actions.ts";
import { makeCheckout } from "./checkout.ts";
import { JobsAtVault, type Also } from "./vault-jwt.ts";
import { World } from "./world.ts";

/** The repository that the workflows are in. */
export const [owner, name] = ["visanet", "visapi"];
export const main = "refs/heads/main";
/** Names in the sandbox's environment that hold a credential: Vault gives them to a job, the runner does not. */
const credential = /(KEY|TOKEN|PASSPHRASE|WEBHOOK_URL|ADMIN_URL)$/;

export interface Asked {
  event?: Setting["event"];
  inputs?: Record<string, string>;
  actor?: string;
  attempt?: number;
  /** Who approves which environment; one that nobody approves keeps its job waiting. */
  approvers?: Record<string, string>;
  now?: string;
  extra?: Record<string, string>;
  /** In place of the file as it is. */
  workflow?: Workflow;
  /** Takes the run's id at GitHub before its first job starts. */
  onStart?: (id: number) => void;
  /** Whether GitHub goes on to say that it is in progress. @default false */
  unended?: boolean;
}

/** The results of a run's jobs by their names. */
export const results = (jobs: Record<string, JobRun>): Record<string, Result> =>
  Object.fromEntries(Object.entries(jobs).map(([job, { result }]) => [job, result]));

/** Everything that a run's jobs printed. */
export const shown = (jobs: Record<string, JobRun>): string =>
  Object.values(jobs)
    .map(({ log, summary }) => log + summary)
    .join("\n");

export class JobsWorld {
  readonly world: World;
  readonly vault: JobsAtVault;
  readonly checkout: string;
  /** What Vault gives to every job. */
  readonly keys: Record<string, string>;

  private constructor(world: World, vault: JobsAtVault, checkout: string, keys: Record<string, string>) {
    this.world = world;
    this.vault = vault;
    this.checkout = checkout;
    this.keys = keys;
  }

  /**
   * @param program of the checkout, in place of the real one
   * @param also what Vault lets in beyond what docs/ci.md sets up
   */
  static async start({ program, also }: { program?: string; also?: Also } = {}): Promise<JobsWorld> {
    const world = await World.start({ policies: true });
    const { env, simulators, vault } = world.sandbox;
    const keys = Object.fromEntries(
      Object.entries(env).filter(([key]) => credential.test(key) && !/^(VAULT|SANDBOX)_/.test(key)),
    );
    const jobs = await JobsAtVault.prepare(vault, {
      issuer: `${simulators.github.url}/oidc`,
      project: `${owner}/${name}`,
      keys,
      ...(also ? { also } : {}),
    });
    const checkout = await makeCheckout(world, program);
    for (const stack of ["staging", "production"])
      simulators.github.pushFile(
        owner,
        name,
        `Pulumi.${stack}.yaml`,
        readFileSync(join(checkout, `Pulumi.${stack}.yaml`), "utf8"),
      );
    return new JobsWorld(world, jobs, checkout, keys);
  }

  stop(): Promise<void> {
    return this.world.stop();
  }

  get pagerduty(): PagerdutySimulator {
    return this.world.sandbox.simulators.pagerduty;
  }

  /** Runs a workflow of .github/workflows, with all of its jobs. */
  async run(file: string, asked: Asked = {}): Promise<Record<string, JobRun>> {
    const { sandbox } = this.world;
    const { github } = sandbox.simulators;
    const event = asked.event ?? { name: "schedule" };
    const { actor = "scheduler", attempt = 1, approvers = {} } = asked;
    const id = github.startRun(owner, name, { event: event.name, actor, attempt });
    asked.onStart?.(id);
    const now = asked.now ?? this.world.now;
    const plain = Object.entries(sandbox.env).filter(
      ([key]) => !credential.test(key) && !/^(VAULT_|PULUMI_STACK|PULUMI_OPTION_)/.test(key),
    );
    const workflow = asked.workflow ?? readWorkflow(join(repository, ".github/workflows", file));
    const jobs = await runWorkflow(workflow, {
      cwd: this.checkout,
      event,
      inputs: asked.inputs,
      token: sandbox.secrets.githubToken,
      secrets: {
        SLACK_WEBHOOK_URL: this.keys["SLACK_WEBHOOK_URL"] ?? "",
        PAGERDUTY_ROUTING_KEY: this.pagerduty.routingKey,
      },
      vars: (environment) => ({
        VAULT_ADDR: sandbox.env["VAULT_ADDR"] ?? "",
        VAULT_ROLE: `rotation-${environment}`,
        VAULT_KV_PATH: `secret/data/ci/${environment}`,
        PULUMI_BACKEND_URL: sandbox.env["PULUMI_BACKEND_URL"] ?? "",
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
                ref: event.name === "pull_request" ? "refs/pull/1/merge" : main,
                environment: environment.replace("${{ inputs.stack }}", asked.inputs?.["stack"] ?? ""),
                job_workflow_ref: `${owner}/${name}/.github/workflows/${file}@${main}`,
              }),
            }
          : {}),
        ...asked.extra,
      }),
    });
    const ended = Object.values(jobs).map(({ result }) => result);
    // One that waits for a person has not ended.
    if (!asked.unended && !ended.includes("waiting"))
      github.endRun(owner, name, id, ended.includes("failure") ? "failure" : "success");
    return jobs;
  }
}
