// `rotate`: secret rotation for people. Each subcommand is a file in commands/; this one finds it and ends the process.
import { AuditedEngine } from "./audit.ts";
import { wantsColour } from "./columns.ts";
import { exits, Failure, parse, UsageError, type Command, type Exit, type Io } from "./command.ts";
import { audit } from "./commands/audit.ts";
import { checklist } from "./commands/checklist.ts";
import { drift } from "./commands/drift.ts";
import { adopt } from "./commands/adopt.ts";
import { emergency } from "./commands/emergency.ts";
import { handOver } from "./commands/hand-over.ts";
import { metrics } from "./commands/metrics.ts";
import { parts } from "./commands/parts.ts";
import { plan } from "./commands/plan.ts";
import { report } from "./commands/report.ts";
import { rollback } from "./commands/rollback.ts";
import { run } from "./commands/run.ts";
import { serve } from "./commands/serve.ts";
import { status } from "./commands/status.ts";
import { touched } from "./commands/touched.ts";
import { screen } from "./live.ts";
import { nearest } from "./names.ts";

export const commands: Record<string, Command> = {
  status,
  plan,
  run,
  emergency,
  rollback,
  touched,
  "hand-over": handOver,
  adopt,
  report,
  metrics,
  serve,
  audit,
  drift,
  checklist,
  parts,
};

export const help = `Usage: rotate <command> [options]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(11)} ${summary}`)
  .join("\n")}

Every command has --help, --json and --stack <name> (default: PULUMI_STACK, else the selected stack). No command ever
prints a value. In the sandbox: npm run shell -- ./rotate status

Exit codes: ${exits.ok} done, ${exits.failed} failed, ${exits.usage} wrong usage and nothing changed, ${exits.attention} done, and something needs attention.`;

/** Runs one command line. Errors are printed here, so that every way out has its exit code. */
export async function main(args: string[], io: Io): Promise<Exit> {
  const [name, ...rest] = args;
  try {
    if (name === undefined || name === "--help" || name === "-h" || name === "help") {
      const asked = name === "help" ? commands[rest[0] ?? ""] : undefined;
      (name === undefined ? io.say : io.out)(asked?.help ?? help);
      return name === undefined ? exits.usage : exits.ok;
    }
    const command = commands[name];
    if (!command) {
      const [near] = nearest(name, Object.keys(commands));
      throw new UsageError(
        `There is no command "${name}"${near ? `; did you mean ${near}?` : `; there are ${Object.keys(commands).join(", ")}`}`,
      );
    }
    const { options, names } = parse(command, rest);
    if (options["help"]) {
      io.out(command.help);
      return exits.ok;
    }
    const stack = typeof options["stack"] === "string" ? options["stack"] : undefined;
    return await command.run({ options, names, io, engine: new AuditedEngine(io, stack) });
  } catch (error) {
    if (error instanceof UsageError) {
      io.say(error.message);
      return exits.usage;
    }
    io.say(error instanceof Failure ? error.message : `${(error as Error).message}`);
    return exits.failed;
  }
}

/** The time by which everything is judged: ROTATION_NOW (tests), else the system's. @throws UsageError */
export function clock(env: NodeJS.ProcessEnv): Date {
  const now = env["ROTATION_NOW"];
  if (now && Number.isNaN(Date.parse(now)))
    throw new UsageError(`ROTATION_NOW is "${now}", which is no date; write it like 2026-01-31T02:00:00Z, or unset it`);
  return now ? new Date(now) : new Date();
}

if (import.meta.main) {
  // A reader that goes away (`rotate status | head`) is no error.
  process.stdout.on("error", () => process.exit(exits.ok));
  try {
    process.exitCode = await main(process.argv.slice(2), {
      out: (text) => process.stdout.write(`${text}\n`),
      ...screen(process.stderr, process.env),
      env: process.env,
      input: process.stdin,
      now: clock(process.env),
      colour: wantsColour(process.stdout, process.env),
    });
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = exits.usage;
  }
}
