// Runs a workflow of .github/workflows on this machine: jobs in their order, conditions, environments that wait for a
// person, and every `run:` step by bash, with the files and variables that GitHub gives. Steps with `uses:` are passed
// over: what they bring (the checkout, Node) is here already.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInNewContext } from "node:vm";

interface Step {
  id?: string;
  uses?: string;
  run?: string;
  if?: string;
  env?: Record<string, string>;
}
export interface Job {
  needs?: string | string[];
  if?: string;
  environment?: string;
  concurrency?: { group: string; "cancel-in-progress": boolean | string };
  "timeout-minutes"?: number;
  permissions?: Record<string, string>;
  outputs?: Record<string, string>;
  env?: Record<string, string>;
  steps: Step[];
}
export interface Workflow {
  name: string;
  on: Record<string, unknown>;
  permissions?: Record<string, string>;
  env?: Record<string, string>;
  jobs: Record<string, Job>;
}

export function readWorkflow(file: string): Workflow {
  // js-yaml comes with @pulumi/pulumi; it is needed here alone.
  const { load } = createRequire(import.meta.url)("js-yaml") as { load: (text: string) => unknown };
  return load(readFileSync(file, "utf8")) as Workflow;
}

export interface Setting {
  /** The checkout. */
  cwd: string;
  /** What the runner and the machine give to every step. */
  env: (job: string, definition: Job) => Record<string, string>;
  inputs?: Record<string, string>;
  vars: (environment: string) => Record<string, string>;
  secrets?: Record<string, string>;
  token: string;
  event?: { name: string; payload?: Record<string, unknown> };
  /** Whether a person lets a job into an environment that is protected. @default true */
  enter?: (environment: string) => boolean;
}

export type Result = "success" | "failure" | "skipped" | "waiting";
export interface JobRun {
  result: Result;
  outputs: Record<string, string>;
  /** Everything that the job printed, without the lines by which GitHub learns what to mask. */
  log: string;
  summary: string;
}

/** Runs all jobs; those behind a job that waits do not run. */
export async function runWorkflow(workflow: Workflow, setting: Setting): Promise<Record<string, JobRun>> {
  const done: Record<string, JobRun> = {};
  const left = new Map(Object.entries(workflow.jobs));
  while (left.size > 0) {
    const next = [...left].find(([, job]) => [job.needs ?? []].flat().every((name) => name in done));
    if (!next) throw new Error(`the jobs ${[...left.keys()].join(", ")} wait for each other`);
    const [name, job] = next;
    left.delete(name);
    done[name] = await runJob(workflow, name, job, done, setting);
  }
  return done;
}

async function runJob(
  workflow: Workflow,
  name: string,
  job: Job,
  done: Record<string, JobRun>,
  setting: Setting,
): Promise<JobRun> {
  const none = { outputs: {}, log: "", summary: "" };
  const needed = [job.needs ?? []].flat();
  const results = needed.map((each) => done[each]?.result);
  if (results.includes("waiting")) return { result: "waiting", ...none };
  const needs = Object.fromEntries(
    needed.map((each) => [each, { result: done[each]?.result, outputs: done[each]?.outputs }]),
  );
  const github = { token: setting.token, event_name: setting.event?.name ?? "schedule", event: setting.event?.payload };
  const base = { github, needs, inputs: setting.inputs ?? {}, secrets: setting.secrets ?? {} };
  // A job without a status function of its own runs only when all that it needs, and all before that, has succeeded.
  const fine = results.every((result) => result === "success");
  const condition = job.if ?? "success()";
  const free = /\b(always|cancelled|failure)\(\)/.test(condition);
  if ((!free && !fine) || !truthy(evaluate(condition, { ...base, fine }))) return { result: "skipped", ...none };
  const environment = job.environment === undefined ? "" : text(job.environment, base);
  if (environment && setting.enter?.(environment) === false) return { result: "waiting", ...none };

  const folder = mkdtempSync(join(tmpdir(), "actions-"));
  const files = { GITHUB_OUTPUT: "output", GITHUB_STEP_SUMMARY: "summary", GITHUB_ENV: "env", GITHUB_PATH: "path" };
  const event = join(folder, "event.json");
  writeFileSync(event, JSON.stringify(setting.event?.payload ?? {}));
  const steps: Record<string, { outputs: Record<string, string> }> = {};
  const run: JobRun = { result: "success", outputs: {}, log: "", summary: "" };
  try {
    for (const step of job.steps) {
      const context = { ...base, steps, vars: setting.vars(environment), fine: run.result === "success" };
      if (step.run === undefined || !truthy(evaluate(step.if ?? "success()", context))) continue;
      const own = (extra: Record<string, string> = {}) =>
        Object.fromEntries(Object.entries(extra).map(([key, value]) => [key, text(String(value), context)]));
      const paths = Object.fromEntries(Object.entries(files).map(([key, file]) => [key, join(folder, file)]));
      for (const path of Object.values(paths)) writeFileSync(path, "");
      const env = {
        ...setting.env(name, job),
        ...own(workflow.env),
        ...own(job.env),
        ...own(step.env),
        ...paths,
        CI: "true",
        GITHUB_ACTIONS: "true",
        GITHUB_WORKFLOW: workflow.name,
        GITHUB_JOB: name,
        GITHUB_EVENT_NAME: github.event_name,
        GITHUB_EVENT_PATH: event,
      };
      const ran = await bash(step.run, setting.cwd, env);
      run.log += ran.output;
      run.summary += readFileSync(paths["GITHUB_STEP_SUMMARY"] ?? "", "utf8");
      const outputs = outputsIn(readFileSync(paths["GITHUB_OUTPUT"] ?? "", "utf8"));
      if (step.id) steps[step.id] = { outputs };
      if (ran.code !== 0) run.result = "failure";
    }
    const context = { ...base, steps, vars: {}, fine: true };
    run.outputs = Object.fromEntries(
      Object.entries(job.outputs ?? {}).map(([key, value]) => [key, text(value, context)]),
    );
    return run;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function bash(script: string, cwd: string, env: Record<string, string>): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["-e", "-c", script], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output: output.replaceAll(/^::add-mask::.*\n/gm, "") }));
  });
}

function outputsIn(file: string): Record<string, string> {
  return Object.fromEntries(
    [...file.matchAll(/^(\w+)<<(\S+)\n([\s\S]*?)\n\2$/gm)].map(([, name, , value]) => [name ?? "", value ?? ""]),
  );
}

/** A text with its `${{ }}`. */
function text(template: string, context: object): string {
  return template.replaceAll(/\$\{\{(.*?)\}\}/gs, (_, expression: string) => String(evaluate(expression, context)));
}

function truthy(value: unknown): boolean {
  return value !== false && value !== "" && value !== 0 && value !== null && value !== "false";
}

/** An expression: the part of GitHub's language that JavaScript shares. What is not there is an empty text. */
function evaluate(expression: string, context: object): unknown {
  const bare = expression.replace(/^\s*\$\{\{([\s\S]*)\}\}\s*$/, "$1");
  const { fine } = context as { fine?: boolean };
  const functions = {
    always: () => true,
    cancelled: () => false,
    success: () => fine ?? true,
    failure: () => fine === false,
    toJSON: (value: unknown) => JSON.stringify(value),
  };
  return runInNewContext(bare, { ...functions, ...(lenient(context) as object) });
}

function lenient(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, lenient(item)]));
  return new Proxy(copy, {
    get: (target, key) =>
      key in target || typeof key === "symbol" || key === "toJSON" ? (Reflect.get(target, key) as unknown) : "",
  });
}
