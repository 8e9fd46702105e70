// What IntelliFlow's services read from their environment, once, at the start of a pod. The key set alone is a mounted
// file, which Kubernetes brings up to date while the pod runs.
import { randomUUID } from "node:crypto";
import type { Environment } from "../proof.ts";

export interface Config {
  databaseUrl: string | undefined;
  /** PKCS#8 PEM; only the API signs. */
  privateKey: string | undefined;
  /** Names the key in the header of tokens. */
  kid: string | undefined;
  vaultAddress: string | undefined;
  /** May encrypt and decrypt, and nothing else of it is used here. */
  vaultToken: string | undefined;
  /** Where the ConfigMap with the JWKS document is mounted. */
  jwksFile: string | undefined;
  /** Base URL of the API, for the web service. */
  apiUrl: string | undefined;
  /** Seconds for which a verifier goes on with the key set that it has fetched. @default 600 */
  jwksCacheSeconds: number;
  instance: string;
  startedAt: Date;
  env: Environment;
}

/** What a pod may be asked to prove: whatever comes from a Secret of the rotation. */
export function provable(env: Environment): string[] {
  return Object.keys(env).filter((name) => /^(DATABASE|JWT|OPENAI|ANTHROPIC|STRIPE)_\w+$/.test(name));
}

/** Reads the settings; an empty variable counts as absent. */
export function readConfig(env: Environment): Config {
  const read = (name: string): string | undefined => env[name] || undefined;
  const file = read("JWKS_FILE");
  return {
    databaseUrl: read("DATABASE_URL"),
    privateKey: read("JWT_PRIVATE_KEY"),
    kid: read("JWT_KID"),
    vaultAddress: read("VAULT_ADDR"),
    vaultToken: read("VAULT_TOKEN"),
    // As in host processes on Windows nodes, mounts are found below this folder.
    jwksFile: file && `${env["CONTAINER_SANDBOX_MOUNT_POINT"] ?? ""}${file}`,
    apiUrl: read("API_URL"),
    jwksCacheSeconds: Number(read("JWKS_CACHE_SECONDS") ?? 600),
    instance: read("POD_INSTANCE") ?? randomUUID(),
    startedAt: new Date(),
    env,
  };
}
