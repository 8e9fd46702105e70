// How fast ciphertexts are brought to a new version of their transit key: by batches, as the product does it, and one
// row at a time, as a script would, in the same run on the same Vault and PostgreSQL.
//   node bootstrap.mjs bench/reencrypt.ts [rows, default 100000] [rows one at a time, default 5000]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reencrypt, type Encrypted } from "../provider/reencrypt/all.ts";
import { Vault } from "../provider/vendors/vault.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import { ensureToolchain } from "../sandbox/toolchain/toolchain.ts";
import { connected, fillTable, makeTransitKey, Writers } from "../tests/support/transit.ts";

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
    const writers = live ? new Writers(call, url, name, name, plain) : undefined;
    const way = `batches of 500${live ? ", beside 3 live writers" : ""}`;
    await measure(way, rows, () => reencrypt(vault, declared(name, name), 2, (line) => console.log(line)));
    await writers?.stop();
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
