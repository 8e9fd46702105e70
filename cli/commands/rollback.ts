// `rotate rollback`: back to an earlier value, through the same graph, so that everything downstream follows.
import { exits, Failure, UsageError, type Call, type Command } from "../command.ts";
import type { Row } from "../inventory.ts";
import { reasonOf } from "../force.ts";
import { earlier, type Earlier } from "../earlier.ts";
import { inventory, one } from "../secrets.ts";
import { who } from "../who.ts";
import { report, up } from "./run.ts";

/** An entry of `secret-rotation:restored`. */
interface Entry {
  generation: number;
  at: string;
  /** The run that is taken back, where it was all of one. */
  run?: string;
}

export const rollback: Command = {
  summary: "back to the previous value of one secret, or of everything a run rotated",
  help: `Usage: rotate rollback <secret> [--to <generation>] [--reason "<why>"] [--json] [--stack <name>]
       rotate rollback --run <id> [--possible] [--reason "<why>"] [--json] [--stack <name>]

Brings an earlier value back: from Vault's versions, or the slot of an issued credential that is still valid. Every
destination is written again, services restart, and consumers prove that they use it. The value that is left keeps its
grace period, like that of any rotation; the due date stays. A run's id is the time at which it rotated, as
\`rotate status --json\` shows it in rotatedAt. Typing --run again after a kill or a failure finishes it: what is back
already stays.

Refused, with nothing changed: a value that was revoked in an emergency, that Vault has deleted or destroyed, an issued
credential that is dead at its service, a value that a cut-over at the service has ended, a handed-over value that its
vendor no longer accepts.

  --to        the generation that comes back; default: the one before the current
  --run       every secret whose current value was made in that run; refused as a whole when one of them cannot come
              back, and each is named
  --possible  with --run: bring back those that can, and leave the others at their new values
  --reason    for the record; default: "rollback"

Exit codes: 0 back and verified, 1 failed, 2 wrong usage or refused (nothing was changed), 3 with --possible: done, and
some stay at their new values.`,
  options: {
    to: { type: "string" },
    run: { type: "string" },
    possible: { type: "boolean" },
    reason: { type: "string" },
  },
  async run(call) {
    const { options, names, io } = call;
    const run = typeof options["run"] === "string" ? options["run"] : undefined;
    if (run === undefined && options["possible"])
      throw new UsageError("--possible goes with --run: rotate rollback --run 2026-01-31T02:00:00Z --possible");
    const rows = await inventory(call);
    const chosen = run === undefined ? undefined : ofRun(rows, run, names, options["to"]);
    if (!chosen && names.length > 1)
      throw new UsageError(`Roll back one secret at a time, or a whole run with --run; got ${names.join(", ")}`);
    const targets = chosen ?? [one(rows, names[0], "rotate rollback JWT_SECRET")];
    const reason = reasonOf(typeof options["reason"] === "string" ? options["reason"] : "rollback");
    const entries = await call.engine.config<Entry>("restored");
    const asked = targets.filter(({ name }) => run !== undefined && entries[name]?.run === run);
    const { found, refused } = await look(
      call,
      targets.filter((row) => !asked.includes(row)),
    );
    const possible = options["possible"] === true && found.length + asked.length > 0;
    if (refused.length > 0 && !possible) throw new UsageError(refusal(refused, found, run));
    for (const line of refused) io.say(`stays as it is: ${line}`);
    for (const { name } of asked) io.say(`${name}: asked for already; this finishes it`);
    for (const [each, { generation, from }] of found)
      io.say(`${each.name}: generation ${generation} comes back from ${from}`);
    const wanted = [...asked, ...found.map(([row]) => row)].map(({ name }) => name);
    await ask(call, found, reason, run);
    await report(call, await follow(call, wanted), wanted);
    return refused.length > 0 ? exits.attention : exits.ok;
  },
};

/** All of them are looked at before the first is changed. */
async function look(call: Call, targets: Row[]): Promise<{ found: [Row, Earlier][]; refused: string[] }> {
  const found: [Row, Earlier][] = [];
  const refused: string[] = [];
  for (const each of targets) {
    try {
      found.push([each, await earlier(call, each, generationOf(call.options["to"], each))]);
    } catch (error) {
      if (!(error instanceof UsageError || error instanceof Failure)) throw error;
      refused.push(error.message);
    }
  }
  return { found, refused };
}

function refusal(refused: string[], found: [Row, Earlier][], run: string | undefined): string {
  const way =
    run === undefined || found.length === 0
      ? ""
      : `\nThese can: ${found.map(([{ name }]) => name).join(", ")}. To bring them back and leave the others: rotate rollback --run ${run} --possible`;
  return `${refused.join("\n")}${way}\nNothing was changed.`;
}

async function ask({ engine, io }: Call, found: [Row, Earlier][], reason: string, run?: string): Promise<void> {
  for (const [row, { generation, mount, path }] of found)
    await engine.setEntry("restored", row.name, {
      generation,
      ...(mount && path ? { mount, path } : {}),
      ...(run === undefined ? {} : { run }),
      reason,
      by: who(io.env),
      at: io.now.toISOString(),
    });
}

/** A request that was not followed is taken back with the error, so that no later run stumbles over it. */
async function follow(call: Call, wanted: string[]): ReturnType<typeof up> {
  try {
    return await up(call, wanted);
  } catch (error) {
    const rows = await inventory(call);
    const entries = await call.engine.config<Entry>("restored");
    for (const { name, restoredAt } of rows) {
      if (!wanted.includes(name) || entries[name] === undefined || entries[name].at === restoredAt) continue;
      await call.engine.removeEntry("restored", name);
      call.io.say(`${name} did not come back, and is no longer asked to`);
    }
    throw error;
  }
}

function generationOf(to: Call["options"][string], row: Row): number {
  if (to === undefined) {
    if (row.generation < 2)
      throw new UsageError(`${row.name} is at its first generation: there is nothing to go back to.`);
    return row.generation - 1;
  }
  const generation = Number(to);
  if (!Number.isInteger(generation) || generation < 1 || generation >= row.generation)
    throw new UsageError(
      `--to is "${String(to)}", and ${row.name} is at generation ${row.generation}; give ${row.generation > 1 ? `1 to ${row.generation - 1}` : "none: there is nothing to go back to"}.`,
    );
  return generation;
}

/** The secrets whose current value was made in a run. @throws UsageError with the runs that there are */
function ofRun(rows: Row[], run: string, names: string[], to: unknown): Row[] {
  if (names.length > 0 || to !== undefined) throw new UsageError("Give --run alone, or one secret with --to");
  const found = rows.filter(({ rotatedAt, generation }) => rotatedAt === run && generation > 1);
  if (found.length > 0) return found;
  const runs = [...new Set(rows.filter(({ generation }) => generation > 1).map(({ rotatedAt }) => rotatedAt))].sort();
  throw new UsageError(
    `No secret has a current value from the run "${run}"; ${runs.length > 0 ? `there are ${runs.join(", ")}` : "none has been rotated yet"}. Nothing was changed.`,
  );
}
