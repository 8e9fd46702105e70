// Where Pulumi keeps its state.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The backend's folder; undefined where the state is not in files (S3, Postgres, Pulumi Cloud, ...). */
export function backendFolder(env: NodeJS.ProcessEnv): string | undefined {
  const url = env["PULUMI_BACKEND_URL"];
  if (!url?.startsWith("file://")) return undefined;
  const path = url.slice("file://".length).replace(/\?.*$/, "");
  return path.startsWith("~") ? join(homedir(), path.slice(1)) : path;
}

/**
 * Takes away files of metadata that were cut off: beside each of its own a backend of files keeps `<name>.attrs`, which it
 * writes in two steps (gocloud.dev/blob/fileblob, setAttrs; not with `?metadata=skip`). A run that is killed between them
 * leaves one that makes the whole state unreadable, though nothing but its type and its checksum is lost.
 * @returns how many there were
 */
export function mendMetadata(folder: string): number {
  return removeFiles(join(folder, ".pulumi", "stacks"), ".attrs", (file) => {
    try {
      JSON.parse(readFileSync(file, "utf8"));
      return false;
    } catch {
      return true;
    }
  });
}

/** Removes the files below a folder that end so and are found wanting. @returns how many there were */
export function removeFiles(folder: string, ending: string, wanting: (file: string) => boolean): number {
  if (!existsSync(folder)) return 0;
  const found = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .filter(wanting);
  for (const file of found) rmSync(file, { force: true });
  return found.length;
}
