// Which inputs reached the engine as plain values. CrossGuard hands validations unwrapped values; only a remediation
// gets them with their secrecy, behind two proxies of @pulumi/policy whose names are its own business: where they are
// no longer found, nothing is said.
import { Secret, type ResourceValidationArgs } from "@pulumi/policy";

const target = "__getSpecialProxyTarget";

/** The names, among those given, of inputs with a known value that is no secret; undefined when it cannot be seen. */
export function plainInputs(
  { props }: Pick<ResourceValidationArgs, "props">,
  names: readonly string[],
): Set<string> | undefined {
  const checking = props[target] as Record<string, unknown> | undefined;
  const raw = checking?.[target] as Record<string, unknown> | undefined;
  if (!raw) return undefined;
  return new Set(names.filter((name) => isPlain(raw[name], () => props[name] as unknown)));
}

function isPlain(value: unknown, read: () => unknown): boolean {
  if (value === undefined || value === null || value === "" || value instanceof Secret) return false;
  try {
    read();
  } catch {
    return false; // unknown until the update
  }
  // Maps and lists hold secrets entry by entry; an unknown entry is a string here that nobody can have read.
  if (typeof value !== "object") return true;
  return Object.keys(value).some((key) =>
    isPlain((value as Record<string, unknown>)[key], () => (read() as Record<string, unknown>)[key]),
  );
}
