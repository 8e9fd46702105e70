// Shapes of Pulumi Cloud's API (github.com/pulumi/pulumi sdk/go/common/apitype): what the service says and hears in them.
import type { Typed } from "./entries.ts";
import type { Place } from "./journaled.ts";
import type { Batch } from "./notebook.ts";

/** What a self-managed backend calls the owner of its stacks. */
export const owner = "organization";

/** The state of a stack that has never run. */
export const nothingYet: Typed = {
  version: 3,
  deployment: { manifest: { time: "0001-01-01T00:00:00Z", magic: "", version: "" } },
};

/** A stack as Pulumi Cloud describes it (apitype.Stack). */
export function described({ project, stack }: Place): object {
  return {
    id: stack,
    orgName: owner,
    projectName: project,
    stackName: stack,
    activeUpdate: "",
    tags: {},
    version: 0,
  };
}

/** How many resources changed, as the end of the events says it. */
export function changesIn(batches: readonly Batch[]): Record<string, number> | undefined {
  interface Sent {
    events: { summaryEvent?: { resourceChanges?: Record<string, number> } }[];
  }
  const events = batches.flatMap((bytes) => (JSON.parse(bytes().toString("utf8")) as Sent).events);
  return events.map(({ summaryEvent }) => summaryEvent?.resourceChanges).findLast((changes) => changes !== undefined);
}

/** A value of the configuration as files hold it; one that is secret is encrypted. */
export function plain({ string, secret, object }: { string: string; secret: boolean; object: boolean }): unknown {
  if (object) return JSON.parse(string);
  return secret ? { secure: string } : string;
}
