// What the stack knows about each secret, read from its state. The values in it are ciphertext and are not touched.
import { decide, type Memory, type Terms } from "../provider/schedule/decide.ts";
import type { State, StateResource } from "./engine.ts";

const day = 86_400_000;
/** Days before its due date from which a secret that a person must fetch counts as due. */
export const fetchDays = 14;

export type SecretState = "ok" | "due" | "overdue" | "held" | "unfinished" | "drifted" | "on request";

/** One secret, without its value. Dates are RFC 3339, empty where there is none. */
export interface Row {
  /** `<application>/<secret>` */
  name: string;
  application: string;
  secret: string;
  class: string;
  owner: string;
  /** How it is rotated, for people: `generated, overlap 24 h`. */
  handling: string;
  /** Whether a person has to fetch the new value. */
  handedOver: boolean;
  intervalDays: number;
  generation: number;
  /** What a person raised it to; 1: never asked for. */
  forced: number;
  rotatedAt: string;
  ageDays: number;
  dueAt: string;
  /** Until when the previous value is accepted. */
  previousUntil: string;
  state: SecretState;
  /** Why, when the state is not "ok". */
  why: string;
  destinations: string[];
  consumers: string[];
  fingerprint: string;
  /** The highest generation that was ended in an emergency and must not come back; 0: none. */
  revoked: number;
  /** The last return to an earlier value that was followed, RFC 3339; empty: none. */
  restoredAt: string;
  /** The environment variable of a run that works with the previous credential itself, which therefore has not ended. */
  worksWith: string;
}

const classOrder = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];

/** The last part of a URN: `visapi/JWT_SECRET/clock`. */
export function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

/** `visapi/JWT_SECRET` of a resource's name; undefined for what belongs to no secret. */
export function secretOf(name: string): string | undefined {
  return /^([^/]+\/[^/]+)(\/|$)/.exec(name)?.[1];
}

/** All secrets of the stack, risk first; the state's own order says nothing. */
export function readInventory(state: State, now: Date): Row[] {
  const groups = new Map<string, StateResource[]>();
  for (const resource of state.resources) {
    const secret = secretOf(nameOf(resource.urn));
    if (secret) groups.set(secret, [...(groups.get(secret) ?? []), resource]);
  }
  const rows = [...groups].flatMap(([name, resources]) => {
    const row = readRow(name, resources, now);
    if (!row) return [];
    const open = state.pending.some((urn) => secretOf(nameOf(urn)) === name);
    return [open ? { ...row, state: "unfinished" as const, why: "a run was killed in the middle of a step" } : row];
  });
  return byRisk(rows);
}

