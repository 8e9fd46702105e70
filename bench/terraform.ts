// The same work with Terraform and with this stack, in turn, on one machine and one real Vault: secrets that are made,
// looked at, rotated one by name and rotated all. Seconds, processor seconds, memory of all processes, and the ratios.
//   node bootstrap.mjs bench/terraform.ts [secrets, default 25,200] [per part of ours, default 50] [--write]
// Uses the Terraform on PATH and the official providers where `terraform init` can install them; what is missing is
// built, a few minutes the first time. Either side's old and new values are checked to be what was asked for.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { reporter } from "../sandbox/toolchain/progress.ts";
import { summary } from "../sandbox/toolchain/toolchain.ts";
import { Fleet, must } from "./support/fleet.ts";
import type { Measured } from "./support/measure.ts";
import { markdown, publish } from "./support/tables.ts";
import { BenchWorld } from "./support/world.ts";
import { compared, head } from "./terraform/ratios.ts";
import { rotating } from "./terraform/state.ts";
import { ensureTerraform } from "./terraform/toolchain.ts";
import { Workspace } from "./terraform/workspace.ts";

const args = process.argv.slice(2);
const [sizes = "25,200", per = "50"] = args.filter((arg) => /^[\d,]+$/.test(arg));
const counts = sizes.split(",").map(Number);
const perPart = Number(per);
if (!counts.every((count) => count >= 5 && count <= 5000) || !(perPart >= 1)) {
  console.error(
    "Give numbers of secrets, from 5 to 5000, and secrets per part, for instance: node bootstrap.mjs bench/terraform.ts 25,200 50",
  );
  process.exit(2);
}

const one = "SECRET_0003";
const nothing = { added: 0, changed: 0, destroyed: 0 };
/** Longer than the 30 days after which either side's secrets are due. */
const wait = 60;

type Steps = Record<"create" | "none" | "preview" | "one" | "all", Measured>;

const world = await BenchWorld.start();
try {
  const dir = join(world.dir, "terraform");
  mkdirSync(dir);
  const toolchain = await ensureTerraform(dir, reporter());
  const sources = summary(toolchain.parts);
  console.error(sources);
  const rows: string[][] = [];
  const profile: string[] = [];
  for (const count of counts) {
    const theirs = await terraform(new Workspace(world, dir, toolchain), count);
    const parts = Math.max(1, Math.ceil(count / perPart));
    const ours = await stack(count, parts);
    const lines: [string, Measured, Measured][] = [
      ["create all", theirs.create, ours.create],
      ["nothing due", theirs.none, ours.none],
      ["nothing due, our engine started (`--full`)", theirs.none, ours.full],
      ["preview, nothing due", theirs.preview, ours.preview],
      ["preview, nothing due, our engine started (`--full`)", theirs.preview, ours.fullPreview],
      [`one of them, due (\`-target\`, \`rotate run ${one}\`)`, theirs.one, ours.one],
      ["all others, due", theirs.all, ours.all],
    ];
    rows.push(...lines.map(([what, its, our]) => compared(`${count} secrets: ${what}`, its, our)));
    for (const [what, its, our] of lines.filter(([what]) => !what.startsWith("one") && !what.endsWith("nothing due")))
      profile.push(`- ${count} secrets, ${what}: ${used(its)}`, `  - ours: ${used(our)}`);
  }
  publish("terraform", text(toolchain.title, sources, rows, profile), args.includes("--write"));
} finally {
  await world.stop();
}

async function terraform(workspace: Workspace, count: number): Promise<Steps> {
  await workspace.make(count);
  const create = told("Terraform", count, "create", await workspace.apply({ ...nothing, added: 3 * count }));
  const none = told("Terraform", count, "none", await workspace.apply(nothing));
  const preview = told("Terraform", count, "preview", await workspace.plan());
  workspace.later(wait);
  const target = `-target=module.secret["${one}"]`;
  const single = told("Terraform", count, "one", await workspace.apply(rotating(1), target));
  const all = told("Terraform", count, "all", await workspace.apply(rotating(count - 1)));
  await rotatedOnce("terraform", count);
  return { create, none, preview, one: single, all };
}

async function stack(count: number, parts: number): Promise<Steps & { full: Measured; fullPreview: Measured }> {
  const fleet = new Fleet(world, `many${count}`, parts);
  await fleet.make(count);
  const create = told("ours", count, "create", must(await fleet.all()));
  const none = told("ours", count, "none", must(await fleet.all()));
  const full = told("ours", count, "full", must(await fleet.all("--full")));
  const preview = told("ours", count, "preview", must(await fleet.previews()));
  const fullPreview = told("ours", count, "full preview", must(await fleet.previews("--full")));
  world.later(wait);
  const single = told("ours", count, "one", must(await fleet.all(one)));
  const all = told("ours", count, "all", must(await fleet.all()));
  await rotatedOnce("many", count);
  return { create, none, full, preview, fullPreview, one: single, all };
}

/** @throws Error unless Vault holds the second version of every secret, and no other */
async function rotatedOnce(application: string, count: number): Promise<void> {
  const path = `secret/metadata/${application}`;
  const { data } = await world.vault.call<{ data: { keys: string[] } }>("GET", `${path}?list=true`);
  if (data.keys.length !== count) throw new Error(`Vault has ${data.keys.length} secrets of ${application}`);
  for (const key of data.keys) {
    const found = await world.vault.call<{ data: { current_version: number } }>("GET", `${path}/${key}`);
    const version = found.data.current_version;
    if (version !== 2) throw new Error(`${application}/${key} is at version ${version} in Vault, and 2 was expected`);
  }
}

function told(who: string, count: number, step: string, ran: Measured): Measured {
  const { seconds, cpuSeconds, memoryMiB } = ran;
  console.error(
    `${who}, ${count}, ${step}: ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of processor time, ${memoryMiB} MiB`,
  );
  return ran;
}

/** The programs that used the processor, all that used more than a hundredth of the whole. */
function used(ran: Measured): string {
  return Object.entries(ran.byProgram)
    .filter(([program, seconds]) => program !== "?" && seconds > ran.cpuSeconds / 100)
    .sort((a, b) => b[1] - a[1])
    .map(([program, seconds]) => `${program} ${seconds.toFixed(1)} s`)
    .join(", ");
}

function text(title: string, sources: string, rows: string[][], profile: string[]): string {
  return [
    `${title} and this stack, in parts of ${perPart}; ratio: ours by Terraform's, so that below 1 ours needs less.`,
    `Terraform's side: ${sources}.`,
    markdown(head, rows),
    "What is not equal: a secret of ours is eight resources with a schedule, a precheck, a verification and the policy pack, and what is secret in its state is encrypted; " +
      "Terraform's is three resources (`time_rotating`, `random_password`, `vault_kv_secret_v2`), and its state holds the values in plain text. " +
      "Terraform keeps all secrets in one state, ours are in parts. " +
      "Terraform has no clock for tests: its state is aged by 60 days instead.",
    `Where the processor time goes:\n\n${profile.join("\n")}`,
  ].join("\n\n");
}
