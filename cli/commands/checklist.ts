// `rotate checklist`: the runbook's post-rotation checklist, carried out instead of read.
import { lookAround, type Seen } from "../checklist/checks.ts";
import { rows, windows, type ChecklistRow, type Window } from "../checklist/rows.ts";
import { columns, painter } from "../columns.ts";
import { exits, UsageError, type Command } from "../command.ts";

type Answer = Seen | { verdict: "person"; said: string };

export const checklist: Command = {
  summary: "the runbook's post-rotation checklist: what answers each row, and with --run the answers",
  help: `Usage: rotate checklist [--window ${windows.join("|")}] [--run] [--json] [--stack <name>]

The rows of the runbook's checklist after a rotation: 0 to 15 minutes (15m), 15 to 60 minutes (1h), 1 to 24 hours (24h),
and its documentation; rows that begin with + are not in the runbook. Without --run it shows what answers each row.
With --run it asks: health endpoints, the API with and without its key, the API's own tests (they send one real message
each, and one job), every destination, the audit trail. Nothing is changed. Rows that only a person can answer say so.

Exit codes: 0 done, and with --run nothing is wrong, 1 failed, 2 wrong usage, 3 with --run: something is wrong.`,
  options: { window: { type: "string" }, run: { type: "boolean" } },
  async run(call) {
    const { io, options } = call;
    const window = options["window"];
    if (window !== undefined && !windows.includes(window as Window))
      throw new UsageError(`--window is "${String(window)}"; give one of ${windows.join(", ")}`);
    if (call.names.length > 0)
      throw new UsageError(`"${call.names[0]}" is one word too many; type: rotate checklist --run`);
    const wanted = rows.filter((row) => window === undefined || row.window === window);
    if (!options["run"]) {
      const shown = wanted.map(({ window, row, by, check }) => ({ window, row, by, automatic: check !== undefined }));
      if (options["json"]) io.out(JSON.stringify(shown, undefined, 2));
      else
        io.out(
          columns(
            ["window", "row", "answered by"],
            wanted.map(({ window, row, by }) => [window, row, by]),
          ),
        );
      return exits.ok;
    }
    const around = await lookAround(call);
    const answers: [ChecklistRow, Answer][] = [];
    // One after another: they share the services that they ask.
    for (const row of wanted) {
      io.say(`${row.window}: ${row.row}`);
      answers.push([row, await answer(row, around)]);
    }
    const bad = answers.filter(([, { verdict }]) => verdict === "bad");
    if (options["json"])
      io.out(
        JSON.stringify(
          answers.map(([{ window, row }, { verdict, said }]) => ({ window, row, verdict, said })),
          undefined,
          2,
        ),
      );
    else {
      const paint = painter(io.colour);
      const tones = { good: "good", bad: "bad", unknown: "attention", person: "attention" } as const;
      const words = { good: "good", bad: "WRONG", unknown: "cannot tell", person: "a person" };
      io.out(
        columns(
          ["window", "row", "answer", "seen"],
          answers.map(([{ window, row }, { verdict, said }]) => [
            window,
            row,
            paint(tones[verdict], words[verdict]),
            said,
          ]),
        ),
      );
    }
    return bad.length > 0 ? exits.attention : exits.ok;
  },
};

async function answer(
  { check, by }: ChecklistRow,
  around: Parameters<NonNullable<ChecklistRow["check"]>>[0],
): Promise<Answer> {
  if (!check) return { verdict: "person", said: by.replace(/^a person[:,]? ?/, "") };
  try {
    return await check(around);
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string } };
    return { verdict: "bad", said: `${message}${cause?.code ? ` (${cause.code})` : ""}` };
  }
}
