// Ciphertexts of a real Vault in a real PostgreSQL: made, written to by others, and read back by their plaintexts.
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Vault } from "../../sandbox/servers/vault.ts";

type Call = Vault["call"];

/** Mounts transit (once) and makes a key. */
export async function makeTransitKey(call: Call, key: string, options: object = {}): Promise<void> {
  const { data } = await call<{ data: Record<string, unknown> }>("GET", "sys/mounts");
  if (!("transit/" in data)) await call("POST", "sys/mounts/transit", { type: "transit" });
  await call("POST", `transit/keys/${key}`, options);
}

export interface Plain {
  text: string;
  /** For derived keys. */
  context?: string;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

export async function encryptAll(call: Call, key: string, plain: Plain[]): Promise<string[]> {
  const found: string[] = [];
  for (let from = 0; from < plain.length; from += 1000) {
    const batch_input = plain.slice(from, from + 1000).map(({ text, context }) => ({
      plaintext: base64(text),
      ...(context ? { context: base64(context) } : {}),
    }));
    const reply = await call<Batch>("POST", `transit/encrypt/${key}`, { batch_input });
    found.push(...reply.data.batch_results.map(({ ciphertext }) => ciphertext ?? ""));
  }
  return found;
}

export async function decryptAll(
  call: Call,
  key: string,
  ciphertexts: string[],
  contexts?: string[],
): Promise<string[]> {
  const found: string[] = [];
  for (let from = 0; from < ciphertexts.length; from += 1000) {
    const batch_input = ciphertexts.slice(from, from + 1000).map((ciphertext, index) => ({
      ciphertext,
      ...(contexts ? { context: base64(contexts[from + index] ?? "") } : {}),
    }));
    const reply = await call<Batch>("POST", `transit/decrypt/${key}`, { batch_input });
    found.push(...reply.data.batch_results.map(({ plaintext }) => Buffer.from(plaintext ?? "", "base64").toString()));
  }
  return found;
}

interface Batch {
  data: { batch_results: { ciphertext?: string; plaintext?: string }[] };
}

/** The version of a ciphertext's key. */
export function versionOf(ciphertext: string): number {
  return Number(/^vault:v(\d+):/.exec(ciphertext)?.[1]);
}

/** Fills `table` (`id bigint primary key, card text`) with so many rows, in pieces. @returns their plaintexts by id */
export async function fillTable(
  call: Call,
  url: string,
  table: string,
  key: string,
  rows: number,
): Promise<Map<number, string>> {
  const plain = new Map(Array.from({ length: rows }, (_, index) => [index + 1, `card ${index + 1}`]));
  await connected(url, async (client) => {
    await client.query(`create table ${table} (id bigint primary key, card text)`);
    const entries = [...plain];
    for (let from = 0; from < rows; from += 10_000) {
      const part = entries.slice(from, from + 10_000);
      const ciphertexts = await encryptAll(
        call,
        key,
        part.map(([, text]) => ({ text })),
      );
      await client.query(`insert into ${table} select * from unnest($1::bigint[], $2::text[])`, [
        part.map(([id]) => id),
        ciphertexts,
      ]);
    }
    await client.query(`analyze ${table}`);
  });
  return plain;
}

export async function connected<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** An application at work: changes rows two at a time in one transaction, in any order, and adds and removes some. */
export class Writers {
  writes = 0;
  #stopped = false;
  readonly #plain: Map<number, string>;
  readonly #running: Promise<void>[];

  constructor(call: Call, url: string, table: string, key: string, plain: Map<number, string>, howMany = 3) {
    this.#plain = plain;
    this.#running = Array.from({ length: howMany }, (_, index) =>
      connected(url, (client) => this.#work(call, client, table, key, index, howMany)),
    );
  }

  /** Each writer has rows of its own, so that what is expected of a row is certain. */
  async #work(
    call: Call,
    client: pg.Client,
    table: string,
    key: string,
    index: number,
    howMany: number,
  ): Promise<void> {
    const mine = [...this.#plain.keys()].filter((id) => id % howMany === index);
    let added = 1_000_000_000 + index;
    while (!this.#stopped) {
      const pick = (): number => mine[Math.floor(Math.random() * mine.length)] ?? 0;
      const [a, b] = [pick(), pick()];
      added += howMany;
      const texts = [a, b, added].map((id) => `card ${id}, write ${++this.writes}`);
      const [first, second, third] = await encryptAll(
        call,
        key,
        texts.map((text) => ({ text })),
      );
      await client.query("begin");
      await client.query(`update ${table} set card = $2 where id = $1`, [a, first]);
      await sleep(5);
      await client.query(`update ${table} set card = $2 where id = $1`, [b, second]);
      await client.query(`insert into ${table} values ($1, $2)`, [added, third]);
      await client.query(`delete from ${table} where id = $1`, [added - 2 * howMany]);
      await client.query("commit");
      for (const [at, id] of [a, b, added].entries()) this.#plain.set(id, texts[at] ?? "");
      this.#plain.delete(added - 2 * howMany);
    }
  }

  /** @throws what went wrong in the application: a deadlock, for instance */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }
}
