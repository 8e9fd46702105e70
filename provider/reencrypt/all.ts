// Everything that a transit key has encrypted, as an application declares it: columns of its database and fields in
// Vault's KV. One way to bring all of it to a version, one to prove that nothing older is left.
import pg from "pg";
import type { Vault } from "../vendors/vault.ts";
import { CipherColumn, labelOf, type Column } from "./column.ts";
import { olderFields, rewrapEntry, type Entry } from "./entries.ts";
import { count, Pace } from "./progress.ts";
import { walk } from "./walk.ts";

export interface Encrypted {
  mount: string;
  key: string;
  /** PostgreSQL connection string of a login that may read and update the columns; "" where there are none. */
  databaseUrl: string;
  tables: Column[];
  kv: Entry[];
  /** Rows in one batch, 1 to 5000. */
  batchSize: number;
  /** Rows per second at most, 0: as fast as it goes. */
  rowsPerSecond: number;
}

export type Client = Pick<Vault, "read" | "write" | "rewrap">;

/**
 * Re-encrypts whatever is older than the version. What is done stays done, however it ends.
 * @returns how many rows and entries were changed
 * @throws when something cannot be re-encrypted, after everything else was
 */
export async function reencrypt(
  vault: Client,
  all: Encrypted,
  version: number,
  tell: (line: string) => void,
): Promise<{ rows: number; entries: number }> {
  const changed = { rows: 0, entries: 0 };
  const problems: string[] = [];
  const attempt = async (step: () => Promise<void>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      problems.push((error as Error).message);
    }
  };
  for (const entry of all.kv)
    await attempt(async () => {
      if (await rewrapEntry(vault, { mount: all.mount, key: all.key, version }, entry)) changed.entries++;
    });
  const pace = new Pace(all.rowsPerSecond);
  await withDatabase(all, async (client) => {
    for (const table of all.tables)
      await attempt(async () => {
        const rewrap = (items: Parameters<Client["rewrap"]>[2]) => vault.rewrap(all.mount, all.key, items);
        const column = await CipherColumn.open(client, table);
        changed.rows += await walk(column, { version, rewrap, pace, batchSize: all.batchSize, tell });
      });
  });
  if (problems.length) throw new Error(problems.join(" "));
  return changed;
}

/** Where ciphertexts are left that a minimum of this version would make unreadable; empty when there are none. */
export async function leftovers(vault: Client, all: Encrypted, version: number): Promise<string[]> {
  const left: string[] = [];
  for (const entry of all.kv) {
    const fields = await olderFields(vault, entry, version);
    if (fields.length) left.push(`${entry.mount}/${entry.path} in Vault (${fields.join(", ")})`);
  }
  await withDatabase(all, async (client) => {
    for (const table of all.tables) {
      const rows = await (await CipherColumn.open(client, table)).older(version);
      if (rows) left.push(`${labelOf(table)} (${count(rows)} rows)`);
    }
  });
  return left;
}

async function withDatabase(all: Encrypted, use: (client: pg.Client) => Promise<void>): Promise<void> {
  if (all.tables.length === 0) return;
  const client = new pg.Client({
    connectionString: all.databaseUrl,
    connectionTimeoutMillis: 15_000,
    application_name: "secret-rotation",
    keepAlive: true,
  });
  // A connection that is lost fails the query that is running; this keeps it from ending the plugin as well.
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw new Error(
      `The database with the encrypted columns cannot be used (${(error as { code?: string }).code ?? "no answer"}). Check that it runs, and the login it is given.`,
      { cause: error },
    );
  }
  try {
    await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
