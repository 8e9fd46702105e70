// The sandbox's PostgreSQL: its own cluster in the sandbox's folder, reachable at 127.0.0.1 with SCRAM passwords only.
import { execFile } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { identityOf } from "./identity.ts";
import type { ManagedProcess, Supervisor } from "./process.ts";
import { unprivileged } from "./unprivileged.ts";

/** What the server needs. */
export interface PostgresOptions {
  supervisor: Supervisor;
  /** Folder of the cluster; created at the first start, reused afterwards. */
  dir: string;
  /** Folder with `initdb` and `postgres`. */
  bin: string;
  port: number;
  /** Password of the superuser `postgres`, set when the cluster is created. */
  superuserPassword: string;
  /** Login that the application starts with. */
  application: { user: string; password: string };
}

/** The running server. */
export interface Postgres {
  port: number;
  process: ManagedProcess;
  /** Connection string of the superuser, for the database `visapi` or the one given. */
  adminUrl(database?: string): string;
  /** Connection string of the application's first login. */
  applicationUrl: string;
  /** Runs one statement as superuser. */
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[], database?: string): Promise<Row[]>;
}

/** Name of the application's database. */
export const databaseName = "visapi";
/** Owner of everything in it: a role nobody logs in as, so that logins come and go without owning anything. */
export const ownerRole = "app_owner";

/** A connection string with every part percent-encoded. */
export function postgresUrl(user: string, password: string, port: number, database: string): string {
  return `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
}

/** Creates the cluster in a folder beside and moves it into place, so that an interrupted start leaves no half of one. */
async function createCluster(options: PostgresOptions): Promise<void> {
  const draft = `${options.dir}.new`;
  const passwordFile = `${options.dir}.password`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(passwordFile, options.superuserPassword, { mode: 0o600 });
    const runner = unprivileged(join(options.bin, "initdb"), [
      ...["-D", draft, "-U", "postgres", `--pwfile=${passwordFile}`, "--auth=scram-sha-256"],
      ...["--encoding=UTF8", "--locale=C", "--no-sync"],
    ]);
    if (runner.owner) chownSync(draft, runner.owner.uid, runner.owner.gid);
    await promisify(execFile)(runner.command, runner.args, { cwd: "/", env: { PATH: "/usr/bin:/bin" } });
  } catch (error) {
    const { message, stderr } = error as { message: string; stderr?: string };
    throw new Error(`initdb failed: ${stderr?.trim() || message}`, { cause: error });
  } finally {
    rmSync(passwordFile, { force: true });
  }
  const access = "host all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n";
  writeFileSync(join(draft, "pg_hba.conf"), `# Passwords for everybody; there are no local sockets.\n${access}`);
  renameSync(draft, options.dir);
}

/**
 * Removes the lock file of a server that was killed. PostgreSQL does so itself where no process has its number, but
 * takes a zombie for the server, and where nobody adopts orphans a killed server stays one.
 */
function forgetKilledServer(dir: string): void {
  const file = join(dir, "postmaster.pid");
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
  if (identityOf(pid) === undefined) rmSync(file, { force: true });
}

/**
 * Starts the server, with the database, its owner role and the application's first login.
 * @throws when the cluster cannot be created or the server does not start
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  if (!existsSync(join(options.dir, "PG_VERSION"))) await createCluster(options);
  forgetKilledServer(options.dir);
  const { port } = options;
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    password_encryption: "scram-sha-256",
    // The data is a plaything: a crash of the machine may lose it, a crash of the server may not.
    fsync: "off",
    synchronous_commit: "off",
    full_page_writes: "off",
    shared_buffers: "32MB",
    max_connections: "100",
    log_timezone: "UTC",
    timezone: "UTC",
    // Statements can carry passwords (CREATE ROLE), so none is ever logged.
    log_statement: "none",
    log_min_error_statement: "panic",
  };
  const runner = unprivileged(join(options.bin, "postgres"), [
    ...["-D", options.dir, "-p", String(port)],
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ]);

  const adminUrl = (database = databaseName): string =>
    postgresUrl("postgres", options.superuserPassword, port, database);
  const query = async <Row extends pg.QueryResultRow>(
    sql: string,
    values: unknown[] = [],
    database = databaseName,
  ): Promise<Row[]> => {
    const client = new pg.Client({ connectionString: adminUrl(database), connectionTimeoutMillis: 3_000 });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(sql, values)).rows;
    } finally {
      await client.end();
    }
  };
  const process = await options.supervisor.start({
    name: "postgres",
    command: runner.command,
    args: runner.args,
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    // A "fast" shutdown: SIGTERM would wait for every client to leave.
    stopSignal: "SIGINT",
    ready: () => accepts(query),
  });
  await prepare(query, options.application);
  const applicationUrl = postgresUrl(options.application.user, options.application.password, port, databaseName);
  return { port, process, adminUrl, applicationUrl, query };
}

/** Whether the server takes connections; a refused password is an error that no waiting cures. */
async function accepts(query: Postgres["query"]): Promise<boolean> {
  try {
    await query("select 1", [], "postgres");
    return true;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === "28P01")
      throw new Error(`the superuser's password does not fit this cluster: ${message}`, { cause: error });
    return false;
  }
}

async function prepare(query: Postgres["query"], application: PostgresOptions["application"]): Promise<void> {
  const done = await query("select 1 from pg_database where datname = $1", [databaseName], "postgres");
  if (done.length > 0) return;
  const login = pg.escapeIdentifier(application.user);
  await query(
    `do $$ begin
       if not exists (select from pg_roles where rolname = '${ownerRole}') then create role ${ownerRole} nologin; end if;
     end $$`,
    [],
    "postgres",
  );
  await query(`drop role if exists ${login}`, [], "postgres");
  await query(
    `create role ${login} login in role ${ownerRole} password ${pg.escapeLiteral(application.password)}`,
    [],
    "postgres",
  );
  // What any login creates belongs to the owner role, so that the next login can use and alter it.
  await query(`alter role ${login} set role = '${ownerRole}'`, [], "postgres");
  await query(`create database ${databaseName} owner ${ownerRole}`, [], "postgres");
  await query(`revoke all on database ${databaseName} from public`, [], "postgres");
  await query(`alter schema public owner to ${ownerRole}`);
}
