// The inventory as a table for the terminal.
import type { InventoryRow } from "../components/application.ts";
import { formatDays } from "../provider/schedule/decide.ts";
import { columns } from "./columns.ts";

/** `2026-12-20, in 28 days`; `2026-11-23, today`; `2026-11-20, 3 days overdue`. */
export function due(dueAt: string, now: Date): string {
  return `${dueAt.slice(0, 10)}, ${formatDays(dueAt, now)}`;
}

/** One line a secret, columns as wide as they need to be. */
export function table(rows: InventoryRow[], now: Date): string {
  const head = ["secret", "class", "handling", "gen", "destinations", "verified consumers", "next due", "fingerprint"];
  const body = rows.map((row) => [
    row.secret,
    row.class,
    row.handling,
    String(row.generation),
    row.destinations.join(" "),
    row.consumers.join(" ") || "none can prove",
    due(row.dueAt, now),
    row.fingerprint,
  ]);
  return columns(head, body);
}
