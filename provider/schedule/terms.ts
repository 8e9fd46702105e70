// What a person declares about the rotation of one secret, and what is refused before anything is decided.

export interface Terms {
  /** Whole days in UTC, 1 to 3650: how old the secret may become. */
  intervalDays: number;
  /**
   * Hours, 1 to 168: the longest time between two scheduled runs (with `hours`: between two runs inside them).
   * What falls due before the next run is rotated in this one.
   */
  leadHours: number;
  /** The name that spreads first windows, `<application>/<secret>`. */
  anchor: string;
  /** Allowed hours in UTC, `[from, to)`, whole, 0 to 24; `from` greater than `to` wraps midnight. @default any hour */
  hours?: { from: number; to: number };
  /** Hours, 0 to 720, that a rotation must have been announced before it happens. @default 0 */
  noticeHours?: number;
  /** Whole, from 1. A higher one than the remembered rotates now, whatever hours, notice and partner say. */
  generation: number;
  /** The due date is tracked, but only a higher generation rotates. @default false */
  onRequest?: boolean;
  /** RFC 3339: the window, as decided in this run, of the other secret of a pair that is never rotated in one run. */
  apartFrom?: string;
  /** RFC 3339 date or instant at which a secret that is taken over as it is was last changed. */
  adopted?: string;
}

export interface Refusal {
  property: string;
  reason: string;
}

export const hour = 3_600_000;
export const day = 24 * hour;
/** Clocks of two machines differ, and the steps of one run are not simultaneous; less than this means nothing. */
export const tolerance = 5 * 60_000;

/** Milliseconds since 1970 of an RFC 3339 instant or date (midnight UTC); NaN for anything else. */
export function parseInstant(text: unknown): number {
  if (typeof text !== "string") return NaN;
  const parts = /^(\d{4})-(\d{2})-(\d{2})(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))?$/.exec(text);
  if (!parts) return NaN;
  const [year, month, date] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  // Date.parse takes 30 February for 2 March.
  return new Date(Date.UTC(year, month - 1, date)).getUTCDate() === date ? Date.parse(text) : NaN;
}

/** RFC 3339 in UTC, whole seconds, as windows are remembered. */
export function formatInstant(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Milliseconds before its due date from which a secret counts as due. */
export function leadOf(terms: Pick<Terms, "leadHours" | "apartFrom">): number {
  // The second of a pair may have to let one run pass, so it starts one run earlier (and a run repeated within
  // minutes still counts as the one its partner took).
  return terms.apartFrom === undefined ? terms.leadHours * hour : 2 * terms.leadHours * hour + tolerance;
}

/** Milliseconds before its due date from which a run concerns itself with a secret: it rotates or announces it. */
export function horizonOf(terms: Pick<Terms, "leadHours" | "apartFrom" | "noticeHours">): number {
  const notice = (terms.noticeHours ?? 0) * hour;
  // Announced one run earlier than the notice itself asks for, so that the notice is over when the lead begins.
  return leadOf(terms) + (notice > 0 ? notice + terms.leadHours * hour : 0);
}

/** Every term that cannot be kept, with what to type instead; empty when all is well. */
export function validate(terms: { readonly [Name in keyof Terms]?: unknown }): Refusal[] {
  const refusals: Refusal[] = [];
  const refuse = (property: string, reason: string): void => void refusals.push({ property, reason });
  const number = (property: keyof Terms, low: number, high: number, what: string): void => {
    const value = terms[property];
    if (typeof value !== "number" || !(value >= low && value <= high))
      refuse(property, `${property} must be ${what} from ${low} to ${high}, not ${show(value)}; ${hint(value)}`);
  };

  const { intervalDays, noticeHours = 0, generation, anchor, onRequest, hours } = terms;
  if (!Number.isInteger(intervalDays) || Number(intervalDays) < 1 || Number(intervalDays) > 3650)
    refuse(
      "intervalDays",
      `intervalDays must be a whole number of days from 1 to 3650, not ${show(intervalDays)}; ${daysInstead(intervalDays)}`,
    );
  number("leadHours", 1, 168, "the hours between two scheduled runs,");
  if (noticeHours !== 0) number("noticeHours", 0, 720, "hours");
  if (!Number.isInteger(generation) || Number(generation) < 1)
    refuse("generation", `generation must be a whole number from 1, not ${show(generation)}; start with 1`);
  if (typeof anchor !== "string" || anchor === "")
    refuse("anchor", `anchor must be a name, not ${show(anchor)}; type "<application>/<secret>"`);
  if (onRequest !== undefined && typeof onRequest !== "boolean")
    refuse("onRequest", `onRequest must be true or false, not ${show(onRequest)}`);
  if (hours !== undefined) {
    const wrong = wrongHours(hours);
    if (wrong) refuse("hours", `hours ${wrong}; for the night type { from: 2, to: 6 }`);
  }
  for (const property of ["apartFrom", "adopted"] as const)
    if (terms[property] !== undefined && Number.isNaN(parseInstant(terms[property])))
      refuse(
        property,
        `${property} must be an RFC 3339 date, not ${show(terms[property])}; type for instance 2026-01-31T00:00:00Z`,
      );
  return refusals.length > 0 ? refusals : tooTight(terms as Terms);
}

/** Refuses terms under which every run would rotate, or no notice could be over in time. */
function tooTight(terms: Terms): Refusal[] {
  const { intervalDays, leadHours, noticeHours = 0, apartFrom } = terms;
  const horizon = horizonOf(terms);
  if (intervalDays * day > horizon) return [];
  const needs = [
    `leadHours ${leadHours}${apartFrom === undefined ? "" : " (twice, as the second of a pair)"}`,
    ...(noticeHours > 0 ? [`noticeHours ${noticeHours} and one more leadHours`] : []),
  ].join(", ");
  return [
    {
      property: "intervalDays",
      reason:
        `intervalDays ${intervalDays} (${intervalDays * 24} h) is too short for ${needs}: the next rotation would ` +
        `begin with the last; type at least ${Math.floor(horizon / day) + 1}, or run more often with a smaller leadHours`,
    },
  ];
}

function wrongHours(hours: unknown): string | undefined {
  if (typeof hours !== "object" || hours === null) return `must be { from, to }, not ${show(hours)}`;
  const { from, to, ...others } = hours as Record<string, unknown>;
  for (const [name, value] of Object.entries({ from, to }))
    if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > 24)
      return `must be whole hours in UTC from 0 to 24, and ${name} is ${show(value)}`;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) return `has only from and to, not ${show(unknown)}`;
  if (from === to || (from === 24 && to === 0)) return `from ${show(from)} to ${show(to)} is never open`;
  return undefined;
}

function daysInstead(value: unknown): string {
  const parts = typeof value === "string" ? /^\s*(\d+)\s*(month|year|week|day|)s?\s*$/i.exec(value) : null;
  const count =
    parts && Number(parts[1]) * { month: 30, year: 365, week: 7, day: 1 }[parts[2]?.toLowerCase() || "day"]!;
  if (count && /month|year/i.test(parts?.[2] ?? "")) return `months and years differ in length: type ${count}`;
  if (count && count <= 3650) return `type ${count}`;
  if (typeof value === "number" && value > 1 && value < 3650) return `type ${Math.floor(value)}`;
  return "type for instance 90";
}

function hint(value: unknown): string {
  return typeof value === "string" && /^\d+$/.test(value) ? `type ${value} without quotes` : "type for instance 24";
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : (JSON.stringify(value) ?? typeof value);
}
