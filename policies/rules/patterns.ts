// Names with "*" in them, as configuration gives them.

/** Whether a name is the pattern, where "*" stands for anything; letters of either case. */
export function matches(pattern: string, name: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "i").test(name);
}

export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matches(pattern, name));
}

/** The schema of a list of names, each a pattern. */
export function namesSchema(description: string) {
  return {
    type: "array" as const,
    description,
    items: { type: "string" as const, minLength: 1, maxLength: 200 },
    maxItems: 500,
  };
}
