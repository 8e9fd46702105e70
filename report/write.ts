// Writes the report to a file: whole or not at all, readable by its owner alone.
import { renameSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ReportData } from "./data.ts";
import { page } from "./page.ts";

/** @returns the file's full path. @throws what the file system says */
export function writeReport(data: ReportData, file: string): string {
  const path = resolve(file);
  // Inventory and owners are nobody else's business, though there is no value among them.
  const part = `${path}.${process.pid}.part`;
  writeFileSync(part, page(data), { mode: 0o600 });
  renameSync(part, path);
  return path;
}
