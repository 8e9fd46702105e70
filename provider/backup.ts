// Whether what a rotation is about to replace can be had back.
import type { KvMetadata } from "./vendors/vault.ts";

/** In the metadata of every entry that the stack writes, under `managed-by`. */
export const managedBy = "secret-rotation";

/** An entry of Vault's KV v2. */
export interface Kept {
  mount: string;
  path: string;
}

/** What is asked of Vault. */
export interface Versions {
  metadata(mount: string, path: string): Promise<KvMetadata | undefined>;
  maxVersions(mount: string): Promise<number>;
}

/**
 * A stack that lost its state would make a new first value of everything, and nobody would look after the old ones.
 * @returns the generation that an entry holds, when a stack like ours wrote it; `undefined` for any other
 */
export async function madeBefore(
  vault: Pick<Versions, "metadata">,
  { mount, path }: Kept,
): Promise<string | undefined> {
  const found = await vault.metadata(mount, path);
  const current = found?.versions.find(({ version }) => version === found.currentVersion);
  if (found?.custom?.["managed-by"] !== managedBy || current?.state !== "readable") return undefined;
  return found.custom["generation"];
}

/**
 * KV v2 keeps earlier versions of an entry by itself, encrypted, under the same access rules and in the same backups of
 * Vault's storage, and `rotate rollback` writes one of them back as a new version. A copy elsewhere would only be one
 * more place that a value can leak from. So the versions are the backup, as long as the entry keeps more than one and
 * the current one is neither deleted nor destroyed: that is what is looked at here, before anything is replaced.
 * An entry that is not there yet has nothing to lose.
 * @returns why the current version could not be restored after the next write; `undefined` when it could
 */
export async function unrestorable(vault: Versions, { mount, path }: Kept): Promise<string | undefined> {
  const found = await vault.metadata(mount, path);
  if (!found || found.currentVersion === 0) return undefined;
  const { currentVersion, versions } = found;
  const state = versions.find(({ version }) => version === currentVersion)?.state;
  if (state === "deleted")
    return `version ${currentVersion} of ${mount}/${path} in Vault is deleted; bring it back with "vault kv undelete -mount=${mount} -versions=${currentVersion} ${path}"`;
  if (state !== "readable")
    return `version ${currentVersion} of ${mount}/${path} in Vault is destroyed; bring back an earlier one with "vault kv rollback -mount=${mount} -version=${currentVersion - 1} ${path}"`;
  const kept = found.maxVersions || (await vault.maxVersions(mount));
  return kept > 1
    ? undefined
    : `${mount}/${path} in Vault keeps one version only, so the current one would be lost; keep more with "vault kv metadata put -mount=${mount} -max-versions=10 ${path}"`;
}
