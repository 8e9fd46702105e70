// Keeps values out of error texts. A vendor's error may repeat what was sent to it, whole or in part.
import type { Value } from "../../../provider/wire/contract.ts";
import { reveal } from "../../../provider/wire/values.ts";

/** Shorter texts are no secrets and would make error messages unreadable. */
const shortest = 4;

/** The value's texts, its parts when it is JSON included. */
export function textsIn(value: Value): string[] {
  const inner = reveal(value);
  if (typeof inner === "string") {
    const parsed = parse(inner);
    return [inner, ...(typeof parsed === "object" && parsed !== null ? textsIn(parsed) : [])];
  }
  if (typeof inner === "object" && inner !== null) return Object.values(inner).flatMap(textsIn);
  return [];
}

/** The message without the values, in the forms in which they travel. */
export function redacted(message: string, values: string[]): string {
  const forms = values
    .filter((value) => value.length >= shortest)
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]);
  return [...new Set(forms)]
    .sort((a, b) => b.length - a.length)
    .reduce((m, form) => m.replaceAll(form, "[secret]"), message);
}

function parse(text: string): Value {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return undefined;
  }
}
