// JSON as Go's encoding/json writes it, which is how the official plugin keeps documents in the state.

/** Keys in the order of their bytes (JavaScript would put numbers first), no spaces, HTML's characters escaped. */
export function goJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return escaped(JSON.stringify(value));
  const entries = Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${entries.map(([key, item]) => `${escaped(JSON.stringify(key))}:${goJson(item)}`).join(",")}}`;
}

function escaped(text: string): string {
  return text.replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
