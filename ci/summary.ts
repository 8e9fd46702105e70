// The inventory as a Markdown table, for the summary of a run.
import type { Row } from "../cli/inventory.ts";

/** One line a secret: everything but its value. */
export function inventoryMarkdown(stack: string, rows: Row[]): string {
  if (rows.length === 0) return `### ${stack}\n\nThe stack has no secret yet.`;
  const head = ["Secret", "Class", "State", "Generation", "Rotated", "Due", "Consumers", "Fingerprint"];
  const body = rows.map((row) => [
    `\`${row.name}\``,
    row.class,
    row.state + (row.why ? ` (${row.why})` : ""),
    String(row.generation),
    row.rotatedAt.slice(0, 10),
    row.dueAt.slice(0, 10),
    row.consumers.join(", ") || "none can prove",
    `\`${row.fingerprint}\``,
  ]);
  const line = (cells: string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [`### ${stack}`, "", line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
