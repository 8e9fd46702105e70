// `rotate rollback`: back to an earlier value, through the same graph, so that everything downstream follows.
import { exits, Failure, UsageError, type Call, type Command } from "../command.ts";
import type { Row } from "../inventory.ts";
import { reasonOf } from "../force.ts";
import { earlier, type Earlier } from "../earlier.ts";
import { inventory, one } from "../secrets.ts";
import { who } from "../who.ts";
import { report, up } from "./run.ts";

export const rollback: Command = {
  summary: "back to the previous value of one secret, or of everything a run rotated",
  help: `Usage: rotate rollback <secret> [--to <generation>] [--reason "<why>"] [--json] [--stack <name>]
       rotate rollback --run <id> [--reason "<why>"]

Brings an earlier value back: from Vault's versions, or the slot of an issued credential that is still valid. Every
destination is written again, services restart, and consumers prove that they use it. The value that is left keeps its
grace period, like that of any rotation; the due date stays. A run's id is the time at which it rotated, as
\`rotate status --json\` shows it in rotatedAt.

Refused, with nothing changed: a value that was revoked in an emergency, that Vault has deleted or destroyed, an issued
credential that is dead at its service, a value that a cut-over at the service has ended.

  --to       the generation that comes back; default: the one before the current
  --run      every secret whose current value was made in that run
  --reason   for the record; default: "rollback"

Exit codes: 0 back and verified, 1 failed, 2 wrong usage or refused (nothing was changed).`,
  options: { to: { type: "string" }, run: { type: "string" }, reason: { type: "string" } },
  async run(call) {
    const { options, names, io } = call;
    const rows = await inventory(call);
    const chosen = typeof options["run"] === "string" ? ofRun(rows, options["run"], names, options["to"]) : undefined;
    if (!chosen && names.length > 1)
      throw new UsageError(`Roll back one secret at a time, or a whole run with --run; got ${names.join(", ")}`);
    const row = chosen ? undefined : one(rows, names[0], "rotate rollback JWT_SECRET");
    const targets = chosen ?? [row as Row];
    const reason = reasonOf(typeof options["reason"] === "string" ? options["reason"] : "rollback");
    // All of them are looked at before the first is changed.
    const found: [Row, Earlier][] = [];
    const refused: string[] = [];
    for (const each of targets) {
      try {
        found.push([each, await earlier(call, each, generationOf(options["to"], each))]);
      } catch (error) {
        if (!(error instanceof UsageError || error instanceof Failure)) throw error;
        refused.push(error.message);
      }
    }
    if (refused.length > 0) throw new UsageError(`${refused.join("\n")}\nNothing was changed.`);
    await ask(call, found, reason);
    const wanted = targets.map(({ name }) => name);
    for (const [each, { generation, from }] of found)
      io.say(`${each.name}: generation ${generation} comes back from ${from}`);
    await report(call, await up(call, wanted), wanted);
    return exits.ok;
  },
};

async function ask({ engine, io }: Call, found: [Row, Earlier][], reason: string): Promise<void> {
  for (const [row, { generation, mount, path }] of found)
    await engine.setEntry("restored", row.name, {
      generation,
      ...(mount && path ? { mount, path } : {}),
      reason,
      by: who(io.env),
      at: io.now.toISOString(),
    });
}

function generationOf(to: string | boolean | undefined, row: Row): number {
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
