// Ciphertexts in fields of Vault's KV v2: rewrapped and written back with compare-and-set, so that a write in between
// is never undone. Older versions of an entry keep what they hold; they can be read no more once the minimum is raised.
import type { Vault } from "../vendors/vault.ts";

export interface Entry {
  mount: string;
  path: string;
  /** Fields with `vault:v<N>:...`; a field that is missing or holds anything else is left alone. */
  fields: string[];
}

type Client = Pick<Vault, "read" | "write" | "rewrap">;

/** @returns whether it was changed. @throws when a ciphertext cannot be decrypted, or others write it all the time */
export async function rewrapEntry(
  vault: Client,
  transit: { mount: string; key: string; version: number },
  entry: Entry,
): Promise<boolean> {
  const name = `${entry.mount}/${entry.path}`;
  for (let attempt = 1; attempt <= 5; attempt++) {
    const found = await vault.read(entry.mount, entry.path);
    if (!found) throw new Error(`There is no entry ${name} in Vault whose fields could be re-encrypted.`);
    const old = oldFields(found.data, entry.fields, transit.version);
    if (old.length === 0) return false;
    const results = await vault.rewrap(
      transit.mount,
      transit.key,
      old.map(({ ciphertext }) => ({ ciphertext })),
    );
    const data = { ...found.data };
    for (const [index, { field }] of old.entries()) {
      const result = results[index];
      if (!result || "error" in result)
        throw new Error(`Vault cannot re-encrypt the field ${field} of ${name}: ${result?.error ?? "no answer"}.`);
      data[field] = result.ciphertext;
    }
    if (await vault.write(entry.mount, entry.path, data, found.version)) return true;
  }
  throw new Error(`${name} in Vault was written by others each time it was re-encrypted. Run again.`);
}

/** The fields of an entry that a minimum of this version would make unreadable. */
export async function olderFields(vault: Pick<Vault, "read">, entry: Entry, version: number): Promise<string[]> {
  const found = await vault.read(entry.mount, entry.path);
  return oldFields(found?.data ?? {}, entry.fields, version).map(({ field }) => field);
}

function oldFields(data: Record<string, unknown>, fields: string[], version: number) {
  return fields.flatMap((field) => {
    const ciphertext = data[field];
    const has = typeof ciphertext === "string" ? /^vault:v(\d+):/.exec(ciphertext)?.[1] : undefined;
    return typeof ciphertext === "string" && has !== undefined && Number(has) < version ? [{ field, ciphertext }] : [];
  });
}
