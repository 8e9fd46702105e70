// Vault's KV version 2 as the memory of earlier values (developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2).
import { request, type Vendor } from "./http.ts";

export interface VaultEntry {
  /** For instance `https://vault.example.com:8200`. */
  address: string;
  token: string;
  mount: string;
  /** Below the mount: `visapi/JWT_SECRET`. */
  path: string;
}

export interface KeptVersion {
  version: number;
  value: string;
}

interface Listed {
  data?: { versions?: Record<string, { deletion_time?: string; destroyed?: boolean }> };
}
interface Read {
  data?: { data?: { value?: unknown; primary_key?: unknown; generation?: unknown } | null };
}

/**
 * The newest version that holds a generation of a secret; every version carries its generation beside its value.
 * @throws Error without any value when there is none, or when Vault has deleted or destroyed it
 */
export async function keptVersion(entry: VaultEntry, generation: number): Promise<KeptVersion> {
  const vendor: Vendor = {
    name: "Vault",
    baseUrl: entry.address.replace(/\/$/, ""),
    headers: { "x-vault-token": entry.token },
    tokenName: "VAULT_TOKEN",
    patienceSeconds: 20,
  };
  const where = `${entry.mount}/${entry.path}`;
  const versions = await versionsOf(vendor, entry, where);
  for (const { version } of versions.filter(({ gone }) => gone === "")) {
    const read = await request(vendor, {
      method: "GET",
      path: `/v1/${entry.mount}/data/${entry.path}?version=${version}`,
      purpose: `read version ${version} of ${where}`,
      accept: [404],
    });
    const data = (read.body as Read | null)?.data?.data;
    // A pair of keys has its value under another name.
    const value = data?.value ?? data?.primary_key;
    if (typeof value === "string" && Number(data?.generation) === generation) return { version, value };
  }
  const gone = versions.filter((each) => each.gone !== "");
  const lost = gone.length > 0 ? ` (${gone.map((each) => `version ${each.version} is ${each.gone}`).join(", ")})` : "";
  throw new Error(
    `Vault keeps no value of generation ${generation} at ${where}${lost}; it cannot be brought back. To get away from the current value, rotate to a new one: rotate emergency --secret ${entry.path.split("/").pop()} --reason "..."`,
  );
}

/** All versions that Vault lists still, the newest first. */
async function versionsOf(
  vendor: Vendor,
  { mount, path }: VaultEntry,
  where: string,
): Promise<{ version: number; gone: string }[]> {
  const listed = await request(vendor, {
    method: "GET",
    path: `/v1/${mount}/metadata/${path}`,
    purpose: `list the versions of ${where}`,
    accept: [404],
  });
  return Object.entries((listed.body as Listed | null)?.data?.versions ?? {})
    .map(([version, { deletion_time = "", destroyed = false }]) => ({
      version: Number(version),
      gone: destroyed ? "destroyed" : deletion_time !== "" && Date.parse(deletion_time) <= Date.now() ? "deleted" : "",
    }))
    .sort((a, b) => b.version - a.version);
}
