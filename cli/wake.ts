// When a stack must be looked at by the engine again: a bound from what its state remembers. It may come too early,
// never too late: what this file does not understand asks for the engine in every run.
import { horizonOf, type Terms } from "../provider/schedule/terms.ts";
import type { State, StateResource } from "./engine.ts";
import { readInventory } from "./inventory.ts";

/** Types of resources whose steps depend on time in no other way than this file knows. */
const understood = [
  /^pulumi:/,
  /^secret-rotation:index:/,
  /^(random|time|github|kubernetes):/,
  /^vault:kv\//,
  /^rotation:index:(Schedule|Precheck|Notice|Overlap|Verification|Credential|Revocation|KeySet)$/,
  /^rotation:(render|vercel|kubernetes|supabase):/,
  /^rotation:vault:(TransitRotation|Reencryption|TransitMinimum)$/,
];
const instant = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/;

/** What the engine keeps of a resource beside what commands show. */
interface Remembered extends StateResource {
  /** By the name of each input that the program gave: what it came from. */
  propertyDependencies?: Record<string, string[]>;
}

/**
 * The first instant at which a run might find something to do, when the engine has just found nothing left.
 * @param now of the run that found nothing left
 * @returns undefined: at any time, so every run needs the engine; RFC 3339 otherwise, "" for never
 */
export function wakeAt(state: State, now: Date): string | undefined {
  if (state.pending.length > 0) return undefined;
  if (state.resources.some((resource) => !quiet(resource, now))) return undefined;
  const rows = readInventory(state, now);
  if (rows.some(({ state: each }) => each !== "ok" && each !== "on request")) return undefined;
  const instants = state.resources.flatMap((resource) => [...future(resource, now), ...horizon(resource)]);
  if (instants.some((at) => Number.isNaN(at) || at <= now.getTime())) return undefined;
  return instants.length > 0 ? new Date(Math.min(...instants)).toISOString() : "";
}

/** Whether nothing of a resource is waiting for a run as such, rather than for a time to come. */
function quiet({ type, inputs = {}, outputs = {} }: StateResource, now: Date): boolean {
  if (!understood.some((pattern) => pattern.test(type))) return false;
  // A record that the audit trail is still owed is written by the next run.
  if (typeof outputs["unaudited"] === "string") return false;
  const past = (value: unknown): boolean => typeof value !== "string" || !(Date.parse(value) > now.getTime());
  // A previous value that could not end yet is asked for again in every run.
  if (type === "rotation:index:Overlap") return outputs["holds"] !== true || !past(outputs["retireAt"]);
  if (type === "rotation:index:Revocation")
    return (
      outputs["done"] === true ||
      outputs["retireAt"] === "" ||
      !past(outputs["retireAt"]) ||
      !inputs["previousReference"]
    );
  if (type === "rotation:vault:TransitMinimum")
    return inputs["raiseAt"] === "" || !past(inputs["raiseAt"]) || inputs["minimum"] === inputs["target"];
  if (type === "rotation:index:KeySet") return settled(outputs["slots"], past);
  return true;
}

/** Whether a key set waits for nothing but time: everything was seen where it belongs, and every end lies ahead. */
function settled(slots: unknown, past: (value: unknown) => boolean): boolean {
  const { next, retired } = (slots ?? {}) as { next?: { publishedAt?: string }; retired?: { until?: string }[] };
  return Boolean(next?.publishedAt) && Array.isArray(retired) && retired.every(({ until }) => !past(until));
}

/** When a run begins to concern itself with a secret: to announce it, or to rotate it. */
function horizon({ type, inputs = {}, propertyDependencies }: Remembered): number[] {
  if (type !== "rotation:index:Schedule" || inputs["onRequest"] === true) return [];
  const terms = inputs as unknown as Terms;
  // The second of a pair begins a lead earlier. Its partner's window is not remembered, but that it was given one is.
  const single = propertyDependencies !== undefined && !("apartFrom" in propertyDependencies);
  return [
    Date.parse(String(inputs["dueAt"])) -
      horizonOf(single ? { ...terms, apartFrom: undefined } : { ...terms, apartFrom: "2026-01-01T00:00:00Z" }),
  ];
}

/** Every instant to come that a resource knows: whatever it means, a run then may have something to do. */
function future({ inputs, outputs, type }: StateResource, now: Date): number[] {
  const found: number[] = [];
  const look = (value: unknown): void => {
    if (typeof value === "string") {
      if (instant.test(value) && Date.parse(value) > now.getTime()) found.push(Date.parse(value));
    } else if (typeof value === "object" && value !== null) Object.values(value).forEach(look);
  };
  look(inputs);
  look(outputs);
  // People are told two weeks before a secret that they must fetch is due.
  if (type === "rotation:index:Notice") {
    const soon = Date.parse(String(inputs?.["dueAt"])) - 14 * 86_400_000;
    if (soon > now.getTime()) found.push(soon);
  }
  return found;
}
