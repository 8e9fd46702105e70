// Vault's HTTP API, as far as no published provider covers it: KV v2 as a reader sees it, and transit
// (developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 and .../transit).
import { request, VendorError, type Call, type Reply, type Vendor } from "./http.ts";

export interface KvEntry {
  data: Record<string, unknown>;
  version: number;
  /** The entry's custom metadata. */
  custom?: Record<string, string>;
  /** RFC 3339, by Vault's clock. */
  writtenAt?: string;
}

export interface KvVersion {
  version: number;
  /** Deleted ones can be brought back, destroyed ones cannot. */
  state: "readable" | "deleted" | "destroyed";
}

export interface KvMetadata {
  /** 0 when the entry was never written. */
  currentVersion: number;
  /** How many versions the entry keeps; 0: what the mount says. */
  maxVersions: number;
  /** What is written beside it. */
  custom?: Record<string, string>;
  /** Those that are listed still, oldest first. */
  versions: KvVersion[];
}

export interface TransitKey {
  latestVersion: number;
  minDecryptionVersion: number;
  minEncryptionVersion: number;
  derived: boolean;
}

export interface RewrapItem {
  ciphertext: string;
  /** Base64; for derived keys, then in every item. */
  context?: string;
}

/** One answer for each item, in order. */
export type Rewrapped = { ciphertext: string } | { error: string };

/** How Vault is called: its address, the token and the namespace that go with every call. */
export function vaultVendor(address: string, token: string, patienceSeconds: number, namespace?: string): Vendor {
  return {
    name: "Vault",
    baseUrl: `${address.replace(/\/$/, "")}/v1`,
    headers: { "x-vault-token": token, ...(namespace ? { "x-vault-namespace": namespace } : {}) },
    tokenName: "VAULT_TOKEN",
    patienceSeconds,
  };
}

export class Vault {
  readonly #vendor: Vendor;
  constructor(address: string, token: string, patienceSeconds: number, namespace?: string) {
    this.#vendor = vaultVendor(address, token, patienceSeconds, namespace);
  }

  /** A version of an entry, the latest unless one is named; `undefined` when there is none that can be read. */
  async read(mount: string, path: string, version = 0): Promise<KvEntry | undefined> {
    const query = version ? `?version=${version}` : "";
    const reply = await this.#call("GET", `/${mount}/data/${path}${query}`, `read ${mount}/${path}`, { accept: [404] });
    interface Metadata {
      version: number;
      created_time?: string;
      custom_metadata?: Record<string, string> | null;
    }
    const { data } = (reply.body ?? {}) as { data?: { data: KvEntry["data"] | null; metadata: Metadata } };
    if (reply.status === 404 || !data?.data) return undefined;
    const { version: written, created_time: at = "", custom_metadata: custom } = data.metadata;
    return { data: data.data, version: written, custom: custom ?? {}, writtenAt: at };
  }

