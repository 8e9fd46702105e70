// The state of a stack on a self-managed backend of files, read as it lies there: for questions that are asked often,
// and need no engine.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { createHash } from "node:crypto";
import { backendFolder } from "./backend.ts";
import { repository, type State, type StateResource } from "./engine.ts";

export interface StateFile {
  state: State;
  /** SHA-256 of the file as it lies there, hex. */
  hash: string;
}

const endings = { ".json": (bytes: Buffer) => bytes, ".json.gz": gunzipSync, ".json.zst": zstdDecompressSync };

/** The project's name, from its Pulumi.yaml. */
export function projectName(env: NodeJS.ProcessEnv): string | undefined {
  const text = readFileSync(join(env["PULUMI_OPTION_CWD"] ?? repository, "Pulumi.yaml"), "utf8");
  return /^name:\s*"?([\w.-]+)"?\s*$/m.exec(text)?.[1];
}

/** @returns undefined when there is no such file, or nothing can be made of it: then Pulumi itself is to be asked */
export function readStateFile(env: NodeJS.ProcessEnv, stack: string): StateFile | undefined {
  const folder = backendFolder(env);
  const project = projectName(env);
  if (!folder || !project) return undefined;
  const base = join(folder, ".pulumi", "stacks", project, stack);
  const found = Object.entries(endings).filter(([ending]) => existsSync(base + ending));
  const [first] = found;
  // Two of them: the compression was changed, and which one counts is Pulumi's to say.
  if (!first || found.length > 1) return undefined;
  try {
    const bytes = readFileSync(base + first[0]);
    const parsed = JSON.parse(first[1](bytes).toString("utf8")) as {
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
  } catch {
    return undefined;
  }
}

/** Whether a run has, or had when it died, the stack. */
export function isLocked(env: NodeJS.ProcessEnv, stack: string): boolean {
  const folder = backendFolder(env);
  const project = projectName(env);
  if (!folder || !project) return true;
  const locks = join(folder, ".pulumi", "locks", "organization", project, stack);
  return existsSync(locks) && readdirSync(locks).length > 0;
}
