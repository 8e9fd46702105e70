// The API's PostgreSQL: a pool under the login of DATABASE_URL and the little data the API serves.
import pg from "pg";

/** State of the pool, in connections. */
export interface PoolStatus {
  max: number;
  total: number;
  idle: number;
  waiting: number;
}

/** A workflow as `GET /api/v1/workflows` lists it. */
export interface Workflow {
  id: number;
  name: string;
  enabled: boolean;
}

/** What the routes need of the database. */
export interface Database {
  /** Runs a query and tells the login it ran under. @throws when the database does not answer */
  check(): Promise<{ user: string; latencyMs: number }>;
  /** @throws when the database does not answer; an absent table is an empty list */
  workflows(limit: number): Promise<Workflow[]>;
  pool(): PoolStatus;
  close(): Promise<void>;
}

const maxConnections = 5;
const undefinedTable = "42P01";

/**
 * Opens a pool and prepares the table.
 * @param url postgresql:// connection string
 * @param instance goes into `application_name`, so that `pg_stat_activity` shows whose session it is
 * @param log takes messages of connections lost while idle; never a value
 */
export function openDatabase(url: string, instance: string, log: (message: string) => void): Database {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: `visapi ${instance}`.slice(0, 63),
    max: maxConnections,
    idleTimeoutMillis: 10_000,
    connectionTimeoutMillis: 3_000,
    query_timeout: 5_000,
  });
  // Without a listener a connection that the server ends would end the process.
  pool.on("error", (error) => log(`database connection lost: ${error.message}`));

  // As applications migrate at their start. The table is a convenience: a login that may not create it still serves
  // what is there.
  const prepared = createWorkflows(pool, log);

  return {
    check: async () => {
      const started = performance.now();
      const result = await pool.query<{ user: string }>('select session_user as "user"');
      return { user: result.rows[0]?.user ?? "", latencyMs: Math.round(performance.now() - started) };
    },
    workflows: async (limit) => {
      await prepared;
      try {
        const found = await pool.query<Workflow>("select id, name, enabled from workflows order by id limit $1", [
          limit,
        ]);
        return found.rows;
      } catch (error) {
        if ((error as { code?: string }).code === undefinedTable) return [];
        throw error;
      }
    },
    pool: () => ({ max: maxConnections, total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  };
}

async function createWorkflows(pool: pg.Pool, log: (message: string) => void): Promise<void> {
  try {
    await pool.query(
      "create table if not exists workflows (id integer primary key, name text not null, enabled boolean not null)",
    );
    await pool.query(
      `insert into workflows (id, name, enabled)
       values (1, 'visa application received', true), (2, 'visa status changed', true), (3, 'document reminder', false)
       on conflict (id) do nothing`,
    );
  } catch (error) {
    log(`table workflows not prepared: ${(error as Error).message}`);
  }
}
