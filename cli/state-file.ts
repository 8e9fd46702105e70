// The state of a stack on a self-managed backend, read as it lies there: for questions that are asked often, and need no
// engine.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openStore, type Store } from "./backends/store.ts";
import { repository, type State } from "./engine.ts";
import { standing, type Place } from "./journal/journaled.ts";
import { hashOf, journalFolder } from "./journal/notebook.ts";

export interface StateFile {
  state: State;
  /** SHA-256 of the bytes as they lie there, hex. */
  hash: string;
}

/** The project's name, from its Pulumi.yaml. */
export function projectName(env: NodeJS.ProcessEnv): string | undefined {
  const text = readFileSync(join(env["PULUMI_OPTION_CWD"] ?? repository, "Pulumi.yaml"), "utf8");
  return /^name:\s*"?([\w.-]+)"?\s*$/m.exec(text)?.[1];
}

/** Where a stack's state lies; undefined where that is for Pulumi alone to know. */
export async function placeOf(env: NodeJS.ProcessEnv, stack: string): Promise<Place | undefined> {
  const store = await openStore(env);
  const project = projectName(env);
  return store && project ? { store, project, stack } : undefined;
}

/**
 * @returns undefined when the backend cannot be asked, there is no such state, or nothing can be made of it: then Pulumi
 * itself is to be asked
 */
export async function readStateFile(env: NodeJS.ProcessEnv, stack: string): Promise<StateFile | undefined> {
  try {
    const place = await placeOf(env, stack);
    return place && (await readState(place.store, place.project, stack));
  } catch {
    return undefined;
  }
}

/**
 * The same, from a store, with what a run that died has left in its journal.
 * @throws Error when that cannot be asked, or the bytes are no state
 */
export async function readState(store: Store, project: string, stack: string): Promise<StateFile | undefined> {
  const found = await standing({ store, project, stack });
  if (!found?.typed) return undefined;
  const { resources = [], pending_operations: pending = [] } = found.typed.deployment;
  return {
    state: { resources: resources, pending: pending.map(({ resource }) => resource.urn) },
    hash: hashOf(found.before.bytes),
  };
}

/** Whether a run has, or had when it died, the stack. @throws Error when the store cannot be asked */
export async function isLocked(store: Store, project: string, stack: string): Promise<boolean> {
  const folders = [`.pulumi/locks/organization/${project}/${stack}/`, journalFolder(project, stack)];
  return (await Promise.all(folders.map((folder) => store.list(folder)))).some((keys) => keys.length > 0);
}
