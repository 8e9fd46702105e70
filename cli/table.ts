// The inventory as a table for the terminal.
import type { InventoryRow } from "../components/application.ts";

const day = 86_400_000;

/** `2026-12-20, in 28 days`; `today`; `2026-11-20, 3 days overdue`. */
export function due(dueAt: string, now: Date): string {
  const days = Math.floor(Date.parse(dueAt) / day) - Math.floor(now.getTime() / day);
  const words =
    days === 0
      ? "today"
      : days > 0
        ? `in ${days} day${days === 1 ? "" : "s"}`
        : `${-days} day${days === -1 ? "" : "s"} overdue`;
  return `${dueAt.slice(0, 10)}, ${words}`;
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
  const widths = head.map((title, column) => Math.max(title.length, ...body.map((line) => line[column]?.length ?? 0)));
  const line = (cells: string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [line(head), widths.map((width) => "─".repeat(width)).join("  "), ...body.map(line)].join("\n");
}
