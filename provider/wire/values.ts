// The values that cross the wire between the engine and a provider plugin, as plain JavaScript with
// two additions: a secret and a value that a preview does not know yet.
// Signatures and the unknown sentinel: pulumi/pulumi `sdk/go/common/resource/plugin/rpc.go`, `resource/sig`.
import structpb from "google-protobuf/google/protobuf/struct_pb.js";

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const unknownSentinel = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A value that only a later step will know; it appears in previews. */
export class Unknown {
  toString(): string {
    return "[unknown]";
  }
}
export const unknown = new Unknown();

/** A value that the engine keeps encrypted. It prints as `[secret]`; `reveal()` is the only way to the value. */
export class Secret<T extends Value = Value> {
  readonly #value: T;
  constructor(value: T) {
    this.#value = value;
  }
  reveal(): T {
    return this.#value;
  }
  toString(): string {
    return "[secret]";
  }
  toJSON(): string {
    return "[secret]";
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}

export type Value = null | undefined | boolean | number | string | Secret | Unknown | Value[] | Properties;
export interface Properties {
  [name: string]: Value;
}

/** The plain value behind a secret, or the value itself. */
export function reveal(value: Value): Exclude<Value, Secret> {
  return value instanceof Secret ? reveal(value.reveal()) : value;
}

/** Whether the value or anything inside it is still unknown. */
export function hasUnknown(value: Value): boolean {
  const plain = reveal(value);
  if (plain instanceof Unknown) return true;
  if (Array.isArray(plain)) return plain.some(hasUnknown);
  return typeof plain === "object" && plain !== null && Object.values(plain).some(hasUnknown);
}

/** Equality by content; secrets compare by their values, an unknown equals nothing. */
export function same(a: Value, b: Value): boolean {
  const [x, y] = [reveal(a) ?? null, reveal(b) ?? null];
  if (x instanceof Unknown || y instanceof Unknown) return false;
  if (Array.isArray(x) && Array.isArray(y))
    return x.length === y.length && x.every((item: Value, i) => same(item, (y as Value[])[i]));
  if (isObject(x) && isObject(y))
    return [...new Set([...Object.keys(x), ...Object.keys(y)])].every((k) => same(x[k], y[k]));
  return x === y;
}

function isObject(value: Value): value is Properties {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Unknown) &&
    !(value instanceof Secret)
  );
}

export function decode(struct: structpb.Struct | undefined): Properties {
  return (fromJs(struct?.toJavaScript() ?? {}) ?? {}) as Properties;
}

export function encode(properties: Properties): structpb.Struct {
  return structpb.Struct.fromJavaScript(toJs(properties) as Parameters<typeof structpb.Struct.fromJavaScript>[0]);
}

function fromJs(value: unknown): Value {
  if (value === unknownSentinel) return unknown;
  if (Array.isArray(value)) return value.map(fromJs);
  if (typeof value !== "object" || value === null) return value as Value;
  const object = value as Record<string, unknown>;
  if (object[signatureKey] === secretSignature) return new Secret(fromJs(object["value"]));
  return Object.fromEntries(Object.entries(object).map(([k, v]) => [k, fromJs(v)]));
}

function toJs(value: Value): unknown {
  if (value instanceof Unknown) return unknownSentinel;
  if (value instanceof Secret) return { [signatureKey]: secretSignature, value: toJs(value.reveal()) };
  if (Array.isArray(value)) return value.map(toJs);
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .map(([k, v]) => [k, toJs(v)]),
  );
}

/** Every secret string inside the value, for redaction. */
export function secretsIn(value: Value, inside = false): string[] {
  if (value instanceof Secret) return secretsIn(value.reveal(), true);
  if (Array.isArray(value)) return value.flatMap((item: Value) => secretsIn(item, inside));
  if (isObject(value)) return Object.values(value).flatMap((item) => secretsIn(item, inside));
  return inside && typeof value === "string" && value.length >= 4 ? [value] : [];
}
