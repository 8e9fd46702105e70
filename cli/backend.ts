// Where Pulumi keeps its state.
import { homedir } from "node:os";
import { join } from "node:path";

/** The backend's folder; undefined where the state is not in files (S3, Postgres, Pulumi Cloud, ...). */
export function backendFolder(env: NodeJS.ProcessEnv): string | undefined {
  const url = env["PULUMI_BACKEND_URL"];
  if (!url?.startsWith("file://")) return undefined;
  const path = url.slice("file://".length).replace(/\?.*$/, "");
  return path.startsWith("~") ? join(homedir(), path.slice(1)) : path;
}
