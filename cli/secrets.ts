// The secrets that a command works on, found before it does anything.
import { UsageError, type Call } from "./command.ts";
import { digest } from "./digest.ts";
import { readInventory, type Row } from "./inventory.ts";
import { resolve } from "./names.ts";

export async function inventory({ engine, io }: Call): Promise<Row[]> {
  return readInventory(await engine.state(), io.now);
}

/** The one row that `--secret X` or `X` means. @throws UsageError with the nearest names */
export function one(rows: Row[], typed: string | undefined, usage: string): Row {
  if (!typed) throw new UsageError(`Say which secret: ${usage}`);
  const [name] = resolve(
    [typed],
    rows.map((row) => row.name),
  );
  return rows.find((row) => row.name === name) as Row;
}

/**
 * Full names for what was typed. What the state does not know may be declared and not made yet, so the program is
 * asked too before a name is refused.
 */
export async function named(call: Call, rows: Row[]): Promise<string[]> {
  const known = rows.map(({ name }) => name);
  try {
    return resolve(call.names, known);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const declared = digest(await call.engine.preview([])).secrets.map(({ name }) => name);
    return resolve(call.names, [...new Set([...known, ...declared])]);
  }
}
