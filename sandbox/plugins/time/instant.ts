// RFC 3339 instants that remember their offset, with Go's calendar arithmetic: the official plugin prints what
// it was given in the offset in which it was given, and 31 January plus a month is 2 or 3 March.

export interface Instant {
  /** Milliseconds since the epoch. */
  unixMs: number;
  /** Minutes east of UTC. */
  offset: number;
}

const form = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,]\d+)?(?:Z|([+-])(\d\d):(\d\d))$/;

/** The instant without its fraction of a second, or undefined when the text is not RFC 3339 as Go reads it. */
export function parse(text: string): Instant | undefined {
  const match = form.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const wall = wallMs(year, month - 1, day, hour, minute, second);
  if (new Date(wall).toISOString().slice(0, 19) !== text.slice(0, 19)) return undefined;
  const [, , , , , , , sign, hours, minutes] = match;
  const offset = sign ? (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) : 0;
  return { unixMs: wall - offset * 60_000, offset };
}

export function format(instant: Instant): string {
  const wall = new Date(instant.unixMs + instant.offset * 60_000).toISOString().slice(0, 19);
  if (instant.offset === 0) return `${wall}Z`;
  const minutes = Math.abs(instant.offset);
  const pad = (n: number): string => String(n).padStart(2, "0");
  return `${wall}${instant.offset < 0 ? "-" : "+"}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}

/** Years, months and days on the wall clock of the instant's own offset. */
export function addDate(instant: Instant, years: number, months: number, days: number): Instant {
  const wall = fields(instant);
  const moved = wallMs(
    wall.year + years,
    wall.month - 1 + months,
    wall.day + days,
    wall.hour,
    wall.minute,
    wall.second,
  );
  return { unixMs: moved - instant.offset * 60_000, offset: instant.offset };
}

export function addMinutes(instant: Instant, minutes: number): Instant {
  return { ...instant, unixMs: instant.unixMs + minutes * 60_000 };
}

/** What the wall clock shows; `month` counts from 1. */
export function fields(instant: Instant): Record<"year" | "month" | "day" | "hour" | "minute" | "second", number> {
  const wall = new Date(instant.unixMs + instant.offset * 60_000);
  return {
    year: wall.getUTCFullYear(),
    month: wall.getUTCMonth() + 1,
    day: wall.getUTCDate(),
    hour: wall.getUTCHours(),
    minute: wall.getUTCMinutes(),
    second: wall.getUTCSeconds(),
  };
}

/** The system's clock, or `SANDBOX_NOW` (RFC 3339), by which tests travel in time; the official plugin has no such setting. */
export function now(): Instant {
  const set = process.env["SANDBOX_NOW"];
  if (!set) return { unixMs: Date.now(), offset: 0 };
  const instant = parse(set);
  if (!instant) throw new Error(`SANDBOX_NOW is "${set}"; set it to an RFC 3339 time such as 2026-11-01T02:00:00Z`);
  return { unixMs: instant.unixMs, offset: 0 };
}

function wallMs(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  return Date.UTC(year, month, day, hour, minute, second);
}
