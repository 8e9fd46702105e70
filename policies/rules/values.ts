// Properties as a rule may read them: plain data in which a value that a preview does not know is a symbol, not an error.
// One unknown that throws would turn its whole policy into an advisory "can't run", and let a violation beside it pass.

/** In the place of a value that is known only after the update. */
export const unknown = Symbol("unknown until the update");

export type Value = string | number | boolean | null | undefined | typeof unknown | Value[] | Properties;
export interface Properties {
  [name: string]: Value;
}

/** Copies what the engine handed over. Its secrets are plain here, so nothing of it goes into a message unless named. */
export function settle(given: object): Properties {
  const settled: Properties = {};
  for (const name of Object.keys(given)) settled[name] = copy(() => (given as Record<string, unknown>)[name]);
  return settled;
}

function copy(read: () => unknown): Value {
  let value: unknown;
  try {
    value = read();
  } catch {
    // The proxy of @pulumi/policy throws for unknown values, and for nothing else.
    return unknown;
  }
  if (Array.isArray(value)) {
    const list = value as unknown[];
    return Array.from({ length: list.length }, (_, index) => copy(() => list[index]));
  }
  if (typeof value === "object" && value !== null) return settle(value);
  return value as Value;
}

/** A known string that is not empty. */
export function text(properties: Properties, name: string): string | undefined {
  const value = properties[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function number(properties: Properties, name: string): number | undefined {
  const value = properties[name];
  return typeof value === "number" ? value : undefined;
}

/** A known object; undefined for lists and everything else. */
export function group(properties: Properties, name: string): Properties | undefined {
  const value = properties[name];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

/** The known objects of a known list. */
export function groups(properties: Properties, name: string): Properties[] {
  const value = properties[name];
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is Properties => typeof item === "object" && item !== null && !Array.isArray(item));
}

/** Whether it has a value or will have one: an unknown value is not missing. */
export function given(properties: Properties, name: string): boolean {
  const value = properties[name];
  return value !== undefined && value !== null && value !== "";
}

/** Whether it is there but known only after the update. */
export function undecided(properties: Properties, name: string): boolean {
  return properties[name] === unknown;
}