/** By class, CRITICAL first, then by name. */
function byRisk(rows: Row[]): Row[] {
  const rank = (row: Row): number => classOrder.indexOf(row.class);
  return rows.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

function readRow(name: string, resources: StateResource[], now: Date): Row | undefined {
  const part = (type: string, ending = ""): StateResource | undefined =>
    resources.find((resource) => resource.type === type && nameOf(resource.urn).endsWith(ending));
  const schedule = part("rotation:index:Schedule")?.inputs;
  if (!schedule) return undefined;
  const component =
    resources
      .find((resource) => nameOf(resource.urn) === name)
      ?.type.split(":")
      .pop() ?? "";
  // Whatever remembers the value: it knows its generation and shows its fingerprint.
  const material = resources.find(
    ({ outputs }) => typeof outputs?.["generation"] === "number" && typeof outputs["fingerprint"] === "string",
  );
  const verification = part("rotation:index:Verification");
  const window = text(schedule["window"]);
  const finished =
    verification?.inputs?.["window"] === window &&
    verification.inputs["forced"] === (schedule["generation"] ?? 1) &&
    verification.outputs?.["fingerprint"] === material?.outputs?.["fingerprint"];
  const [application = "", ...rest] = name.split("/");
  const handedOver = component.startsWith("HandedOver");
  const revocation = part("rotation:index:Revocation")?.outputs;
  const judged = finished
    ? judge(schedule, handedOver, now, revocation)
    : { state: "unfinished" as const, why: "its last rotation did not finish; what was in use stays valid" };
  return {
    name,
    application,
    secret: rest.join("/"),
    class: text(schedule["class"]),
    owner: text(schedule["owner"]),
    handling: handlingOf(component, material, schedule["onRequest"] === true),
    handedOver,
    intervalDays: Number(schedule["intervalDays"]),
    generation: Number(material?.outputs?.["generation"] ?? 0),
    forced: Number(schedule["generation"] ?? 1),
    rotatedAt: window,
    ageDays: Math.floor((now.getTime() - Date.parse(window)) / day),
    dueAt: text(schedule["dueAt"]),
    previousUntil: text((revocation ?? material?.outputs)?.["retireAt"]),
    ...judged,
    destinations: destinationsOf(resources),
    consumers: strings(verification?.outputs?.["consumers"]),
    fingerprint: text(material?.outputs?.["fingerprint"]),
    revoked: Number(material?.inputs?.["revoked"] ?? 0),
    restoredAt: text(material?.inputs?.["restoredAt"]),
    worksWith: text(revocation?.["worksWith"]),
  };
}

/** By the same function that the next run will ask. */
function judge(
  schedule: Record<string, unknown>,
  handedOver: boolean,
  now: Date,
  revocation: Record<string, unknown> | undefined,
): { state: SecretState; why: string } {
  const overdue = Date.parse(text(schedule["dueAt"])) < now.getTime();
  if (handedOver) {
    const soon = Date.parse(text(schedule["dueAt"])) < now.getTime() + fetchDays * day;
    const secret = text(schedule["secret"]).replace(/^[^/]*\//, "");
    if (overdue || soon) return { state: overdue ? "overdue" : "due", why: `type: rotate hand-over ${secret}` };
    if (Number(revocation?.["held"] ?? 0) > 0)
      return { state: "held", why: `its previous credential is not revoked: ${text(revocation?.["reason"])}` };
    return { state: "ok", why: "" };
  }
  try {
    const { window, generation, announced } = schedule as unknown as Memory;
    const terms = { anchor: schedule["secret"], generation: 1, ...schedule } as unknown as Terms;
    const memory: Memory = { window, generation: generation ?? 1, ...(announced ? { announced } : {}) };
    const decision = decide(memory, terms, now);
    if (decision.held === "on request") return { state: overdue ? "overdue" : "on request", why: decision.reason };
    if (decision.held) return { state: overdue ? "overdue" : "held", why: decision.reason };
    if (decision.rotate) return { state: overdue ? "overdue" : "due", why: "the next run rotates it" };
    if (Number(revocation?.["held"] ?? 0) > 0)
      return { state: "held", why: `its previous credential is not revoked: ${text(revocation?.["reason"])}` };
    return { state: "ok", why: "" };
  } catch (error) {
    return { state: "held", why: (error as Error).message };
  }
}

function handlingOf(component: string, material: StateResource | undefined, onRequest: boolean): string {
  const kinds: Record<string, string> = {
    GeneratedSecret: "generated",
    PrefixSecret: "a constant",
    HandedOverSecret: "handed over by a person",
    IssuedCredential: "issued",
    IssuedKeyPair: "issued",
    HandedOverKeyPair: "handed over by a person",
  };
  const kind = kinds[component] ?? component.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
  if (component.startsWith("HandedOver")) return kind;
  if (component === "PrefixSecret") return `${kind}, on request`;
  const grace = material?.inputs?.["graceHours"];
  if (component === "IssuedCredential" && material?.inputs?.["cutOver"] === true) return `${kind}, cut-over`;
  if (component === "IssuedKeyPair")
    return `${kind}, primary and secondary${typeof grace === "number" ? `, grace ${grace} h` : ""}`;
  if (component === "IssuedCredential" && material?.outputs?.["previousReference"] !== undefined)
    return `${kind}, two slots${typeof grace === "number" ? `, grace ${grace} h` : ""}`;
  const overlap = grace === 0 ? "cut-over" : typeof grace === "number" ? `overlap ${grace} h` : "";
  return [kind, overlap, onRequest ? "on request" : ""].filter((each) => each !== "").join(", ");
}

/** `vault:secret`, `github:visapi@production`, `render:api`: the system of record first. */
export function destinationsOf(resources: StateResource[]): string[] {
  const found = [...new Set(resources.flatMap((resource) => destinationOf(resource) ?? []))].sort();
  const first = (name: string): boolean => name.startsWith("vault:");
  return [...found.filter(first), ...found.filter((name) => !first(name))];
}

/** Where a resource puts a value; undefined when it puts none anywhere. */
export function destinationOf({ type, urn, inputs = {} }: StateResource): string | undefined {
  const last = nameOf(urn).split("/").pop() ?? "";
  const field = (key: string): string => text(inputs[key]);
  if (type === "vault:kv/secretV2:SecretV2" || type === "rotation:vault:KeyPair") return `vault:${field("mount")}`;
  if (type === "rotation:render:EnvVar") return `render:${last.replace(/^render-|-previous$/g, "")}`;
  if (type === "rotation:vercel:EnvVar") return `vercel:${last.replace(/^vercel-|-previous$/g, "")}`;
  if (type === "github:index/actionsSecret:ActionsSecret") return `github:${field("repository")}`;
  if (type === "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret")
    return `github:${field("repository")}@${field("environment")}`;
  // A key set is public, but whoever changes it decides which tokens are believed.
  if (type === "kubernetes:core/v1:Secret" || type === "kubernetes:core/v1:ConfigMap")
    return `kubernetes:${last.replace(/^kubernetes-?/, "") || "secret"}`;
  return undefined;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}
