// The sandbox's Vault: initialised once with a single unseal key, unsealed at every start, KV v2 at `secret`, and an audit
// device that writes down every call (values in it are keyed hashes).
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import type { ManagedProcess, Supervisor } from "./process.ts";
import { answers, waitFor, writePrivate } from "./wait.ts";

/** What the server needs. */
export interface VaultOptions {
  supervisor: Supervisor;
  /** Folder of its data; created at the first start, reused afterwards. */
  dir: string;
  /** Executable that takes `-listen <address>` and `-data <folder>`. */
  binary: string;
  port: number;
  /** File (0600) that keeps the unseal key and the root token. */
  keysFile: string;
}

/** The running server. */
export interface Vault {
  address: string;
  /** What the audit device writes: one JSON object a line (developer.hashicorp.com/vault/docs/audit/file). */
  auditLog: string;
  process: ManagedProcess;
  rootToken: string;
  /** Makes it refuse everything until `unseal()`. */
  seal(): Promise<void>;
  unseal(): Promise<void>;
  /**
   * Stops it as SIGTERM does and starts it again on the same data, unsealed.
   * @param meanwhile what happens while it is away
   */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
  /**
   * One call of the HTTP API with the root token.
   * @param path below `/v1/`
   * @throws with status and Vault's messages when the answer is no 2xx
   */
  call<T>(method: string, path: string, body?: object): Promise<T>;
}

interface Keys {
  unsealKey: string;
  rootToken: string;
}

/** Path of the KV v2 engine. */
export const mountPath = "secret";

/** Starts, initialises (once) and unseals Vault. @throws when one of these fails */
export async function startVault(options: VaultOptions): Promise<Vault> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const address = `http://127.0.0.1:${options.port}`;
  const launch = (): Promise<ManagedProcess> =>
    options.supervisor.start({
      name: "vault",
      command: options.binary,
      args: ["-listen", `127.0.0.1:${options.port}`, "-data", options.dir],
      env: { PATH: "/usr/bin:/bin", HOME: options.dir },
      cwd: options.dir,
      ready: () => answers(`${address}/v1/sys/seal-status`, 500),
      readyTimeoutMs: 30_000,
    });
  let process = await launch();

  const request = async <T>(token: string | undefined, method: string, path: string, body?: object): Promise<T> => {
    const response = await fetch(`${address}/v1/${path}`, {
      method,
      headers: { "content-type": "application/json", ...(token ? { "x-vault-token": token } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    const data = (text ? JSON.parse(text) : {}) as T & { errors?: string[] };
    if (response.ok) return data;
    throw new Error(
      `Vault answered ${response.status} to ${method} ${path}: ${data.errors?.join("; ") ?? "no message"}`,
    );
  };

  const keys = await initialised(options.keysFile, request);
  const call = <T>(method: string, path: string, body?: object): Promise<T> =>
    request<T>(keys.rootToken, method, path, body);
  const unseal = async (): Promise<void> => {
    const { sealed } = await request<{ sealed: boolean }>(undefined, "PUT", "sys/unseal", { key: keys.unsealKey });
    if (sealed) throw new Error("Vault stays sealed although its one key was given");
    // Active only a moment after: until then it answers 503 or 429.
    await waitFor(() => answers(`${address}/v1/sys/health`), { what: "Vault to become active" });
  };
  await unseal();
  const auditLog = `${options.dir}-audit.log`;
  await enableAudit(call, auditLog);
  await mountKv(call);
  const restart = async (meanwhile?: () => Promise<void>): Promise<void> => {
    await process.stop();
    await meanwhile?.();
    process = await launch();
    await unseal();
  };
  return {
    address,
    auditLog,
    get process() {
      return process;
    },
    rootToken: keys.rootToken,
    unseal,
    seal: () => call("PUT", "sys/seal"),
    restart,
    call,
  };
}

type Request = <T>(token: string | undefined, method: string, path: string, body?: object) => Promise<T>;

async function initialised(file: string, request: Request): Promise<Keys> {
  const { initialized } = await request<{ initialized: boolean }>(undefined, "GET", "sys/init");
  if (initialized) {
    if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as Keys;
    throw new Error(
      `Vault's data is there but its keys are not: ${file} is missing. Remove the sandbox's folder to begin anew.`,
    );
  }
  const made = await request<{ keys_base64: [string]; root_token: string }>(undefined, "PUT", "sys/init", {
    secret_shares: 1,
    secret_threshold: 1,
  });
  const keys = { unsealKey: made.keys_base64[0], rootToken: made.root_token };
  writePrivate(file, JSON.stringify(keys));
  return keys;
}

async function enableAudit(call: Vault["call"], file: string): Promise<void> {
  const devices = await call<{ data: Record<string, unknown> }>("GET", "sys/audit");
  if ("file/" in devices.data) return;
  await call("PUT", "sys/audit/file", { type: "file", options: { file_path: file, mode: "0600" } });
}

async function mountKv(call: Vault["call"]): Promise<void> {
  const mounts = await call<{ data: Record<string, unknown> }>("GET", "sys/mounts");
  if (!(`${mountPath}/` in mounts.data)) {
    await call("POST", `sys/mounts/${mountPath}`, { type: "kv", options: { version: "2" } });
  }
  // A new KV v2 engine refuses calls while it sets itself up.
  let last: unknown;
  const configured = (): Promise<boolean> =>
    call("GET", `${mountPath}/config`).then(
      () => true,
      (error: unknown) => {
        last = error;
        return false;
      },
    );
  await waitFor(configured, { what: "Vault's KV engine" }).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}: ${(last as Error).message}`, { cause: error });
  });
}