  /**
   * Writes all fields of an entry as its next version.
   * @param cas the version that is replaced
   * @returns false when another write was faster: nothing was written
   */
  async write(mount: string, path: string, data: KvEntry["data"], cas: number): Promise<boolean> {
    const reply = await this.#call("POST", `/${mount}/data/${path}`, `write ${mount}/${path}`, {
      body: { data, options: { cas } },
      accept: [400],
      // A repetition after a lost reply would only fail its compare-and-set.
      repeatable: true,
    });
    if (reply.status !== 400) return true;
    if (errorsIn(reply).some((error) => error.includes("check-and-set"))) return false;
    throw new VendorError(`Vault refused to write ${mount}/${path}: ${errorsIn(reply).join("; ")}`, 400);
  }

  /** Sets custom metadata of an entry that exists; its versions stay as they are. Never a value. */
  async describe(mount: string, path: string, custom: Record<string, string>): Promise<void> {
    await this.#call("POST", `/${mount}/metadata/${path}`, `describe ${mount}/${path}`, {
      body: { custom_metadata: custom },
      repeatable: true,
    });
  }

  /** Brings versions back that were deleted; destroyed ones stay away. */
  async undelete(mount: string, path: string, versions: number[]): Promise<void> {
    await this.#call("POST", `/${mount}/undelete/${path}`, `bring versions of ${mount}/${path} back`, {
      body: { versions },
      repeatable: true,
    });
  }

  async metadata(mount: string, path: string): Promise<KvMetadata | undefined> {
    const purpose = `read the metadata of ${mount}/${path}`;
    const reply = await this.#call("GET", `/${mount}/metadata/${path}`, purpose, { accept: [404] });
    if (reply.status === 404) return undefined;
    const { data } = reply.body as {
      data: {
        current_version: number;
        max_versions: number;
        custom_metadata?: Record<string, string> | null;
        versions: Record<string, { deletion_time: string; destroyed: boolean }> | null;
      };
    };
    return {
      currentVersion: data.current_version,
      maxVersions: data.max_versions,
      custom: data.custom_metadata ?? {},
      versions: Object.entries(data.versions ?? {})
        .map(([version, { deletion_time, destroyed }]) => ({
          version: Number(version),
          state: destroyed
            ? ("destroyed" as const)
            : isPast(deletion_time)
              ? ("deleted" as const)
              : ("readable" as const),
        }))
        .sort((a, b) => a.version - b.version),
    };
  }

  /** How many versions the mount keeps where an entry says nothing. */
  async maxVersions(mount: string): Promise<number> {
    const reply = await this.#call("GET", `/${mount}/config`, `read the settings of the mount "${mount}"`, {
      accept: [403],
    });
    // 0, like a token that may not look, stands for Vault's own default.
    return (reply.body as { data?: { max_versions: number } } | null)?.data?.max_versions || 10;
  }

  /** Names directly below a folder of a KV v2 mount; folders end in a slash. Empty when there is none. */
  async list(mount: string, path: string): Promise<string[]> {
    const reply = await this.#call("GET", `/${mount}/metadata/${path}?list=true`, `list ${mount}/${path}`, {
      accept: [404],
    });
    return reply.status === 404 ? [] : ((reply.body as { data?: { keys?: string[] } }).data?.keys ?? []);
  }

  /** @param inputs base64; @returns `vault:v<version>:<signature>` for each, in order */
  async sign(mount: string, key: string, inputs: string[]): Promise<string[]> {
    const reply = await this.#call("POST", `/${mount}/sign/${key}`, `sign with ${mount}/${key}`, {
      body: { batch_input: inputs.map((input) => ({ input })) },
      accept: [400],
      repeatable: true,
    });
    const results = (reply.body as { data?: { batch_results?: { signature?: string }[] } } | null)?.data?.batch_results;
    const signatures = results?.flatMap(({ signature }) => signature ?? []) ?? [];
    if (signatures.length === inputs.length) return signatures;
    throw new VendorError(
      `Vault did not sign with ${mount}/${key}: ${errorsIn(reply).join("; ") || "an answer without signatures"}. It must be of type ed25519: vault write -f ${mount}/keys/${key} type=ed25519`,
      reply.status,
    );
  }

  /** The public halves of all versions of an asymmetric transit key, base64, by version. */
  async publicKeys(mount: string, key: string): Promise<Map<string, string>> {
    const reply = await this.#call("GET", `/${mount}/keys/${key}`, `read the transit key ${mount}/${key}`, {
      accept: [404],
    });
    const { keys = {} } = (reply.body as { data?: { keys?: Record<string, { public_key?: string }> } }).data ?? {};
    const found = Object.entries(keys).flatMap(([version, { public_key: half }]) =>
      half ? [[version, half] as const] : [],
    );
    if (found.length > 0) return new Map(found);
    throw new VendorError(
      `Vault has no key pair "${key}" at ${mount}/. Make it with: vault write -f ${mount}/keys/${key} type=ed25519`,
      reply.status,
    );
  }

  async transitKey(mount: string, key: string): Promise<TransitKey> {
    const reply = await this.#call("GET", `/${mount}/keys/${key}`, `read the transit key ${mount}/${key}`, {
      accept: [404],
    });
    if (reply.status === 404)
      throw new VendorError(
        `Vault has no transit key "${key}" at ${mount}/. Make it with: vault write -f ${mount}/keys/${key}`,
        404,
      );
    const { data } = reply.body as { data: Record<string, unknown> };
    return {
      latestVersion: Number(data["latest_version"]),
      minDecryptionVersion: Number(data["min_decryption_version"]),
      minEncryptionVersion: Number(data["min_encryption_version"]),
      derived: data["derived"] === true,
    };
  }

  /** Adds a version. Each call adds one, so it is never repeated here: whoever calls it looks first. */
  async rotateTransitKey(mount: string, key: string): Promise<void> {
    await this.#call("POST", `/${mount}/keys/${key}/rotate`, `rotate the transit key ${mount}/${key}`, { body: {} });
  }

  /** @throws with Vault's own words when it refuses, for instance for a minimum of encryption below it */
  async setMinDecryptionVersion(mount: string, key: string, version: number): Promise<void> {
    const reply = await this.#call("POST", `/${mount}/keys/${key}/config`, `raise the minimum of ${mount}/${key}`, {
      body: { min_decryption_version: version },
      accept: [400],
      repeatable: true,
    });
    if (reply.status === 400)
      throw new VendorError(
        `Vault refused to raise the minimum of ${mount}/${key}: ${errorsIn(reply).join("; ")}`,
        400,
      );
  }

  /**
   * Encrypts ciphertexts anew under the latest version; no plaintext leaves Vault.
   * @param items at most what fits into 32 MB
   * @returns in the items' order; an item that cannot be decrypted is an `error` of its own
   */
  async rewrap(mount: string, key: string, items: RewrapItem[]): Promise<Rewrapped[]> {
    const reply = await this.#call(
      "POST",
      `/${mount}/rewrap/${key}`,
      `rewrap ${items.length} ciphertexts of ${mount}/${key}`,
      {
        body: { batch_input: items },
        // Some of a batch being wrong is answered with 400 and all results.
        accept: [400],
        repeatable: true,
      },
    );
    const results = (reply.body as { data?: { batch_results?: { ciphertext?: string; error?: string }[] } } | null)
      ?.data?.batch_results;
    if (!results || results.length !== items.length)
      throw new VendorError(
        `Vault refused to rewrap with ${mount}/${key}: ${errorsIn(reply).join("; ") || "an answer without results"}`,
        reply.status,
      );
    return results.map(({ ciphertext, error }) =>
      ciphertext ? { ciphertext } : { error: error ?? "neither a ciphertext nor an error came back" },
    );
  }

  #call(method: Call["method"], path: string, purpose: string, more: Partial<Call> = {}): Promise<Reply> {
    return request(this.#vendor, { method, path, purpose, ...more });
  }
}

/** Vault's own messages; they quote paths and reasons, never what was sent. */
function errorsIn({ body }: Reply): string[] {
  const { errors } = (body ?? {}) as { errors?: unknown };
  return Array.isArray(errors) ? errors.map(String) : [];
}

function isPast(time: string): boolean {
  return time !== "" && Date.parse(time) <= Date.now();
}
