// Rotates a stack in CI: preview, refusals, approvals, and then exactly what was previewed.
//   ci/rotate.ts --stack production [--secret JWT_SECRET --reason "..."] [--mode emergency]
//   ci/rotate.ts --stack production --secret all --reason "..." --mode emergency
// One script, so that no step of a workflow can be left out: it reads the approvals itself, of the run it is in.
import { digest, type Preview } from "../cli/digest.ts";
import { AuditedEngine } from "../cli/audit.ts";
import type { Engine } from "../cli/engine.ts";
import { makeable } from "../cli/force.ts";
import { readInventory } from "../cli/inventory.ts";
import { Progress } from "../cli/progress.ts";
import { sign, variable } from "../policies/approval.ts";
import { askedBy, judge, needed } from "./approvals.ts";
import { addSummary, CiError, onGithub, readContext, readOptions, script, setOutput } from "./context.ts";
import { Repository } from "./github.ts";
import { JobNotes } from "./jobs.ts";
import { rotations, stackPlan } from "./plan.ts";
import { refuseReplacements } from "./refuse-replacements.ts";
import { propose, raise, type Asked } from "./request.ts";
import { inventoryMarkdown } from "./summary.ts";
import { resolveTargets } from "./targets.ts";
import { listenForTold } from "./told.ts";

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<void> {
  const {
    stack,
    secret = "",
    reason = "",
    mode,
  } = readOptions(process.argv.slice(2), ["stack", "secret", "reason", "mode"]);
  if (!stack) throw new CiError("Say which stack: --stack staging");
  if (mode !== undefined && mode !== "emergency")
    throw new CiError(`--mode is "${mode}"; leave it out, or write emergency`);
  if (mode && !secret) throw new CiError("An emergency needs the secret that is no longer safe: --secret JWT_SECRET");
  if (secret && !reason) throw new CiError(`To rotate ${secret} now, say why: --reason "laptop stolen on Monday"`);

  // The clock stands still from here on: what was previewed and approved is what is run.
  const now = new Date(process.env["ROTATION_NOW"] ?? Math.floor(Date.now() / 1000) * 1000);
  const env: NodeJS.ProcessEnv & { ROTATION_NOW: string } = {
    ...process.env,
    ROTATION_NOW: now.toISOString().replace(".000Z", "Z"),
  };
  // A request is recorded in the audit trail before it is written down, as the commands do it.
  if (onGithub(env)) env["ROTATION_RUN_BY"] = readContext(env).by;
  const engine = new AuditedEngine({ env, now, say }, stack);
  const notes = await JobNotes.open(env, stack);
  const unnoted = await notes?.enter();
  if (unnoted)
    say(
      `Should this machine be lost, a person has to take its lock away: no note could be left beside the state: ${unnoted}`,
    );
  if (notes) engine.elsewhere = (lock) => notes.fate(lock);
  try {
    await rotate(engine, { stack, secret, reason, mode, now, env });
  } finally {
    // A note that stays costs a look at GitHub; it never hides how the run ended.
    await notes?.leave().catch((error: unknown) => say(`This job's note stays beside the state: ${String(error)}`));
  }
}

interface Wanted {
  stack: string;
  secret: string;
  reason: string;
  mode: "emergency" | undefined;
  now: Date;
  env: NodeJS.ProcessEnv & { ROTATION_NOW: string };
}

