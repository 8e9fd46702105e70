// Past updates of the stack, as its backend remembers them.
import type { Update } from "../metrics/facts.ts";
import type { Engine } from "./engine.ts";

interface Entry {
  kind?: string;
  startTime?: string;
  endTime?: string;
  result?: string;
}

/** How many are asked for: the last one that ended is among them, whatever previews and refreshes came since. */
const pageSize = 50;

/** Newest first; empty for a stack that never ran. Of the configuration that comes along nothing is looked at. */
export async function updates(engine: Engine): Promise<Update[]> {
  const ran = await engine.run(["stack", "history", "--json", "--page-size", String(pageSize)]);
  if (ran.code !== 0) return [];
  const entries = JSON.parse(ran.stdout || "[]") as Entry[];
  return entries
    .filter(({ kind }) => kind === "update")
    .map(({ startTime = "", endTime = "", result }) => ({
      began: startTime,
      ended: result === "in-progress" ? "" : endTime,
      succeeded: result === "succeeded",
    }));
}
