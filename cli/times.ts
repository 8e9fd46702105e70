// Times as people type them.
import { UsageError } from "./command.ts";

/** `90d`, `36h`, or a date. @throws UsageError */
export function sinceOf(text: string | boolean | undefined, now: Date): string | undefined {
  if (typeof text !== "string") return undefined;
  const [, count, unit] = /^(\d+)([hd])$/.exec(text) ?? [];
  if (count) return new Date(now.getTime() - Number(count) * (unit === "h" ? 3_600_000 : 86_400_000)).toISOString();
  return timeOf(text, now, "since");
}

/** RFC 3339 for a date that was typed. @throws UsageError */
export function timeOf(text: string | boolean, now: Date, option: string): string {
  const time = typeof text === "string" ? Date.parse(text) : NaN;
  if (!Number.isNaN(time)) return new Date(time).toISOString();
  throw new UsageError(
    `--${option} is "${String(text)}"; give a date like ${now.toISOString().slice(0, 16)}Z${option === "since" ? ", or 90d, or 36h" : ""}`,
  );
}
