// `rotate report`: one HTML page about the stack, for people.
import type { ReportData } from "../../report/data.ts";
import { writeReport } from "../../report/write.ts";
import { exits, Failure, type Command } from "../command.ts";
import { known } from "../facts.ts";

export const report: Command = {
  summary: "one HTML page: inventory, timeline, what is due, runs",
  help: `Usage: rotate report [--out <file>] [--json] [--stack <name>]

Writes one page that needs no server and no network: open it, print it, mail it. It shows the inventory, what is overdue
and what is next, a timeline of generations with their grace periods, and runs with where their time went. History comes
from the audit trail (rotation:audit). No vendor is asked, nothing is changed, no value is shown.

  --out <file>  where to write it (default: rotation-report.html); a file that is there is replaced
  --json        the page's data in place of the page

Exit codes: 0 written, 1 failed, 2 wrong usage, 3 written without the history, which could not be read.`,
  options: { out: { type: "string" } },
  async run(call) {
    const { io, options } = call;
    const { report: data, problem } = await known(call, io.now);
    if (options["json"]) io.out(JSON.stringify(data, undefined, 2));
    else io.out(written(data, typeof options["out"] === "string" ? options["out"] : "rotation-report.html"));
    return problem ? exits.attention : exits.ok;
  },
};

function written(data: ReportData, file: string): string {
  try {
    return writeReport(data, file);
  } catch (error) {
    throw new Failure(`The report could not be written: ${(error as Error).message}`);
  }
}
