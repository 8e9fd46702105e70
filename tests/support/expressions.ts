// The expressions of GitHub Actions, as far as the workflows use them.
import { runInNewContext } from "node:vm";

/** A text with its `${{ }}`. */
export function text(template: string, context: object): string {
  return template.replaceAll(/\$\{\{(.*?)\}\}/gs, (_, expression: string) => String(evaluate(expression, context)));
}

/** What counts as true in a condition. */
export function truthy(value: unknown): boolean {
  return value !== false && value !== "" && value !== 0 && value !== null && value !== "false";
}

/** An expression: the part of GitHub's language that JavaScript shares. What is not there is an empty text. */
export function evaluate(expression: string, context: object): unknown {
  const bare = expression.replace(/^\s*\$\{\{([\s\S]*)\}\}\s*$/, "$1");
  const { fine } = context as { fine?: boolean };
  const functions = {
    always: () => true,
    cancelled: () => false,
    success: () => fine ?? true,
    failure: () => fine === false,
    toJSON: (value: unknown) => JSON.stringify(value),
    fromJSON: (value: string) => JSON.parse(value) as unknown,
  };
  return runInNewContext(bare, { ...functions, ...(lenient(context) as object) });
}

function lenient(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, lenient(item)]));
  return new Proxy(copy, {
    get: (target, key) =>
      key in target || typeof key === "symbol" || key === "toJSON" ? (Reflect.get(target, key) as unknown) : "",
  });
}
