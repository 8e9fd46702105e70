// All that the metrics and the report are made of, read once.
import { factsOf, type Facts, type Update } from "../metrics/facts.ts";
import { entriesOf, type Entries } from "../metrics/reads.ts";
import { stackOf } from "../provider/audit/run.ts";
import type { ReportData, Run } from "../report/data.ts";
import { gather } from "../report/gather.ts";
import type { Call } from "./command.ts";
import { withDrift, type Noted } from "./drift.ts";
import { history } from "./history.ts";
import { readInventory } from "./inventory.ts";
import { updates } from "./updates.ts";

export interface Known {
  facts: Facts;
  report: ReportData;
  /** Where the secrets are in Vault. */
  entries: Entries;
  /** Why something could not be read; empty when all could. */
  problem: string;
}

/** @throws Failure or UsageError when the stack cannot be read */
export async function known(call: Call, now: Date): Promise<Known> {
  const state = await call.engine.state();
  const [{ records, problem }, past] = await Promise.all([history(call, state), updates(call.engine)]);
  const rows = withDrift(readInventory(state, now), await call.engine.config<Noted>("drifted"));
  const urn = state.resources.find(({ urn }) => urn.startsWith("urn:pulumi:"))?.urn;
  const stack = urn ? (stackOf(urn).split("/").pop() ?? "") : "no resources yet";
  const report = gather(stack, rows, records, now);
  if (records.length === 0) report.runs = past.filter(({ ended }) => ended !== "").map(runOf);
  return { facts: factsOf(stack, state, rows, past, report.runs, now), report, entries: entriesOf(state), problem };
}

/** What the backend knows of a run: that it took place. */
function runOf({ began, ended, succeeded }: Update): Run {
  return {
    id: began,
    at: new Date(began).toISOString(),
    by: "",
    why: "",
    result: succeeded ? "done" : "failed",
    seconds: (Date.parse(ended) - Date.parse(began)) / 1000,
    phases: {},
    secrets: [],
  };
}