async function rotate(engine: AuditedEngine, { stack, secret, reason, mode, now, env }: Wanted): Promise<void> {
  const state = await engine.state();
  const targets =
    mode && secret.trim() === "all"
      ? makeable(readInventory(state, now)).map(({ name }) => name)
      : resolveTargets(secret, state);
  if (mode && !targets.length)
    throw new CiError(
      `"${secret}" names no secret of ${stack} that a program can make. Name one: --secret JWT_SECRET. Nothing was changed.`,
    );
  const asked: Asked = {
    reason,
    by: onGithub(env) ? readContext(env).by : (process.env["USER"] ?? "unknown"),
    at: env.ROTATION_NOW,
  };
  // Nothing may change before an approval is proven, so the demand for one comes before the request is written down.
  const production = await isProduction(engine, stack);
  const environments = production ? needed[mode ?? "production"] : [];
  if (targets.length && environments.length) await approved(environments, env);
  if (targets.length) await raise(engine, state, targets, asked, mode === "emergency");

  const preview = (await engine.preview(targets)) as Preview;
  addSummary(env, stackPlan(stack, preview));
  refuseReplacements(preview.steps ?? []);
  const rotating = rotations(preview);
  const { people, asked: by } =
    rotating.length && environments.length ? await approved(environments, env) : { people: [], asked: [] };
  setOutput(env, "approved", people.join(", "));
  if (people.length) addSummary(env, `Approved by ${people.join(" and ")}.`);
  if (targets.length && onGithub(env)) {
    const context = readContext(env);
    const pull = await propose(new Repository(context), context, stack, targets, asked, env);
    addSummary(env, `The request is kept by pull request #${pull}; merge it before the next run.`);
  }
  // The pack sees to it that nothing rotates in production without this record, whatever command begins a run.
  if (people.length) {
    // For the audit trail, as text; the signed record below is what counts.
    engine.env["ROTATION_APPROVALS"] = people.join(", ");
    const logins = people.map((each) => each.replace(/ \(.*$/, ""));
    const run = onGithub(env) ? readContext(env).runUrl : "";
    const record = { stack: stack.split("/").pop() ?? stack, secrets: rotating, people: logins, asked: by, run };
    engine.env[variable] = sign({ ...record, at: env.ROTATION_NOW }, await signingKey(engine, env));
  }
  await up(engine, targets);
  addSummary(env, inventoryMarkdown(stack, readInventory(await engine.state(), now)));
  setOutput(
    env,
    "rotated",
    digest(preview)
      .secrets.filter(({ name }) => rotating.includes(name))
      .map(({ name }) => name)
      .join(", "),
  );
}

/** @throws CiError with what is missing */
async function approved(
  environments: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ people: string[]; asked: string[] }> {
  if (!onGithub(env))
    throw new CiError(
      "Production needs approvals that can be proven, and this is no run of GitHub Actions. docs/ci.md says how GitLab proves them, and what to do where nothing does. Nothing was changed.",
    );
  const context = readContext(env);
  const repository = new Repository(context);
  const [run, approvals] = await Promise.all([repository.run(context.runId), repository.approvals(context.runId)]);
  return { people: judge(run, approvals, environments, new Date()), asked: askedBy(run) };
}

/** @throws CiError when there is none */
async function signingKey(engine: Engine, env: NodeJS.ProcessEnv): Promise<string> {
  const { ROTATION_FINGERPRINT_KEY: given } = env;
  if (given) return given;
  const ran = await engine.run(["config", "get", "rotation:fingerprintKey"]);
  if (ran.code === 0 && ran.stdout.trim()) return ran.stdout.trim();
  throw new CiError(
    "ROTATION_FINGERPRINT_KEY is missing, by which the approval is signed. Put it into the entry at VAULT_KV_PATH (docs/ci.md). Nothing was changed.",
  );
}

/** By its name or by its configuration: neither alone gets past. */
async function isProduction(engine: Engine, stack: string): Promise<boolean> {
  if (stack.split("/").pop() === "production") return true;
  const ran = await engine.run(["config", "get", "secret-rotation:environment"]);
  return ran.stdout.trim() === "production";
}

async function up(engine: Engine, targets: string[]): Promise<void> {
  const progress = new Progress(say);
  const told = listenForTold();
  Object.assign(engine.env, told.env);
  const ran = await engine.up(targets, (event) => progress.see(event));
  const channels = told.channels();
  if (ran.code === 0) return;
  setOutput(process.env, "told", channels.join(", "));
  const errors = progress.outcome.errors.join("\n") || ran.stderr.trim() || "pulumi ended with an error";
  throw new CiError(`The run failed; what was in use stays valid, and the next run goes on from here.\n${errors}`);
}

await script(main);
