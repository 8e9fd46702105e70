// Proves a new login by what an application does with it: connecting, reading, creating.
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** Poolers know a new password only after a refusal and some seconds. */
const poolerSeconds = 30;
const wrongPassword = "28P01";

/**
 * @param url connection string of the new login
 * @param owner role that its sessions must run as
 * @param checks statements that must work
 * @param creates whether to prove that `owner` owns what the login creates, by a temporary table
 * @param patient whether a refused password may only be news to a pooler
 * @throws with the statement that failed and what PostgreSQL said
 */
export async function proveLogin(
  url: string,
  owner: string,
  checks: string[],
  creates: boolean,
  patient: boolean,
): Promise<void> {
  const client = await connect(url, patient ? Date.now() + poolerSeconds * 1000 : 0);
  const run = async (sql: string): Promise<Record<string, unknown> | undefined> => {
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows[0];
    } catch (error) {
      throw new Error(`"${sql}" failed: ${(error as Error).message}`, { cause: error });
    }
  };
  try {
    const role = await run("select current_user");
    if (role?.["current_user"] !== owner)
      throw new Error(`its sessions run as ${String(role?.["current_user"])}, not as ${owner}`);
    for (const check of checks) await run(check);
    if (creates) {
      await run("begin");
      await run("create temporary table rotation_proof (id integer)");
      const table = await run(
        "select pg_get_userbyid(relowner) as owner from pg_class where oid = 'pg_temp.rotation_proof'::regclass",
      );
      await run("drop table rotation_proof");
      await run("rollback");
      if (table?.["owner"] !== owner)
        throw new Error(`what it creates belongs to ${String(table?.["owner"])}, not to ${owner}`);
    }
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function connect(url: string, deadline: number): Promise<pg.Client> {
  for (;;) {
    const client = new pg.Client({
      connectionString: url,
      application_name: "secret-rotation proof",
      connectionTimeoutMillis: 10_000,
      query_timeout: 20_000,
    });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      const { code, message } = error as { code?: string; message: string };
      if (code !== wrongPassword || Date.now() > deadline)
        throw new Error(`it cannot log in: ${message}${code ? ` (${code})` : ""}`, { cause: error });
      await sleep(2_000);
    }
  }
}
