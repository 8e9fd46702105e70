// Names of external calls that stay the same from run to run, so that a recording can be compared with another one and
// a fault can be aimed at one call. They hold no id, no date and no value.

/**
 * What can go wrong at a call. "kill" ends the process that made it, or the engine, or every consumer of the application,
 * before the server sees it or behind its answer. The place of each in this list is what results are kept by.
 */
export const kinds = [
  "kill provider before",
  "kill provider after",
  "kill engine before",
  "kill engine after",
  "lost reply",
  "429",
  "500",
  "time-out",
  "half a body",
  "stale read",
  "kill consumers before",
  "kill consumers after",
] as const;
export type Kind = (typeof kinds)[number];

/** Whether the provider or the engine dies, and the run with it. */
export function endsRun(kind: Kind): boolean {
  return kind.startsWith("kill provider") || kind.startsWith("kill engine");
}

/** Whether those who use the secrets die beside a call, which itself goes through. */
export function killsConsumers(kind: Kind): boolean {
  return kind.startsWith("kill consumers");
}

/** One external call as a proxy sees it. */
export interface Call {
  /** Of whom: `vault`, `render`, `postgres`, ... */
  vendor: string;
  /** Method and path, statement or command, ids left out. */
  what: string;
  /** Whether it changes something. */
  write: boolean;
  /** Whether the server may tell of the past for a while. */
  eventual: boolean;
  /** Whether faults with a status of HTTP apply, or stand-ins of the protocol (for a connection alone). */
  statuses: readonly Kind[];
}

/** `render PUT /v1/services/{id}/env-vars/JWT_SECRET`, and which one of that name in a run, from 1. */
export interface NamedCall extends Call {
  occurrence: number;
}

export function nameOf(call: { vendor: string; what: string }): string {
  return `${call.vendor} ${call.what}`;
}

const ids = [
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  /^(srv|dep|prj|dpl|evt|team|tok|apikey|svc_acct)[-_][A-Za-z0-9-]+$/,
  /^[0-9a-f]{10,}$/i,
  /^[a-z]{20}$/,
  /^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9]{14,}$/,
  /^\d+$/,
];

/** A path with its query, ids left out: `/v1/services/{id}/deploys?limit`. */
export function template(path: string, vendor: string): string {
  const [pathname = "/", query = ""] = path.split("?", 2);
  // The path of a webhook is its secret.
  if (vendor === "slack") return pathname.replace(/^\/services\/.*/, "/services/{webhook}");
  const parts = pathname.split("/").map((segment) => (ids.some((id) => id.test(segment)) ? "{id}" : segment));
  const names = [...new URLSearchParams(query).keys()].filter((name) => name !== "challenge").sort();
  return parts.join("/") + (names.length ? `?${[...new Set(names)].join("&")}` : "");
}

/** What a body says of the thing that is made, where it says so by name. Never a value: names have a shape of their own. */
export function subject(body: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return "";
  }
  if (typeof parsed !== "object" || parsed === null) return "";
  const { key, name } = parsed as { key?: unknown; name?: unknown };
  if (typeof key === "string" && /^[A-Z][A-Z0-9_]{2,60}$/.test(key)) return ` of ${key}`;
  if (typeof name === "string" && /^[a-z][a-z0-9_-]{2,80}[-_]g\d+$/.test(name))
    return ` of ${name.replace(/\d+$/, "{n}")}`;
  return "";
}

/** A statement without its literals; the two logins of a pair are one name. */
export function statement(sql: string): string {
  return sql
    .replaceAll(/'(?:[^']|'')*'/g, "'?'")
    .replaceAll(/\s+/g, " ")
    .replaceAll(/(\w+)_[ab]\b/g, "$1_{slot}")
    .trim()
    .slice(0, 90);
}

const containers = new Set(["ACL", "CLIENT", "CONFIG"]);

/** A command of Redis with its subcommand, and the login that it is about; nothing else of its arguments. */
export function command(words: readonly string[]): string {
  const [first = "", second = "", third = ""] = words;
  const verb = first.toUpperCase();
  if (!containers.has(verb)) return verb;
  const about = [third, words[3] ?? ""].find((word) => /^[a-z][a-z0-9]*_[ab]$/.test(word));
  return `${verb} ${second.toUpperCase()}${about ? ` ${about.replace(/_[ab]$/, "_{slot}")}` : ""}`;
}
