// The user's cache: one folder per tool and version, complete or absent.
//
// What makes that so is the rename at the end of a build, and nothing else. The lock only saves work: it keeps two runs
// from building the same thing at once. Where it fails (a cache on a network drive, process ids of another container),
// both build, one rename wins, and both use what is there.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, type Owner, self } from "./owner.ts";

/**
 * The cache's folder: `$XDG_CACHE_HOME/secret-rotation`, or `~/.cache/secret-rotation`.
 * A relative `XDG_CACHE_HOME` is ignored, as the XDG base directory specification asks.
 */
export function cacheRoot(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment["XDG_CACHE_HOME"];
  const base = chosen !== undefined && isAbsolute(chosen) ? chosen : join(environment["HOME"] ?? homedir(), ".cache");
  return join(base, "secret-rotation");
}

export interface CacheOptions {
  /** The cache's folder. @default cacheRoot() */
  root?: string;
  /** The tool, as one path segment, e.g. `vault`. */
  tool: string;
  /** What this entry is of: version, machine, hash of the sources; one path segment. */
  key: string;
  /** Fills the empty folder that it is given. If it throws, nothing is kept. */
  build: (folder: string) => Promise<void>;
  /** Called about once a second while another run builds the same. */
  onWait?: (owner: Owner) => void;
}

export interface Entry {
  /** The absolute path of the complete entry. Nobody may write into it. */
  folder: string;
  /** Whether this call built it. */
  fresh: boolean;
}

/** The entry of a tool and key; built if it is not there, waited for if another living process builds it. */
export async function cached(options: CacheOptions): Promise<Entry> {
  const { tool, key } = options;
  for (const segment of [tool, key]) {
    if (!/^[\w][\w.@+-]*$/.test(segment)) throw new Error(`"${segment}" cannot name a cache entry`);
  }
  const shelf = join(options.root ?? cacheRoot(), tool);
  const folder = join(shelf, key);
  if (existsSync(folder)) return { folder, fresh: false };

  await mkdir(shelf, { recursive: true });
  const done = () => existsSync(folder);
  const locked = await withLock(join(shelf, `.${key}.lock`), { unless: done, onWait: options.onWait }, async () => {
    await sweep(shelf, key);
    const owner = await self();
    const unfinished = join(shelf, `.${key}.part-${owner.pid}-${owner.start}-${randomBytes(3).toString("hex")}`);
    await mkdir(unfinished);
    try {
      await options.build(unfinished);
      // Fails where another run was faster in spite of the lock; what it built is as good.
      await rename(unfinished, folder).catch((error: unknown) => {
        if (!existsSync(folder)) throw error;
      });
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
  });
  return { folder, fresh: locked };
}

export interface LockOptions {
  /** When this holds there is no need for the lock any more. @default never */
  unless?: () => boolean;
  onWait?: (owner: Owner) => void;
}

/**
 * Runs `work` while holding a lock file, waiting for a living owner and taking over from a dead one.
 * @returns whether `work` ran: `false` when `unless` came true first.
 */
export async function withLock(file: string, options: LockOptions, work: () => Promise<void>): Promise<boolean> {
  const owner = await self();
  for (let round = 0; ; round++) {
    if (options.unless?.()) return false;
    if (await take(file, owner)) break;
    const holder = await read(file);
    if (holder !== undefined && (await isAlive(holder))) {
      if (round % 5 === 0) options.onWait?.(holder);
      await sleep(200);
    } else {
      await discard(file, holder);
    }
  }
  try {
    // Whoever held the lock before may have finished between the check and the taking.
    if (options.unless?.()) return false;
    await work();
    return true;
  } finally {
    if ((await read(file))?.token === owner.token) await rm(file, { force: true });
  }
}

/** Makes the lock file with its content in one step, so that nobody ever reads a lock without an owner. */
async function take(file: string, owner: Owner): Promise<boolean> {
  const draft = `${file}.${owner.pid}-${randomBytes(3).toString("hex")}`;
  await writeFile(draft, JSON.stringify(owner), { mode: 0o644 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Moves a dead owner's lock away. What was moved is looked at again: if it is a new owner's, it is put back. */
async function discard(file: string, dead: Owner | undefined): Promise<void> {
  const aside = `${file}.dead-${randomBytes(3).toString("hex")}`;
  try {
    await rename(file, aside);
  } catch {
    return; // released, or moved by another that waits
  }
  const moved = await read(aside);
  if (moved !== undefined && moved.token !== dead?.token) await link(aside, file).catch(() => {});
  await rm(aside, { force: true });
}

async function read(file: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Owner;
  } catch {
    return undefined;
  }
}

/** Removes what killed runs left half-built of this entry. */
async function sweep(shelf: string, key: string): Promise<void> {
  const prefix = `.${key}.part-`;
  for (const name of await readdir(shelf)) {
    if (!name.startsWith(prefix)) continue;
    const [pid, start] = name.slice(prefix.length).split("-");
    if (pid === undefined || start === undefined) continue;
    if (await isAlive({ pid: Number(pid), start })) continue;
    await rm(join(shelf, name), { recursive: true, force: true });
  }
}
