// A backend in a table of PostgreSQL.
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { PoolConfig } from "pg";
import { keyPrefix, parseAddress, type Store } from "./store.ts";

/** Where the state is, as an address says it. */
export interface PostgresPlace {
  /** A name that needs no quotes, for pulumi writes it into its statements as it is. */
  table: string;
  /** Before every key: the database's name and a slash. */
  prefix: string;
  client: PoolConfig;
}

/** Variables that pulumi's client (github.com/lib/pq 1.12, connector.go) goes by, and that nothing here looks at. */
const notUnderstood =
  /^PG(HOSTADDR|OPTIONS|SERVICE|SERVICEFILE|SSLCERT|SSLKEY|SSLNEGOTIATION|SSLSNI|TARGETSESSIONATTRS|LOADBALANCEHOSTS)$/;

/**
 * Reads an address as pulumi does (pkg/backend/diy/postgres/bucket.go: `table`, the rest is the client's) and its client
 * (lib/pq: the default of `sslmode` is `require`).
 * @param env of it PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE, PGSSLROOTCERT
 * @returns undefined when the address or the environment says anything that is not understood here
 */
export function parsePostgres(address: string, env: NodeJS.ProcessEnv): PostgresPlace | undefined {
  const { url, parameters } = parseAddress(address) ?? {};
  if (!url || !parameters || url.protocol !== "postgres:") return undefined;
  if (Object.keys(env).some((name) => notUnderstood.test(name))) return undefined;
  const understood = ["table", "prefix", "sslmode", "sslrootcert", "connect_timeout", "application_name"];
  if ([...parameters.keys()].some((name) => !understood.includes(name))) return undefined;
  const text = (given: string): string | undefined => decodeURIComponent(given) || undefined;
  const table = parameters.get("table") ?? "pulumi_state";
  const user = text(url.username) ?? env["PGUSER"];
  const database = text(url.pathname.slice(1)) ?? env["PGDATABASE"] ?? user;
  const host = text(url.hostname.replace(/^\[(.*)\]$/, "$1")) ?? env["PGHOST"] ?? "localhost";
  const port = Number(url.port || env["PGPORT"] || 5432);
  const waits = Number(parameters.get("connect_timeout") ?? 10);
  const prefix = keyPrefix(url, parameters);
  const ssl = tls(
    parameters.get("sslmode") ?? env["PGSSLMODE"] ?? "require",
    parameters.get("sslrootcert") ?? env["PGSSLROOTCERT"],
  );
  const plain = /^[A-Za-z_]\w*$/.test(table) && /^[\w.:-]+$/.test(host) && !database?.includes("/");
  if (!plain || !user || !database || ssl === undefined || prefix === undefined) return undefined;
  if (!Number.isInteger(port) || !Number.isInteger(waits) || waits < 1) return undefined;
  const password = text(url.password) ?? env["PGPASSWORD"];
  const client: PoolConfig = { host, port, user, database, ssl, connectionTimeoutMillis: waits * 1000 };
  if (password !== undefined) client.password = password;
  return { table, prefix, client };
}

/**
 * What Node is told of a mode (lib/pq, ssl.go): `require` takes any certificate unless an authority is named or lies where
 * libpq looks for one.
 */
function tls(mode: string, authority: string | undefined): PoolConfig["ssl"] {
  if (mode === "disable") return false;
  if (!["require", "verify-ca", "verify-full"].includes(mode)) return undefined;
  if (authority === "system") return mode === "verify-full" ? {} : undefined;
  const usual = join(homedir(), ".postgresql", "root.crt");
  const file = authority ?? (existsSync(usual) ? usual : undefined);
  if (file === undefined && mode === "require") return { rejectUnauthorized: false };
  if (file !== undefined && !existsSync(file)) return undefined;
  return {
    ...(file === undefined ? {} : { ca: readFileSync(file, "utf8") }),
    ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
  };
}

/**
 * The rows are (key, data, updated_at) with the bytes in base64 below `data.data` (pkg/backend/diy/postgres/bucket.go).
 * @returns undefined for an address that is not understood
 */
export async function openPostgres(address: string, env: NodeJS.ProcessEnv): Promise<Store | undefined> {
  const place = parsePostgres(address, env);
  if (!place) return undefined;
  const { default: pg } = await import("pg");
  const { table, prefix } = place;
  // A pool that is idle keeps no process alive.
  const pool = new pg.Pool({ ...place.client, max: 8, allowExitOnIdle: true, query_timeout: 30_000 });
  // A connection that breaks while it is idle is replaced by the next question.
  pool.on("error", () => undefined);
  const below = (start: string): string => `${(prefix + start).replaceAll(/[\\%_]/g, "\\$&")}%`;
  return {
    async read(key) {
      const sql = `select data->>'data' as bytes from ${table} where key = $1`;
      const [row] = (await pool.query<{ bytes: string }>(sql, [prefix + key])).rows;
      return row && Buffer.from(row.bytes, "base64");
    },
    async list(wanted) {
      const { rows } = await pool.query<{ key: string }>(`select key from ${table} where key like $1`, [below(wanted)]);
      return rows.map(({ key }) => key.slice(prefix.length));
    },
    async write(key, bytes) {
      const sql = `insert into ${table} (key, data) values ($1, $2)
        on conflict (key) do update set data = excluded.data, updated_at = now()`;
      await pool.query(sql, [prefix + key, JSON.stringify({ data: Buffer.from(bytes).toString("base64") })]);
    },
    async remove(key) {
      await pool.query(`delete from ${table} where key = $1`, [prefix + key]);
    },
    async removeAll(folder) {
      await pool.query(`delete from ${table} where key like $1`, [below(folder)]);
    },
  };
}
