// Tables for people, on the terminal and in docs/benchmarks.md, each with the machine that it was measured on.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { repository } from "../../sandbox/stack.ts";

/** `2 × AMD EPYC, 23 GiB, Linux; 2026-11-23; load 0.2`: what else the machine did shows in the load. */
export function machine(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  const day = new Date().toISOString().slice(0, 10);
  return `${cpus().length} × ${first?.model.trim() ?? "unknown processor"}, ${memory} GiB, ${process.platform}; ${day}; load average ${loadavg()[0]?.toFixed(1) ?? "?"}`;
}

export function markdown(head: string[], body: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? "---" : "---:"))), ...body.map(line)].join("\n");
}

/** Prints a section, and with `--write` puts it between its markers in docs/benchmarks.md. */
export function publish(name: string, text: string, write: boolean): void {
  const section = `${text}\n\nMeasured on ${machine()}.`;
  console.log(`\n${section}`);
  if (!write) return;
  const file = join(repository, "docs", "benchmarks.md");
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const before = readFileSync(file, "utf8");
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/benchmarks.md has no section ${begin} ... ${end}`);
  writeFileSync(file, `${before.slice(0, from + begin.length)}\n\n${section}\n\n${before.slice(to)}`);
}
