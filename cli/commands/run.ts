// `rotate run`: rotates what is due, with a real `pulumi up` behind the policy pack.
import { exits, Failure, UsageError, type Call, type Command, type Exit } from "../command.ts";
import { digest } from "../digest.ts";
import { nothingDue, remember } from "../due-index.ts";
import { runFleet } from "../fleet.ts";
import { readInventory, type Row } from "../inventory.ts";
import { live } from "../live.ts";
import { Progress, type Outcome } from "../progress.ts";
import { inventory, named } from "../secrets.ts";
import { stacksOf } from "../stacks.ts";
import { statusTable } from "./status.ts";

export const run: Command = {
  summary: "rotate what is due, all of it or the secrets that are named",
  help: `Usage: rotate run [secret...] [--json] [--stack <name>] [--full]
       rotate run [secret...] --all-parts | --stacks <file> [--at-once <n>]

Rotates what is due, finishes what an earlier run left unfinished, ends previous values whose grace is over. A secret
that is not due stays as it is, named or not; to rotate one now, see: rotate emergency --help. The policy pack is always
on. The lock of a run on this machine that died is taken away; any other lock is respected. When a step fails,
everything behind it waits, what was in use stays valid, Slack is told, and the next run goes on from there.

A stack whose state, program and configuration are those of its last successful run, and in which nothing falls due yet,
is left alone without starting the engine (docs/scale.md).

  --full        start the engine in any case
  --all-parts   every part of the application in --stack, side by side, with one report
  --stacks      the same for the stacks that a file names, one a line
  --at-once     how many stacks may run at a time; default: as many as there are processors

Exit codes: 0 done and verified, 1 failed, 2 wrong usage (a name that does not exist; nothing was changed).`,
  options: {
    full: { type: "boolean" },
    "all-parts": { type: "boolean" },
    stacks: { type: "string" },
    "at-once": { type: "string" },
  },
  async run(call) {
    const { engine, io, options } = call;
    const stacks = stacksOf(call);
    if (stacks) return runFleet(call, stacks, whole);
    if (options["at-once"] !== undefined)
      throw new UsageError("--at-once is for many stacks; give --all-parts or --stacks too");
    const targets = call.names.length > 0 ? await named(call, await inventory(call)) : [];
    const quiet =
      targets.length > 0 || options["full"] ? undefined : await nothingDue(engine.env, engine.stack, io.now);
    if (quiet) return show(call, nothing, readInventory(quiet.state, io.now), []);
    const { outcome, rows } = await whole(call, targets);
    return show(call, outcome, rows, targets);
  },
};

const nothing: Outcome = { touched: [], errors: [], changes: {} };

/** A run with what it leaves behind: the rows, and, of a whole stack, until when nothing is due. */
async function whole(call: Call, targets: string[]): Promise<{ outcome: Outcome; rows: Row[] }> {
  const { engine, io } = call;
  const outcome = await up(call, targets);
  if (targets.length === 0) {
    const why = await remember(engine.env, engine.stack, io.now);
    if (why) io.say(`That nothing is due could not be remembered, so the next run starts the engine: ${why}`);
  }
  return { outcome, rows: await inventory(call) };
}

/** Runs the targets, or everything when there are none. @throws Failure with what the engine objected to */
export async function up({ engine, io }: Call, targets: string[]): Promise<Outcome> {
  const progress = new Progress(io.say);
  const shown = live(io);
  const ran = await engine
    .up(targets, (event) => {
      progress.see(event);
      shown.see(event);
    })
    .finally(() => shown.end());
  const { outcome } = progress;
  if (ran.code === 0) return outcome;
  await unmade(engine, targets);
  const what =
    outcome.errors.length > 0 ? outcome.errors.join("\n") : ran.stderr.trim() || "pulumi ended with an error";
  throw new Failure(`The run failed; what was in use stays valid, and the next run goes on from here.\n${what}`);
}

/**
 * A service restarts with all of its variables, so a run of one secret cannot end while others that share its service
 * are declared and have never been made. The engine says that in its own words only.
 * @throws Failure that says what to type, when that is why
 */
async function unmade(engine: Call["engine"], targets: string[]): Promise<void> {
  if (targets.length === 0) return;
  const planned = await engine.preview([]).then(digest, () => undefined);
  const created = planned?.secrets.filter(({ what, name }) => what === "created" && !targets.includes(name)) ?? [];
  if (created.length > 0)
    throw new Failure(
      `The run failed: ${created.map(({ name }) => name).join(", ")} ${created.length === 1 ? "is" : "are"} declared and not made yet, and shares services with ${targets.join(", ")}. Make everything first: rotate run. What was in use stays valid.`,
    );
}

/** Ends a command that ran: the table of what it touched, or of everything it was asked to look at. */
export async function report(call: Call, outcome: Outcome, targets: string[]): Promise<Exit> {
  return show(call, outcome, await inventory(call), targets);
}

function show({ io, options }: Call, outcome: Outcome, rows: Row[], targets: string[]): Exit {
  const shown = targets.length > 0 ? rows.filter(({ name }) => targets.includes(name)) : rows;
  if (options["json"])
    io.out(JSON.stringify({ touched: outcome.touched, changes: outcome.changes, secrets: shown }, undefined, 2));
  else {
    const none = outcome.touched.length === 0 ? "Nothing was due; nothing was changed.\n\n" : "";
    io.out(none + statusTable(shown, io.now, io.colour));
  }
  return exits.ok;
}
