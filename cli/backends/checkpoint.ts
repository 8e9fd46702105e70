// A stack's state in a self-managed backend, as Pulumi lays it out (github.com/pulumi/pulumi pkg/backend/diy/state.go).
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Deployment, Typed } from "../journal/entries.ts";
import type { Store } from "./store.ts";

interface Packing {
  pack(bytes: Buffer): Buffer;
  unpack(bytes: Buffer): Buffer;
}

const packings: Record<string, Packing> = {
  ".json": { pack: (bytes) => bytes, unpack: (bytes) => bytes },
  ".json.gz": { pack: (bytes) => gzipSync(bytes), unpack: (bytes) => gunzipSync(bytes) },
  ".json.zst": { pack: (bytes) => zstdCompressSync(bytes), unpack: (bytes) => zstdDecompressSync(bytes) },
};

/** A state as it lies in a backend. */
export interface Checkpoint {
  /** Like `.json.gz`: what it is packed with. */
  ending: string;
  bytes: Buffer;
  /** Undefined for a stack that was made and has never run. */
  typed: Typed | undefined;
}

/** One update as `pulumi stack history` tells it (pkg/backend/updates.go). */
export interface Update {
  kind: "update";
  /** Seconds since 1970, UTC, like `endTime`. */
  startTime: number;
  endTime: number;
  message: string;
  environment: Record<string, string>;
  /** What is secret of it is encrypted. */
  config: Record<string, unknown>;
  version: 0;
  result: "succeeded" | "failed";
  resourceChanges?: Record<string, number>;
}

/**
 * @returns undefined for a stack that is not there, or lies there twice: the compression was changed, and which one counts
 * is Pulumi's to say
 * @throws Error when the store cannot be asked, or the bytes are no state
 */
export async function readCheckpoint(store: Store, project: string, stack: string): Promise<Checkpoint | undefined> {
  const base = `.pulumi/stacks/${project}/${stack}`;
  const keys = await store.list(`${base}.json`);
  const [ending, another] = Object.keys(packings).filter((each) => keys.includes(base + each));
  const bytes = ending !== undefined && another === undefined ? await store.read(base + ending) : undefined;
  if (ending === undefined || !bytes) return undefined;
  const { version, features, checkpoint } = JSON.parse(unpack(ending, bytes)) as {
    version: number;
    features?: string[];
    checkpoint?: { latest?: Deployment };
  };
  const deployment = checkpoint?.latest;
  return { ending, bytes, typed: deployment && { version, ...(features ? { features } : {}), deployment } };
}

/**
 * Puts a state in the place of another, which is kept beside it as Pulumi does.
 * @throws Error when the store cannot be written; then one of the two is there, whole
 */
export async function writeCheckpoint(
  store: Store,
  { project, stack, before }: { project: string; stack: string; before: Checkpoint },
  { version, features, deployment }: Typed,
): Promise<Checkpoint> {
  const checkpoint = { stack: `organization/${project}/${stack}`, latest: deployment };
  const text = JSON.stringify({ version, ...(features ? { features } : {}), checkpoint });
  const bytes = (packings[before.ending] as Packing).pack(Buffer.from(text));
  const key = `.pulumi/stacks/${project}/${stack}${before.ending}`;
  await store.write(`${key}.bak`, before.bytes);
  await store.write(key, bytes);
  return { ending: before.ending, bytes, typed: { version, ...(features ? { features } : {}), deployment } };
}

/** Adds to the stack's history, and keeps a copy of the state, as Pulumi does. @throws Error when the store cannot be written */
export async function writeHistory(
  store: Store,
  { project, stack, after }: { project: string; stack: string; after: Checkpoint },
  update: Update,
): Promise<void> {
  const nanoseconds = `${Date.now()}${String(process.hrtime()[1] % 1_000_000).padStart(6, "0")}`;
  const { ending, bytes } = after;
  const entry = (packings[ending] as Packing).pack(Buffer.from(JSON.stringify(update)));
  const history = `.pulumi/history/${project}/${stack}/${stack}-${nanoseconds}`;
  await store.write(`${history}.history${ending}`, entry);
  await store.write(`${history}.checkpoint${ending}`, bytes);
  await store.write(`.pulumi/backups/${project}/${stack}/${stack}.${nanoseconds}${ending}`, bytes);
}

function unpack(ending: string, bytes: Buffer): string {
  return (packings[ending] as Packing).unpack(bytes).toString("utf8");
}
