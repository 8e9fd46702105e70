// The state of a stack on a self-managed backend, read as it lies there: for questions that are asked often, and need no
// engine.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { createHash } from "node:crypto";
import { openStore, type Store } from "./backends/store.ts";
import { repository, type State, type StateResource } from "./engine.ts";

export interface StateFile {
  state: State;
  /** SHA-256 of the bytes as they lie there, hex. */
  hash: string;
}

const endings = { ".json": (bytes: Buffer) => bytes, ".json.gz": gunzipSync, ".json.zst": zstdDecompressSync };

/** The project's name, from its Pulumi.yaml. */
export function projectName(env: NodeJS.ProcessEnv): string | undefined {
  const text = readFileSync(join(env["PULUMI_OPTION_CWD"] ?? repository, "Pulumi.yaml"), "utf8");
  return /^name:\s*"?([\w.-]+)"?\s*$/m.exec(text)?.[1];
}

/**
 * @returns undefined when the backend cannot be asked, there is no such state, or nothing can be made of it: then Pulumi
 * itself is to be asked
 */
export async function readStateFile(env: NodeJS.ProcessEnv, stack: string): Promise<StateFile | undefined> {
  try {
    const store = await openStore(env);
    const project = projectName(env);
    return store && project ? await readState(store, project, stack) : undefined;
  } catch {
    return undefined;
  }
}

/** The same, from a store. @throws Error when that cannot be asked, or the bytes are no state */
export async function readState(store: Store, project: string, stack: string): Promise<StateFile | undefined> {
  const base = `.pulumi/stacks/${project}/${stack}`;
  const keys = await store.list(`${base}.json`);
  const found = Object.entries(endings).filter(([ending]) => keys.includes(base + ending));
  const [first] = found;
  // Two of them: the compression was changed, and which one counts is Pulumi's to say.
  if (!first || found.length > 1) return undefined;
  const [ending, unpack] = first;
  const bytes = await store.read(base + ending);
  if (!bytes) return undefined;
  const parsed = JSON.parse(unpack(bytes).toString("utf8")) as {
    checkpoint?: { latest?: { resources?: StateResource[]; pending_operations?: { resource: { urn: string } }[] } };
  };
  const latest = parsed.checkpoint?.latest;
  if (!latest) return undefined;
  return {
    state: {
      resources: latest.resources ?? [],
      pending: (latest.pending_operations ?? []).map(({ resource }) => resource.urn),
    },
    hash: createHash("sha256").update(bytes).digest("hex"),
  };
}

/** Whether a run has, or had when it died, the stack. @throws Error when the store cannot be asked */
export async function isLocked(store: Store, project: string, stack: string): Promise<boolean> {
  return (await store.list(`.pulumi/locks/organization/${project}/${stack}/`)).length > 0;
}
