// What an administrator asks PostgreSQL about its roles.
import type pg from "pg";
import type { Users } from "./kind.ts";

export interface Role {
  name: string;
  canLogin: boolean;
  comment: string | null;
}

export async function describe(admin: pg.Client, name: string): Promise<Role | undefined> {
  const { rows } = await admin.query<Role>(
    `select rolname as name, rolcanlogin as "canLogin", shobj_description(oid, 'pg_authid') as comment
     from pg_roles where rolname = $1`,
    [name],
  );
  return rows[0];
}

/** Runs statements one after the other. */
export async function each(admin: pg.Client, statements: string[]): Promise<void> {
  for (const statement of statements) await admin.query(statement);
}

/** Sessions of a login; `who` holds addresses only where the administrator may see them (`pg_monitor`). */
export async function usersOf(admin: pg.Client, login: string): Promise<Users> {
  const { rows } = await admin.query<{ application: string | null; address: string | null; count: number }>(
    `select application_name as application, host(client_addr) as address, count(*)::integer as count
     from pg_stat_activity where usename = $1 and pid <> pg_backend_pid()
     group by 1, 2 order by 3 desc, 1, 2`,
    [login],
  );
  return {
    count: rows.reduce((sum, { count }) => sum + count, 0),
    who: rows
      .slice(0, 10)
      .map(
        ({ application, address, count }) =>
          `${application || "unnamed"}${address ? `@${address}` : ""}${count > 1 ? ` (${count})` : ""}`,
      ),
  };
}
