// VisAPI's API keys in PostgreSQL: bcrypt hashes only. Any number of an owner's keys work at once.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import bcrypt from "bcrypt";
import pg from "pg";

export interface ApiKey {
  id: string;
  name: string;
  prefix: string;
  scopes: string[];
  expires_at: Date;
  created_by: string;
  created_at: Date;
  last_used_at: Date | null;
  updated_at: Date;
}

/** A key that was let in. */
export interface Holder {
  id: string;
  name: string;
  scopes: string[];
}

export interface ApiKeys {
  /** Whose key it is; undefined for one that is unknown, deleted or expired. */
  check(key: string): Promise<Holder | undefined>;
  list(): Promise<ApiKey[]>;
  /** The only time that the key itself is known. */
  create(name: string, scopes: string[], createdBy: string): Promise<{ row: ApiKey; key: string }>;
  /** Whether there was one. */
  remove(id: string): Promise<boolean>;
  close(): Promise<void>;
}

export interface ApiKeysOptions {
  url: string;
  instance: string;
  /** Start of a new key. */
  prefix: string;
  /** Plays the version that looks a key up by its prefix and refuses all of them once there are two. @default false */
  oneOnly?: boolean;
}

const columns = "id, name, prefix, scopes, expires_at, created_by, created_at, last_used_at, updated_at";
const expiryDays = 90;
const rounds = 12;
/** How long a comparison of hashes is remembered, in milliseconds. That the key still exists is asked every time. */
const rememberMs = 60_000;
const remembered = 1000;

/** Opens a small pool of its own and prepares the table. */
export function openApiKeys({ url, instance, prefix, oneOnly = false }: ApiKeysOptions): ApiKeys {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: `visapi keys ${instance}`.slice(0, 63),
    max: 2,
    idleTimeoutMillis: 10_000,
    connectionTimeoutMillis: 3_000,
    query_timeout: 5_000,
  });
  pool.on("error", () => undefined);
  const known = new Map<string, { id: string; until: number }>();
  const unknown = new Map<string, number>();
  let prepared: Promise<void> | undefined;
  const prepare = (): Promise<void> =>
    (prepared ??= createTable(pool).catch((error: unknown) => {
      prepared = undefined;
      throw error;
    }));

  // As applications migrate at their start; what fails is tried again, and said, at the first call.
  void prepare().catch(() => undefined);

  /** The row whose hash fits: found by comparing with each, since the prefix tells nothing. */
  const compare = async (key: string): Promise<string | undefined> => {
    const fingerprint = digest(key);
    const before = known.get(fingerprint);
    if (before && before.until > Date.now()) return before.id;
    if ((unknown.get(fingerprint) ?? 0) > Date.now()) return undefined;
    const rows = await pool.query<{ id: string; prefix: string; key_hash: string }>(
      "select id, prefix, key_hash from api_keys where left($1, length(prefix)) = prefix order by created_at desc",
      [key],
    );
    for (const row of rows.rows) {
      if (!(await bcrypt.compare(key.slice(row.prefix.length), row.key_hash))) continue;
      if (known.size >= remembered) known.clear();
      known.set(fingerprint, { id: row.id, until: Date.now() + rememberMs });
      return row.id;
    }
    if (unknown.size >= remembered) unknown.clear();
    unknown.set(fingerprint, Date.now() + rememberMs);
    return undefined;
  };

  return {
    check: async (key) => {
      if (!/_[0-9a-f]{64}$/.test(key)) return undefined;
      await prepare();
      if (oneOnly && (await pool.query("select 1 from api_keys")).rowCount !== 1) return undefined;
      const id = await compare(key);
      if (!id) return undefined;
      const found = await pool.query<Holder & { stale: boolean }>(
        `select id, name, scopes, coalesce(last_used_at < now() - interval '1 minute', true) as stale
         from api_keys where id = $1 and expires_at > now()`,
        [id],
      );
      const [row] = found.rows;
      if (row?.stale) await pool.query("update api_keys set last_used_at = now() where id = $1", [id]);
      return row && { id: row.id, name: row.name, scopes: row.scopes };
    },
    list: async () => {
      await prepare();
      return (await pool.query<ApiKey>(`select ${columns} from api_keys order by created_at`)).rows;
    },
    create: async (name, scopes, createdBy) => {
      await prepare();
      const random = randomBytes(32).toString("hex");
      const { rows } = await pool.query<ApiKey>(
        `insert into api_keys (id, name, prefix, key_hash, scopes, expires_at, created_by)
         values ($1, $2, $3, $4, $5, now() + make_interval(days => ${expiryDays}), $6) returning ${columns}`,
        [randomUUID(), name, prefix, await bcrypt.hash(random, await bcrypt.genSalt(rounds, "a")), scopes, createdBy],
      );
      const [row] = rows;
      if (!row) throw new Error("the key was not stored");
      return { row, key: prefix + random };
    },
    remove: async (id) => {
      await prepare();
      return ((await pool.query("delete from api_keys where id::text = $1", [id])).rowCount ?? 0) > 0;
    },
    close: async () => {
      await pool.end();
    },
  };
}

/** For look-ups in memory: short, and of no use to whoever reads the memory. */
function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Two instances may do this at once, and one of them then meets what the other one made. */
async function createTable(pool: pg.Pool): Promise<void> {
  try {
    await pool.query(
      `create table if not exists api_keys (
         id uuid primary key, name text not null, prefix text not null, key_hash text not null,
         scopes text[] not null, expires_at timestamptz not null, created_by text not null,
         created_at timestamptz not null default now(), last_used_at timestamptz,
         updated_at timestamptz not null default now())`,
    );
  } catch (error) {
    // The login may lack the right to create, and need not have it once the table is there.
    const there = await pool.query<{ name: string | null }>("select to_regclass('api_keys')::text as name");
    if (!there.rows[0]?.name) throw error;
  }
}
