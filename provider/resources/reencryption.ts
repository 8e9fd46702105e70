// Brings everything that a transit key has encrypted to its latest version, and proves it.
import { leftovers, reencrypt, type Encrypted } from "../reencrypt/all.ts";
import type { Settings } from "../settings.ts";
import type { CreateRequest, Failure, Properties, Resource } from "../wire/contract.ts";
import { hasUnknown, same, unknown } from "../wire/values.ts";
import { list, number, required, text } from "./inputs.ts";

/**
 * `rotation:vault:Reencryption`
 *
 * Inputs: `secret`, `mount` and `key` (the transit key), `version` (to re-encrypt to, or newer), `databaseUrl` (secret),
 * `tables` (`{table, key, column, context?}[]`, see `reencrypt/column.ts`), `kv` (`{mount, path, fields[]}[]`),
 * `batchSize` (1 to 5000; @default 500), `rowsPerSecond` (@default 0: as fast as it goes).
 * It runs when the version or what is declared changes. Killed at any point, the next run goes on with what is left:
 * the ciphertexts themselves say what is done.
 * Outputs: `version` (that nothing declared is older than), `rows` and `entries` (changed by the last run).
 */
export function reencryption(settings: Settings): Resource {
  const run = async ({ inputs, log }: CreateRequest): Promise<Properties> => {
    const [all, version, vault] = [encryptedOf(inputs), number(inputs, "version", 1), settings.vault()];
    const changed = await reencrypt(vault, all, version, log.info);
    const left = await leftovers(vault, all, version);
    if (left.length)
      throw new Error(
        `Ciphertexts older than version ${version} of ${all.mount}/${all.key} are left in ${left.join(", ")}. Nothing has ended; run again.`,
      );
    return { secret: inputs["secret"], version, ...changed };
  };
  const pending = (inputs: Properties): Properties => ({
    secret: inputs["secret"],
    version: inputs["version"],
    rows: unknown,
    entries: unknown,
  });
  return {
    token: "rotation:vault:Reencryption",
    check: ({ inputs }) => ({
      inputs,
      failures: [...required(inputs, "secret", "mount", "key", "version"), ...checkEncrypted(inputs)],
    }),
    diff: ({ oldInputs, inputs }) => ({
      changed: ["mount", "key", "version", "tables", "kv"].filter((name) => !same(oldInputs[name], inputs[name])),
    }),
    create: async (request) => ({
      id: `${text(request.inputs, "mount")}/${text(request.inputs, "key")}`,
      outputs: request.preview ? pending(request.inputs) : await run(request),
    }),
    update: async (request) => (request.preview ? pending(request.inputs) : run(request)),
    read: async ({ id, inputs, outputs }) => ({ id, inputs, outputs }),
    delete: async () => undefined,
  };
}

/** What is encrypted, from the inputs that both steps share. */
export function encryptedOf(inputs: Properties): Encrypted {
  return {
    mount: text(inputs, "mount"),
    key: text(inputs, "key"),
    databaseUrl: text(inputs, "databaseUrl"),
    tables: list<Properties>(inputs, "tables") as unknown as Encrypted["tables"],
    kv: list<Properties>(inputs, "kv") as unknown as Encrypted["kv"],
    batchSize: number(inputs, "batchSize", 500),
    rowsPerSecond: number(inputs, "rowsPerSecond", 0),
  };
}

/** What is wrong with it, before the first effect. */
export function checkEncrypted(inputs: Properties): Failure[] {
  if (hasUnknown(inputs["tables"]) || hasUnknown(inputs["kv"])) return [];
  const failures: Failure[] = [];
  const { tables, kv, batchSize, rowsPerSecond, databaseUrl } = encryptedOf(inputs);
  if (tables.length && databaseUrl === "" && !hasUnknown(inputs["databaseUrl"]))
    failures.push({ property: "databaseUrl", reason: "databaseUrl is missing, and there are tables to re-encrypt" });
  for (const [index, { table, key, column }] of tables.entries())
    if (![table, key, column].every((name) => typeof name === "string" && name !== ""))
      failures.push({
        property: `tables[${index}]`,
        reason: `tables[${index}] needs table, key and column, like { table: "orders", key: "id", column: "card" }`,
      });
  for (const [index, { mount, path, fields }] of kv.entries())
    if (typeof mount !== "string" || typeof path !== "string" || !Array.isArray(fields) || fields.length === 0)
      failures.push({
        property: `kv[${index}]`,
        reason: `kv[${index}] needs mount, path and fields, like { mount: "secret", path: "app/settings", fields: ["token"] }`,
      });
  if (!(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 5000))
    failures.push({ property: "batchSize", reason: `batchSize is ${batchSize}; give a whole number from 1 to 5000` });
  if (!(rowsPerSecond >= 0))
    failures.push({
      property: "rowsPerSecond",
      reason: `rowsPerSecond is ${rowsPerSecond}; give 0 for no limit, or more`,
    });
  return failures;
}
