// One column of ciphertexts in PostgreSQL: read in pages by a unique key, changed row by row only where nobody else
// was faster, and never waiting for a lock, so that no transaction of the application ends up in a deadlock.
import pg from "pg";

export interface Column {
  /** Maybe with its schema: `orders`, `billing.cards`. */
  table: string;
  /** A column with a unique index of its own, for instance the primary key. */
  key: string;
  /** The column with `vault:v<N>:...`. */
  column: string;
  /** A column with the context of a derived key, in base64. */
  context?: string;
}

export interface Row {
  key: string;
  ciphertext: string;
  context: string | undefined;
}

export interface Swap {
  key: string;
  from: string;
  to: string;
}

/** For people: `orders.card`. */
export function labelOf({ table, column }: Column): string {
  return `${table}.${column}`;
}

export class CipherColumn {
  readonly label: string;
  readonly #client: pg.ClientBase;
  readonly #names: { table: string; key: string; column: string; context: string };
  readonly #keyType: string;

  private constructor(client: pg.ClientBase, about: Column, keyType: string) {
    this.label = labelOf(about);
    this.#client = client;
    this.#keyType = keyType;
    this.#names = {
      table: about.table.split(".").map(pg.escapeIdentifier).join("."),
      key: pg.escapeIdentifier(about.key),
      column: pg.escapeIdentifier(about.column),
      context: about.context === undefined ? "null" : `${pg.escapeIdentifier(about.context)}::text`,
    };
  }

  /** @throws when table or columns are not there, or the key is not unique: rows could not be told apart */
  static async open(client: pg.ClientBase, about: Column): Promise<CipherColumn> {
    const table = about.table.split(".").map(pg.escapeIdentifier).join(".");
    const found = await client.query<{ name: string; type: string; unique: boolean; text: boolean }>(
      `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
         a.atttypid in ('text'::regtype, 'varchar'::regtype) as text,
         exists (select from pg_index i where i.indrelid = a.attrelid and i.indisunique and i.indisvalid
           and i.indpred is null and i.indnkeyatts = 1 and i.indkey[0] = a.attnum) as unique
       from pg_attribute a where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped`,
      [table],
    );
    if (found.rows.length === 0) throw new Error(`There is no table ${about.table} that this login can see.`);
    const columns = new Map(found.rows.map((row) => [row.name, row]));
    for (const name of [about.key, about.column, about.context])
      if (name !== undefined && !columns.has(name))
        throw new Error(`The table ${about.table} has no column "${name}"; it has ${[...columns.keys()].join(", ")}.`);
    const key = columns.get(about.key);
    if (!key?.unique)
      throw new Error(
        `${about.table}.${about.key} has no unique index of its own, so rows cannot be told apart by it. Name the primary key.`,
      );
    if (!columns.get(about.column)?.text)
      throw new Error(
        `${labelOf(about)} is of type ${columns.get(about.column)?.type}; ciphertexts are re-encrypted in columns of type text or varchar.`,
      );
    return new CipherColumn(client, about, key.type);
  }

  /** How many rows hold a ciphertext of any other version. One pass over the table. */
  async count(version: number): Promise<number> {
    const { table } = this.#names;
    const { rows } = await this.#client.query<{ count: string }>(
      `select count(*) from ${table} where ${this.#other(version)}`,
    );
    return Number(rows[0]?.count ?? 0);
  }

  /** Rows of any other version behind a key, in the order of the index, which remembers where to go on. */
  async page(version: number, after: string | undefined, size: number): Promise<Row[]> {
    const { table, key, column, context } = this.#names;
    const behind = after === undefined ? "" : `and ${key} > $2::${this.#keyType}`;
    const { rows } = await this.#client.query<{ key: string; ciphertext: string; context: string | null }>(
      `select ${key}::text as key, ${column} as ciphertext, ${context} as context from ${table}
       where ${this.#other(version)} ${behind} order by ${key} limit $1`,
      after === undefined ? [size] : [size, after],
    );
    return rows.map((row) => ({ ...row, context: row.context ?? undefined }));
  }

  /**
   * Changes the rows that still hold what was read. A row that somebody is writing to is left for the next pass.
   * @returns how many were changed
   */
  async swap(swaps: Swap[]): Promise<number> {
    const { table, key, column } = this.#names;
    const { rowCount } = await this.#client.query(
      `with new as (select k::${this.#keyType} as k, old, new from unnest($1::text[], $2::text[], $3::text[]) as x(k, old, new)),
         free as materialized (
           select t.${key} as k from ${table} t join new on t.${key} = new.k where t.${column} = new.old
           for update of t skip locked)
       update ${table} t set ${column} = new.new from new, free
       where t.${key} = free.k and t.${key} = new.k and t.${column} = new.old`,
      [swaps.map(({ key }) => key), swaps.map(({ from }) => from), swaps.map(({ to }) => to)],
    );
    return rowCount ?? 0;
  }

  /** How many rows are left that a minimum of this version would make unreadable. One pass over the table. */
  async older(version: number): Promise<number> {
    const { table, column } = this.#names;
    const { rows } = await this.#client.query<{ count: string }>(
      `select count(*) from ${table} where ${this.#other(version)}
       and coalesce(substring(${column} from '^vault:v([0-9]{1,9}):')::int, 0) < $1`,
      [version],
    );
    return Number(rows[0]?.count ?? 0);
  }

  #other(version: number): string {
    const { column } = this.#names;
    return `${column} like 'vault:v%' and ${column} not like 'vault:v${version}:%'`;
  }
}
