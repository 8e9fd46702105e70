// The nightly audit: policies over the state, drift, the audit trail, what is overdue, and variables that nobody rotates.
//   ci/audit.ts --stack production --report audit.md
// Ends with 1 when a person has to look at something; the report says at what.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openAudit, verifyTrail } from "../cli/audit.ts";
import { Engine, repository, type State } from "../cli/engine.ts";
import { nameOf, readInventory } from "../cli/inventory.ts";
import type { Preview } from "../cli/digest.ts";
import { addSummary, CiError, readOptions, script } from "./context.ts";
import { inventoryMarkdown } from "./summary.ts";
import { unknownSecrets } from "./unknown-secrets.ts";

/** Whether the audit trail is whole, by its head and by what the state remembers of it. */
async function trail(engine: Engine, state: State, env: NodeJS.ProcessEnv, now: Date): Promise<Finding> {
  const title = "Audit trail";
  try {
    const audit = await openAudit(engine, { env, now }, state);
    if (!audit) return { title, lines: ["This stack keeps none (docs/audit.md)."], grave: false };
    const { findings } = await verifyTrail(audit, state);
    return { title, lines: findings.map(({ what }) => what), grave: findings.length > 0 };
  } catch (error) {
    return { title, lines: [(error as Error).message], grave: true };
  }
}

interface Finding {
  title: string;
  /** Empty: nothing was found. */
  lines: string[];
  /** Whether it makes the audit fail. */
  grave: boolean;
}

async function policies(engine: Engine, stack: string): Promise<Finding> {
  const ran = await engine.run(["policy", "analyze", "--policy-pack", join(repository, "policies")]);
  const said = `${ran.stdout}\n${ran.stderr}`.split("\n").map((line) => line.trim());
  const lines = said.filter((line) => /^(error|warning): |\[mandatory\]|\[advisory\]/.test(line));
  if (ran.code !== 0 && lines.length === 0)
    lines.push(`pulumi policy analyze ended with ${ran.code}: ${said.join(" ").slice(0, 500)}`);
  return { title: `Policies over the state of ${stack}`, lines, grave: ran.code !== 0 };
}

/** What the vendors hold otherwise than the stack remembers. Asks them all; changes nothing, not even the state. */
async function drift(engine: Engine): Promise<Finding> {
  const ran = await engine.run(["refresh", "--preview-only", "--json"]);
  const title = "Drift";
  try {
    const { steps = [] } = JSON.parse(ran.stdout) as Preview;
    // A clock that has run out is no drift: the next run renews it.
    const changed = steps.filter(
      ({ op, urn }) => !["same", "refresh", "read"].includes(op) && !/[:$]time:index\/rotating:/.test(urn),
    );
    const lines = changed.map(
      ({ op, urn }) => `${nameOf(urn)}: ${op === "delete" ? "is gone" : "was changed by somebody else"}`,
    );
    if (ran.code !== 0 && lines.length === 0) lines.push(ran.stderr.trim() || `pulumi refresh ended with ${ran.code}`);
    return { title, lines, grave: lines.length > 0 };
  } catch {
    return { title, lines: [(ran.stderr || ran.stdout).trim().slice(0, 1000)], grave: true };
  }
}

async function plainVariables(engine: Engine): Promise<string[]> {
  const ran = await engine.run(["config", "get", "secret-rotation:plainVariables"]);
  return ran.code === 0 && ran.stdout.trim() !== "" ? (JSON.parse(ran.stdout) as string[]) : [];
}

async function main(): Promise<number> {
  const { env } = process;
  const { stack, report } = readOptions(process.argv.slice(2), ["stack", "report"]);
  if (!stack) throw new CiError("Say which stack: --stack production");
  const now = new Date(env["ROTATION_NOW"] ?? Date.now());
  const engine = new Engine(env, stack, (text) => void process.stderr.write(`${text}\n`));
  const state = await engine.state();
  const rows = readInventory(state, now);
  const overdue = rows.filter((row) => row.state === "overdue" || row.state === "unfinished");
  const unknown = await unknownSecrets(state, env, await plainVariables(engine));
  const findings: Finding[] = [
    await policies(engine, stack),
    await drift(engine),
    await trail(engine, state, env, now),
    {
      title: "Overdue or unfinished",
      lines: overdue.map(({ name, why }) => `${name}: ${why}`),
      grave: overdue.length > 0,
    },
    {
      title: "Variables that this stack does not rotate (names only; `plainVariables` lists those that are no secrets)",
      lines: unknown.map(({ place, names }) => `${place}: ${names.join(", ")}`),
      grave: false,
    },
  ];
  const markdown = [
    `## Audit of ${stack}, ${now.toISOString().slice(0, 16)}Z`,
    ...findings.flatMap(({ title, lines }) => [
      `### ${title}`,
      lines.length ? lines.map((line) => `- ${line}`).join("\n") : "Nothing.",
    ]),
    inventoryMarkdown(stack, rows),
  ].join("\n\n");
  if (report) writeFileSync(report, `${markdown}\n`);
  addSummary(env, markdown);
  const grave = findings.filter((finding) => finding.grave);
  if (grave.length === 0) return 0;
  throw new CiError(
    `The audit of ${stack} found something:\n${grave.map(({ title, lines }) => `${title}: ${lines.join("; ")}`).join("\n")}`,
  );
}

await script(main);
