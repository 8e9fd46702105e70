// IntelliFlow's PostgreSQL under the login of DATABASE_URL: customers, whose card numbers are ciphertexts of Vault.
import pg from "pg";

export interface Customer {
  id: number;
  name: string;
  /** `vault:v<N>:...`. */
  card: string;
}

export interface Database {
  /** Runs a query and tells the login it ran under. @throws when the database does not answer */
  check(): Promise<{ user: string }>;
  count(): Promise<number>;
  customers(after: number, limit: number): Promise<Customer[]>;
  add(name: string, card: string): Promise<number>;
  close(): Promise<void>;
}

/**
 * @param instance goes into `application_name`, so that `pg_stat_activity` shows whose session it is
 * @param log takes messages of connections lost while idle; never a value
 */
export function openDatabase(url: string, instance: string, log: (message: string) => void): Database {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: instance.slice(0, 63),
    max: 4,
    idleTimeoutMillis: 10_000,
    connectionTimeoutMillis: 3_000,
    query_timeout: 5_000,
  });
  // Without a listener a connection that the server ends would end the process.
  pool.on("error", (error) => log(`database connection lost: ${error.message}`));
  return {
    check: async () => {
      const { rows } = await pool.query<{ user: string }>('select session_user as "user"');
      return { user: rows[0]?.user ?? "" };
    },
    count: async () => {
      const { rows } = await pool.query<{ count: string }>("select count(*) from customers");
      return Number(rows[0]?.count);
    },
    customers: async (after, limit) => {
      const { rows } = await pool.query<Customer>(
        "select id, name, card from customers where id > $1 order by id limit $2",
        [after, limit],
      );
      return rows;
    },
    add: async (name, card) => {
      const { rows } = await pool.query<{ id: number }>(
        "insert into customers (name, card) values ($1, $2) returning id",
        [name, card],
      );
      return rows[0]?.id ?? 0;
    },
    close: () => pool.end(),
  };
}
