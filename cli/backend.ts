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
  const stacks = join(folder, ".pulumi", "stacks");
  if (!existsSync(stacks)) return 0;
  const cut = readdirSync(stacks, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".attrs"))
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
