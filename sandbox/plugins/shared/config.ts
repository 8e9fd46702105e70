// Provider configuration, as the engine hands it over: texts, with numbers and booleans written as JSON.
import type { CheckResult, Failure, Properties, Value } from "../../../provider/wire/contract.ts";
import { reveal, Unknown } from "../../../provider/wire/values.ts";

/** A setting of the official plugin; one without a kind is not covered by the stand-in. */
export type Settings = Record<string, { kind?: "string" | "number" | "boolean" }>;

/** What the engine itself adds. */
const ownKeys = ["version", "pluginDownloadURL", "pluginChecksums", "__internal", "name", "parameterization"];

/** Refuses settings that are unknown or not covered, by name. */
export function checkSettings(plugin: string, settings: Settings, inputs: Properties): CheckResult {
  const failures: Failure[] = [];
  for (const [key, raw] of Object.entries(inputs)) {
    if (ownKeys.includes(key) || isUnset(raw)) continue;
    const setting = settings[key];
    if (!setting) failures.push({ property: key, reason: `${plugin} has no setting '${plugin}:${key}'` });
    else if (!setting.kind)
      failures.push({
        property: key,
        reason: `The stand-in for the ${plugin} plugin does not cover the setting '${plugin}:${key}'. Leave it out, or install the official plugin.`,
      });
    else if (!(reveal(raw) instanceof Unknown) && typeof parsed(raw, setting.kind) !== setting.kind)
      failures.push({ property: key, reason: `'${plugin}:${key}' must be a ${setting.kind}` });
  }
  return { inputs, failures };
}

export interface Configuration {
  text(key: string): string | undefined;
  number(key: string): number | undefined;
  boolean(key: string): boolean | undefined;
}

/** Reads settings; what is unset, empty or not known yet is undefined. */
export function configuration(values: Properties): Configuration {
  const read = (key: string, kind: "string" | "number" | "boolean"): Value => {
    const value = values[key];
    return isUnset(value) || reveal(value) instanceof Unknown ? undefined : parsed(value, kind);
  };
  return {
    text: (key) => {
      const value = read(key, "string");
      return typeof value === "string" ? value : undefined;
    },
    number: (key) => {
      const value = read(key, "number");
      return typeof value === "number" ? value : undefined;
    },
    boolean: (key) => {
      const value = read(key, "boolean");
      return typeof value === "boolean" ? value : undefined;
    },
  };
}

/** An environment variable, undefined when empty. */
export function env(name: string): string | undefined {
  return process.env[name] || undefined;
}

function isUnset(value: Value): boolean {
  const inner = reveal(value);
  return inner === undefined || inner === null || inner === "";
}

function parsed(value: Value, kind: string): Value {
  const inner = reveal(value);
  if (kind === "string" || typeof inner !== "string") return inner;
  try {
    return JSON.parse(inner) as Value;
  } catch {
    return inner;
  }
}
