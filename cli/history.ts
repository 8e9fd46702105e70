// What has happened to the stack, as commands that show history read it.
import type { AuditRecord } from "../provider/audit/record.ts";
import { openAudit, readTrail } from "./audit.ts";
import type { Call } from "./command.ts";
import type { State } from "./engine.ts";

export interface History {
  /** Oldest first; empty where no trail is kept. */
  records: AuditRecord[];
  /** Why the trail could not be read; empty when it was, or is not kept. */
  problem: string;
}

/** Reads the whole trail. What cannot be read is told, not thrown: the rest is worth showing. */
export async function history({ engine, io }: Call, state: State): Promise<History> {
  try {
    const audit = await openAudit(engine, io, state);
    return { records: audit ? await readTrail(audit) : [], problem: "" };
  } catch (error) {
    const problem = `There is no history of rotations: ${(error as Error).message}`;
    io.say(problem);
    return { records: [], problem };
  }
}
