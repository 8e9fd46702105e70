// Reads a resource's inputs with the types its contract promises, once the engine has made them known.
import type { Failure } from "../wire/contract.ts";
import { reveal, Secret, Unknown, type Properties, type Value } from "../wire/values.ts";

/** A required string. In a preview an unknown one reads as "". */
export function text(properties: Properties, key: string): string {
  const value = reveal(properties[key]);
  return typeof value === "string" ? value : "";
}

export function number(properties: Properties, key: string, otherwise: number): number {
  const value = reveal(properties[key]);
  return typeof value === "number" ? value : otherwise;
}

/** Whether a person asked for a new one: the generation that is configured is higher than the last one. */
export function raised(inputs: Properties, oldInputs: Properties): boolean {
  return number(inputs, "forced", 1) > number(oldInputs, "forced", 1);
}

export function flag(properties: Properties, key: string): boolean {
  return reveal(properties[key]) === true;
}

export function list<T extends Value = string>(properties: Properties, key: string): T[] {
  const value = reveal(properties[key]);
  return Array.isArray(value) ? (value as T[]) : [];
}

/** An object of settings; {} when there is none. What is secret inside stays so. */
export function object(properties: Properties, key: string): Properties {
  const value = reveal(properties[key]);
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Unknown)
    ? value
    : {};
}

export function secret(value: string): Secret<string> {
  return new Secret(value);
}

/** Failures for required inputs that are missing; unknown ones count as present. */
export function required(properties: Properties, ...keys: string[]): Failure[] {
  return keys
    .filter((key) => properties[key] === undefined || properties[key] === null)
    .map((key) => ({ property: key, reason: `${key} is missing` }));
}

/** A failure when a known string does not have its vendor's shape. */
export function shaped(properties: Properties, key: string, shape: RegExp, like: string): Failure[] {
  const value = properties[key];
  if (value instanceof Unknown || value instanceof Secret || value === undefined) return [];
  return typeof value === "string" && shape.test(value)
    ? []
    : [{ property: key, reason: `${key} is ${JSON.stringify(value)}, which is not such an id; it looks like ${like}` }];
}
