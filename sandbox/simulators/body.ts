import type { FastifyRequest } from "fastify";

/** A JSON value whose fields are not known yet. */
export type JsonObject = Record<string, unknown>;

/** The body as JSON: undefined where there is none. Where it is not JSON, `malformed` makes the vendor's error. */
export function jsonBody(request: FastifyRequest, malformed: () => Error): unknown {
  const text = request.body;
  if (typeof text !== "string" || text.trim() === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw malformed();
  }
}

/** The body as a JSON object; an absent body is an empty one. */
export function objectBody(request: FastifyRequest, malformed: () => Error): JsonObject {
  const value = jsonBody(request, malformed) ?? {};
  if (!isObject(value)) throw malformed();
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A string field, or undefined. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A whole number from a query parameter, held within bounds. */
export function boundedNumber(value: unknown, fallback: number, min: number, max: number): number {
  const number = typeof value === "string" && value !== "" ? Number(value) : fallback;
  return Number.isInteger(number) ? Math.min(max, Math.max(min, number)) : fallback;
}
