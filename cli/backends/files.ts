// A backend of files.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Store } from "./store.ts";

/** Beside each of its own, a backend of files keeps a file of metadata (gocloud.dev/blob/fileblob; not with `?metadata=skip`). */
const metadata = ".attrs";

/** The backend's folder; undefined where the state is not in files (S3, Postgres, Pulumi Cloud, ...). */
export function backendFolder(env: NodeJS.ProcessEnv): string | undefined {
  const url = env["PULUMI_BACKEND_URL"];
  if (!url?.startsWith("file://")) return undefined;
  const path = url.slice("file://".length).replace(/\?.*$/, "");
  return path.startsWith("~") ? join(homedir(), path.slice(1)) : path;
}

/**
 * @param folder the backend's; nothing needs to be there yet
 * @param plain whether it keeps no metadata
 */
export function fileStore(folder: string, plain = false): Store {
  return {
    read: (key) => readFile(join(folder, key)).catch(absent),
    async list(prefix) {
      const below = prefix.slice(0, prefix.lastIndexOf("/") + 1);
      // Only a whole folder is gone through to its depth.
      const entries = await readdir(join(folder, below), {
        recursive: prefix === below,
        withFileTypes: true,
      }).catch(absent);
      return (entries ?? [])
        .filter((entry) => entry.isFile() && !entry.name.endsWith(metadata))
        .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, "/").length))
        .filter((key) => key.startsWith(prefix));
    },
    async write(key, bytes) {
      const file = join(folder, key);
      const draft = `${file}.${process.pid}`;
      const write = (): Promise<void> => writeFile(draft, bytes, { mode: 0o600 });
      await write().catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
        await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        await write();
      });
      await rename(draft, file);
      // The checksum in it is of what was there before.
      if (!plain) await rm(file + metadata, { force: true });
    },
    async remove(key) {
      for (const name of [key, key + metadata]) await rm(join(folder, name), { force: true });
    },
    removeAll: (below) => rm(join(folder, below), { recursive: true, force: true }),
  };
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw error;
}

/**
 * Takes away files of metadata that were cut off: they are written in two steps (fileblob, setAttrs). A run that is killed
 * between them leaves one that makes the whole state unreadable, though nothing but its type and its checksum is lost.
 * @returns how many there were
 */
export function mendMetadata(folder: string): number {
  const stacks = join(folder, ".pulumi", "stacks");
  if (!existsSync(stacks)) return 0;
  const cut = readdirSync(stacks, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(metadata))
    .map((name) => join(stacks, name))
    .filter((file) => {
      try {
        JSON.parse(readFileSync(file, "utf8"));
        return false;
      } catch {
        return true;
      }
    });
  for (const file of cut) rmSync(file, { force: true });
  return cut.length;
}
