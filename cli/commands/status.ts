// `rotate status`: the inventory, as the stack remembers it. Asks no vendor.
import { exits, type Command } from "../command.ts";
import { columns, painter, type Tone } from "../columns.ts";
import { withDrift, type Noted } from "../drift.ts";
import { type Row, type SecretState } from "../inventory.ts";
import { resolve } from "../names.ts";
import { inventory } from "../secrets.ts";
import { due } from "../table.ts";

const tones: Record<SecretState, Tone> = {
  ok: "good",
  "on request": "good",
  due: "attention",
  held: "attention",
  overdue: "bad",
  unfinished: "bad",
  drifted: "bad",
};

/** States that do not mend themselves with the next scheduled run. */
export function needsAttention({ state, handedOver }: Row): boolean {
  return (
    state === "overdue" ||
    state === "held" ||
    state === "unfinished" ||
    state === "drifted" ||
    (handedOver && state === "due")
  );
}

export const status: Command = {
  summary: "every secret: class, age, due date, state, where it is",
  help: `Usage: rotate status [secret...] [--json] [--stack <name>]

Shows what the stack remembers of each secret; no vendor is asked, nothing is changed, no value is shown.

States
  ok            nothing to do (with the previous value still accepted until the time that is shown)
  due           the next run rotates it; a secret that a person fetches: two weeks ahead
  overdue       past its due date
  held          due, and kept back: allowed hours, notice, or its partner rotates first
  on request    its due date is tracked, only a person's request rotates it
  unfinished    its last rotation did not get to the end; run again, nothing rotates twice
  drifted       a destination was changed or emptied by somebody else, as \`rotate drift\` saw it last

Exit codes: 0 nothing needs a person, 1 failed, 2 wrong usage, 3 something is overdue, held, unfinished or drifted.`,
  options: {},
  async run(call) {
    const all = withDrift(await inventory(call), await call.engine.config<Noted>("drifted"));
    const wanted = resolve(
      call.names,
      all.map(({ name }) => name),
    );
    const rows = wanted.length > 0 ? all.filter(({ name }) => wanted.includes(name)) : all;
    const { io } = call;
    if (call.options["json"]) io.out(JSON.stringify({ now: io.now.toISOString(), secrets: rows }, undefined, 2));
    else if (rows.length === 0) io.out("The stack has no secrets yet. Make them with: rotate run");
    else io.out(statusTable(rows, io.now, io.colour));
    return rows.some(needsAttention) ? exits.attention : exits.ok;
  },
};

export function statusTable(rows: Row[], now: Date, colour: boolean): string {
  const paint = painter(colour);
  const several = new Set(rows.map(({ application }) => application)).size > 1;
  const body = rows.map((row) => [
    several ? row.name : row.secret,
    row.class,
    row.handling,
    String(row.generation),
    `${row.ageDays} d`,
    due(row.dueAt, now),
    paint(tones[row.state], row.state),
    row.destinations.join(" "),
  ]);
  const notes = rows.flatMap((row) => [
    ...(row.why && row.state !== "on request" ? [`  ${row.name}: ${row.why}`] : []),
    ...(row.previousUntil ? [`  ${row.name}: ${previous(row.previousUntil, now)}`] : []),
  ]);
  const table = columns(["secret", "class", "handling", "gen", "age", "due", "state", "where"], body);
  return notes.length > 0 ? `${table}\n\n${notes.join("\n")}` : table;
}

function previous(until: string, now: Date): string {
  const over = Date.parse(until) <= now.getTime();
  return over
    ? `the grace period of its previous value is over since ${until}; the next run ends it`
    : `its previous value is accepted until ${until}`;
}
