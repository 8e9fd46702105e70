// How fast ciphertexts are brought to a new version of their transit key: by batches, as the product does it, and one
// row at a time, as a script would, in the same run on the same Vault and PostgreSQL. The live table is written to
// meanwhile, its re-encryption is killed three times on the way, and in the end each row decrypts to what it was.
// Beside them what Vault alone can do: the same batches, with no database.
//   node bootstrap.mjs bench/reencrypt.ts [rows, default 100000] [rows one at a time, default 5000]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reencrypt, type Encrypted } from "../provider/reencrypt/all.ts";
import { Vault } from "../provider/vendors/vault.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import { ensureToolchain } from "../sandbox/toolchain/toolchain.ts";
import { waitFor } from "../sandbox/servers/wait.ts";
import { connected, decryptAll, fillTable, makeTransitKey, versionOf, Writers } from "../tests/support/transit.ts";

const [rows = 100_000, single = Math.min(rows, 5000)] = process.argv.slice(2).map(Number);
if (![rows, single].every((number) => Number.isInteger(number) && number > 0)) {
  console.error("Give the number of rows, for instance: node bootstrap.mjs bench/reencrypt.ts 100000 5000");
  process.exit(2);
}

const dir = mkdtempSync(join(tmpdir(), "bench-reencrypt-"));
const sandbox = await Sandbox.start({ dir, toolchain: await ensureToolchain() });
try {
  const call = <T>(method: string, path: string, body?: object): Promise<T> =>
    sandbox.vault.call<T>(method, path, body);
  const url = sandbox.postgres.adminUrl();
  const vault = new Vault(sandbox.vault.address, sandbox.vault.rootToken, 60);
  const declared = (table: string, key: string): Encrypted => ({
    ...{ mount: "transit", key, databaseUrl: url, kv: [], batchSize: 500, rowsPerSecond: 0 },
    tables: [{ table, key: "id", column: "card" }],
  });
  const results: { way: string; rows: number; seconds: number }[] = [];
  const measure = async (way: string, count: number, work: () => Promise<unknown>): Promise<void> => {
    const began = performance.now();
    await work();
    results.push({ way, rows: count, seconds: (performance.now() - began) / 1000 });
  };

  for (const [name, live] of [
    ["batches", false],
    ["live", true],
  ] as const) {
    await makeTransitKey(call, name);
    const plain = await fillTable(call, url, name, name, rows);
    await call("POST", `transit/keys/${name}/rotate`);
    if (!live) {
      await measure("batches of 500", rows, () => reencrypt(vault, declared(name, name), 2, console.log));
      continue;
    }
    const writers = new Writers(call, url, name, name, plain);
    await measure("batches of 500, live writes, 3 kills", rows, () => killed(declared(name, name), 3));
    await writers.stop();
    console.log(`all ${await proven(name, plain)} rows decrypt to what they were; ${writers.writes} writes meanwhile`);
  }

  await makeTransitKey(call, "single");
  await fillTable(call, url, "single", "single", single);
  await call("POST", "transit/keys/single/rotate");
  await measure("one row at a time", single, () =>
    connected(url, async (client) => {
      const found = await client.query<{ id: string; card: string }>("select id, card from single order by id");
      for (const { id, card } of found.rows) {
        const [result] = await vault.rewrap("transit", "single", [{ ciphertext: card }]);
        if (!result || "error" in result) throw new Error(`row ${id} cannot be re-encrypted`);
        await client.query("update single set card = $2 where id = $1 and card = $3", [id, result.ciphertext, card]);
      }
    }),
  );

  // Vault's own ceiling: the same calls, with nothing read or written in between.
  const some = Math.min(rows, 50_000);
  await makeTransitKey(call, "ceiling");
  await fillTable(call, url, "ceiling", "ceiling", some);
  await call("POST", "transit/keys/ceiling/rotate");
  const cards = (await sandbox.postgres.query<{ card: string }>("select card from ceiling")).map(({ card }) => card);
  for (const atOnce of [1, 2, 4])
    await measure(`Vault alone, batches of 500, ${atOnce} at once`, some, () => rewrapAll(cards, atOnce));

  async function rewrapAll(ciphertexts: string[], atOnce: number): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      for (let from = next; from < ciphertexts.length; from = next) {
        next = from + 500;
        await vault.rewrap(
          "transit",
          "ceiling",
          ciphertexts.slice(from, next).map((ciphertext) => ({ ciphertext })),
        );
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  }

  /** Re-encrypts in processes of their own, of which so many are killed as soon as they have done their share. */
  async function killed({ tables, key, mount, databaseUrl }: Encrypted, kills: number): Promise<void> {
    const [{ table } = { table: "" }] = tables;
    const inputs = { secret: "bench/DATA", mount, key, version: 2, databaseUrl, tables, batchSize: 500 };
    const left = async (): Promise<number> => {
      const [row] = await sandbox.postgres.query<{ count: number }>(
        `select count(*)::integer as count from ${table} where card like 'vault:v1:%'`,
      );
      return row?.count ?? 0;
    };
    for (let kill = 0; kill <= kills; kill++) {
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, "..", "tests", "support", "reencrypt-once.ts")],
        {
          env: { ...process.env, VAULT_ADDR: sandbox.vault.address, VAULT_TOKEN: sandbox.vault.rootToken },
          stdio: ["pipe", "inherit", "inherit"],
        },
      );
      child.stdin.end(JSON.stringify(inputs));
      const ended = once(child, "exit") as Promise<[number | null]>;
      if (kill < kills) {
        const share = (rows * (kills - kill)) / (kills + 1);
        const done = waitFor(async () => (await left()) < share, { what: "its share", timeoutMs: 3_600_000 });
        await Promise.race([done, ended]);
        child.kill("SIGKILL");
      }
      const [code] = await ended;
      if (kill === kills && code !== 0) throw new Error(`the last process ended with ${String(code)}`);
    }
  }

  /** @returns how many rows there are @throws when one of them is of an old version or decrypts to something else */
  async function proven(table: string, plain: ReadonlyMap<number, string>): Promise<string> {
    const found = await sandbox.postgres.query<{ id: string; card: string }>(`select id, card from ${table}`);
    const cards = found.map(({ card }) => card);
    const old = cards.filter((card) => versionOf(card) !== 2).length;
    if (old > 0) throw new Error(`${old} rows were left behind`);
    const texts = await decryptAll(call, table, cards);
    const wrong = found.filter(({ id }, index) => texts[index] !== plain.get(Number(id)));
    if (found.length !== plain.size || wrong.length > 0)
      throw new Error(`${found.length} rows of ${plain.size}, ${wrong.length} of them wrong`);
    return found.length.toLocaleString("en-US");
  }

  const slowest = Math.min(...results.map(({ rows, seconds }) => rows / seconds));
  console.log(
    `\n${"way".padEnd(38)}${"rows".padStart(10)}${"seconds".padStart(10)}${"rows/s".padStart(10)}${"times".padStart(8)}`,
  );
  for (const { way, rows, seconds } of results) {
    const rate = rows / seconds;
    const cells = [rows.toLocaleString("en-US"), seconds.toFixed(1), Math.round(rate).toLocaleString("en-US")];
    console.log(
      way.padEnd(38) + cells.map((cell) => cell.padStart(10)).join("") + (rate / slowest).toFixed(1).padStart(8),
    );
  }
} finally {
  await sandbox.stop();
  rmSync(dir, { recursive: true, force: true });
}
