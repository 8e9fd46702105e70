// Runs a workflow of .github/workflows on this machine: jobs in their order, conditions, environments that wait for a
// person, a matrix side by side, and every `run:` step by bash, with the files and variables that GitHub gives. Steps with `uses:` are passed
// over: what they bring (the checkout, Node) is here already.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { evaluate, text, truthy } from "./expressions.ts";

interface Step {
  id?: string;
  uses?: string;
  run?: string;
  if?: string;
  env?: Record<string, string>;
}
/** One job for each combination; `include` and `exclude` are not known here. */
export interface Strategy {
  "fail-fast"?: boolean;
  "max-parallel"?: number;
  matrix: Record<string, unknown[] | string>;
}
export interface Job {
  needs?: string | string[];
  if?: string;
  environment?: string;
  strategy?: Strategy;
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

/**
 * Runs all jobs; those behind a job that waits do not run. A job with a matrix stands there under its name, as those that
 * need it see it, and once more for each of its combinations, named as GitHub does: `part (one)`.
 */
export async function runWorkflow(workflow: Workflow, setting: Setting): Promise<Record<string, JobRun>> {
  const done: Record<string, JobRun> = {};
  const left = new Map(Object.entries(workflow.jobs));
  while (left.size > 0) {
    const next = [...left].find(([, job]) => [job.needs ?? []].flat().every((name) => name in done));
    if (!next) throw new Error(`the jobs ${[...left.keys()].join(", ")} wait for each other`);
    const [name, job] = next;
    left.delete(name);
    if (job.strategy) Object.assign(done, await runMatrix(workflow, name, job, job.strategy, done, setting));
    else done[name] = await runJob(workflow, name, job, done, setting);
  }
  return done;
}

/** All combinations of a matrix, by the names of their jobs. */
function combinations(name: string, { matrix }: Strategy, context: object): Map<string, Record<string, unknown>> {
  let all: Record<string, unknown>[] = [{}];
  for (const [key, given] of Object.entries(matrix)) {
    const values = typeof given === "string" ? evaluate(given, context) : given;
    // GitHub's own words: it fails the run.
    if (!Array.isArray(values) || values.length === 0)
      throw new Error(`Matrix vector '${key}' does not contain any values`);
    all = all.flatMap((each) => values.map((value: unknown) => ({ ...each, [key]: value })));
  }
  return new Map(all.map((each) => [`${name} (${Object.values(each).map(String).join(", ")})`, each]));
}

async function runMatrix(
  workflow: Workflow,
  name: string,
  job: Job,
  strategy: Strategy,
  done: Record<string, JobRun>,
  setting: Setting,
): Promise<Record<string, JobRun>> {
  if (strategy["fail-fast"] !== false)
    throw new Error(`${name}: one that fails cancels the others, which is not done here`);
  const needed = [job.needs ?? []].flat();
  // Nothing can be said of the combinations before what they are made of is there.
  if (needed.some((each) => done[each]?.result !== "success"))
    return { [name]: await runJob(workflow, name, job, done, setting) };
  const needs = Object.fromEntries(needed.map((each) => [each, { outputs: done[each]?.outputs }]));
  const waiting = [...combinations(name, strategy, { needs, inputs: setting.inputs ?? {} })];
  const runs: Record<string, JobRun> = {};
  const next = async (): Promise<void> => {
    for (let item = waiting.shift(); item; item = waiting.shift())
      runs[item[0]] = await runJob(workflow, name, job, done, setting, item[1]);
  };
  const width = strategy["max-parallel"] ?? waiting.length;
  await Promise.all(Array.from({ length: Math.min(width, waiting.length) }, next));
  const all = Object.values(runs);
  const worst = (["failure", "waiting", "skipped"] as const).find((one) => all.some(({ result }) => result === one));
  return {
    ...runs,
    // What they say under the same name is that of one of them, nobody knows which.
    [name]: {
      result: worst ?? "success",
      outputs: Object.fromEntries(all.flatMap(({ outputs }) => Object.entries(outputs))),
      log: "",
      summary: "",
    },
  };
}

async function runJob(
  workflow: Workflow,
  name: string,
  job: Job,
  done: Record<string, JobRun>,
  setting: Setting,
  matrix: Record<string, unknown> = {},
): Promise<JobRun> {
  const none = { outputs: {}, log: "", summary: "" };
  const needed = [job.needs ?? []].flat();
  const results = needed.map((each) => done[each]?.result);
  if (results.includes("waiting")) return { result: "waiting", ...none };
  const needs = Object.fromEntries(
    needed.map((each) => [each, { result: done[each]?.result, outputs: done[each]?.outputs }]),
  );
  const github = { token: setting.token, event_name: setting.event?.name ?? "schedule", event: setting.event?.payload };
  const base = { github, needs, matrix, inputs: setting.inputs ?? {}, secrets: setting.secrets ?? {} };
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

/** What a step has said: `name=value`, or `name<<end` with lines up to `end`. */
export function outputsIn(file: string): Record<string, string> {
  const shape = /^([\w-]+)<<(\S+)\n(?:([\s\S]*?)\n)?\2$|^([\w-]+)=(.*)$/gm;
  return Object.fromEntries(
    [...file.matchAll(shape)].map(([, block, , lines, name, value]) => [block ?? name ?? "", lines ?? value ?? ""]),
  );
}
