// Digests `pulumi preview --json` into what a person wants to know before a run: which secrets, why, and what it does
// to whom. Values in a preview read "[secret]", and nothing here looks at them.
import { finished } from "../provider/resources/finished.ts";
import { Failure } from "./command.ts";
import { destinationOf, nameOf, secretOf } from "./inventory.ts";
import { callsByKind, callsByRollout, callsByType, loads, type LimitClass, type Load } from "./limits.ts";

export interface PreviewStep {
  op: string;
  urn: string;
  oldState?: PreviewState;
  newState?: PreviewState;
}
interface PreviewState {
  type: string;
  inputs?: Record<string, unknown>;
}
export interface Preview {
  steps?: PreviewStep[];
  diagnostics?: { urn?: string; message: string; severity: string }[];
}

export type What = "created" | "rotated" | "previous value ends" | "finished" | "settings changed" | "removed";

export interface PlannedSecret {
  name: string;
  what: What;
  class: string;
  /** In the schedule's own words. */
  why: string;
  /** RFC 3339; empty for a new secret. */
  from: string;
  to: string;
  dueAt: string;
  generation: number;
  /** Whoever uses the old value at the restart is refused. */
  cutOver: boolean;
  /** Until when both values are accepted. */
  previousUntil: string;
  destinations: string[];
  /** Who restarts, like `render:api`. */
  rollouts: string[];
  /** Who is asked for a proof, like `api (2 instances)`. */
  proves: string[];
}

export interface Plan {
  /** In the order in which the engine takes them up. */
  secrets: PlannedSecret[];
  /** Held back, with the reason. */
  held: { name: string; why: string }[];
  /** Each restarted once, with the secrets that it takes up. */
  consumers: { rollout: string; secrets: string[] }[];
  loads: Load[];
  /** Seconds, of this run, as far as limits and usual deploy times tell. */
  seconds: number;
  /** What policies and the program had to say, without a value. */
  warnings: string[];
}

const silent = new Set(["same", "read", "refresh", "discard-replaced", "delete-replaced"]);
/** A step of the engine: provider call, state written. Measured in the sandbox, rounded up. */
const secondsPerStep = 0.2;

/** @throws Failure when the text is no preview */
export function digest(preview: unknown): Plan {
  const { steps = [], diagnostics = [] } = (preview ?? {}) as Preview;
  if (!Array.isArray(steps)) throw new Failure("That is no preview: it has no steps");
  const changed = steps.filter(({ op }) => !silent.has(op));
  const groups = new Map<string, PreviewStep[]>();
  for (const step of changed) {
    const secret = secretOf(nameOf(step.urn));
    if (secret && nameOf(step.urn) !== secret) groups.set(secret, [...(groups.get(secret) ?? []), step]);
  }
  const said = (name: string, severity: string): string =>
    diagnostics
      .filter((each) => each.severity === severity && each.urn && nameOf(each.urn) === `${name}/schedule`)
      .map(({ message }) => tidy(message))
      .join("; ");
  const secrets = [...groups].map(([name, mine]) => planned(name, mine, steps, said(name, "info")));
  const warned = diagnostics.filter(({ severity, urn }) => severity === "warning" && urn?.endsWith("/schedule"));
  const byHand = new Set(warned.filter(({ urn }) => /:HandedOver\w+\$/.test(urn ?? "")).map(({ urn }) => urn));
  const held = [...new Set(warned.map(({ urn = "" }) => urn))].map((urn) => {
    const name = secretOf(nameOf(urn)) ?? "";
    const why = said(name, "warning");
    const fetch = `a person fetches it: rotate hand-over ${name.replace(/^[^/]*\//, "")}`;
    return { name, why: byHand.has(urn) ? why.replace(/rotated only on request.*$/, fetch) : why };
  });
  const consumers = consumersOf(secrets);
  const calls = callsOf(changed, consumers.length > 0 ? changed : []);
  const asked = loads(calls);
  return {
    secrets,
    held,
    consumers,
    loads: asked,
    seconds: changed.length * secondsPerStep + waitFor(asked) + deployTime(changed),
    warnings: diagnostics
      .filter(({ severity, urn }) => severity === "warning" && !(urn && nameOf(urn).endsWith("/schedule")))
      .map(({ message }) => tidy(message)),
  };
}

function planned(name: string, mine: PreviewStep[], all: PreviewStep[], why: string): PlannedSecret {
  const every = all.filter(({ urn }) => secretOf(nameOf(urn)) === name);
  const find = (steps: PreviewStep[], test: (step: PreviewStep) => boolean): PreviewStep | undefined =>
    steps.find(test);
  const schedule = find(every, ({ urn }) => typeOf(urn) === "rotation:index:Schedule");
  const material = find(
    every,
    ({ urn, newState }) =>
      typeof newState?.inputs?.["generation"] === "number" &&
      ("holds" in (newState.inputs ?? {}) || typeOf(urn) === "rotation:index:Credential"),
  );
  const [before, after] = [schedule?.oldState?.inputs ?? {}, schedule?.newState?.inputs ?? {}];
  const [was, becomes] = [material?.oldState?.inputs ?? {}, material?.newState?.inputs ?? {}];
  const made = every.some(({ op, urn }) => op === "create" && typeOf(urn) === "rotation:index:Schedule");
  const gone = every.every(({ op }) => op === "delete");
  const rotates = was["generation"] !== becomes["generation"];
  const ending = mine.some(ends);
  const delivers = mine.some((step) => destinationOf(asResource(step)) !== undefined);
  const what: What = gone
    ? "removed"
    : made
      ? "created"
      : rotates
        ? "rotated"
        : ending || (was["holds"] === true && becomes["holds"] !== true)
          ? "previous value ends"
          : delivers || mine.some(({ urn }) => typeOf(urn) === "rotation:index:Verification")
            ? "finished"
            : "settings changed";
  const proofs = find(every, ({ urn }) => typeOf(urn) === "rotation:index:Verification")?.newState?.inputs?.["proofs"];
  return {
    name,
    what,
    class: text(after["class"] ?? before["class"]),
    why: why || reasonOf(what),
    from: text(before["window"]),
    to: text(after["window"]),
    dueAt: text(after["dueAt"]),
    generation: Number(becomes["generation"] ?? 1),
    cutOver: rotates && !made && (becomes["graceHours"] === 0 || becomes["cutOver"] === true),
    previousUntil: rotates ? text(becomes["retireAt"]) : "",
    destinations: [...new Set(mine.flatMap((step) => destinationOf(asResource(step)) ?? []))],
    rollouts: [...new Set(mine.flatMap((step) => rolloutOf(step) ?? []))],
    proves: Array.isArray(proofs) ? proofs.map(proving) : [],
  };
}

function reasonOf(what: What): string {
  const reasons: Record<What, string> = {
    created: "new",
    rotated: "a person asked for it",
    "previous value ends": "its grace period is over",
    finished: "an earlier run did not get to the end",
    "settings changed": "its declaration changed; the value stays",
    removed: "the program does not declare it any more",
  };
  return reasons[what];
}

function proving(source: unknown): string {
  const { consumer = "?", instances = 1 } = source as { consumer?: string; instances?: number };
  return `${consumer} (${instances} instance${instances === 1 ? "" : "s"})`;
}

function asResource({ urn, newState, oldState }: PreviewStep) {
  return { urn, type: typeOf(urn), inputs: newState?.inputs ?? oldState?.inputs ?? {} };
}

/** `render:api` of the rollout step of a service. */
function rolloutOf({ urn }: PreviewStep): string | undefined {
  const type = typeOf(urn);
  if (!(type in callsByRollout)) return undefined;
  const label = (nameOf(urn).split("/").pop() ?? "").replace(/^rollout-/, "");
  return `${type.split(":")[1]}:${label}`;
}

function consumersOf(secrets: PlannedSecret[]): Plan["consumers"] {
  const rollouts = [...new Set(secrets.flatMap((secret) => secret.rollouts))];
  return rollouts.map((rollout) => ({
    rollout,
    secrets: secrets.filter((secret) => secret.rollouts.includes(rollout)).map(({ name }) => name),
  }));
}

function callsOf(changed: PreviewStep[], rolled: PreviewStep[]): Map<LimitClass, number> {
  const calls = new Map<LimitClass, number>();
  const add = (name: LimitClass, count: number): void => void calls.set(name, (calls.get(name) ?? 0) + count);
  for (const step of changed) {
    for (const [name, count] of Object.entries(callsByType[typeOf(step.urn)] ?? {})) add(name as LimitClass, count);
    const { limit, made, ended } = callsByKind[text(step.newState?.inputs?.["kind"])] ?? {};
    if (limit && makes(step)) add(limit, made ?? 0);
    if (limit && ends(step)) add(limit, ended ?? 0);
  }
  for (const [type] of services(rolled)) {
    const rollout = callsByRollout[type];
    if (rollout) add(rollout.limit, 1);
  }
  // Starting, and done: what several secrets have to say at a moment goes out as one message.
  const notices = new Set(changed.flatMap((step) => (announces(step) ? [typeOf(step.urn)] : [])));
  if (notices.size > 0) add("slack", notices.size);
  return calls;
}

/** Whether people are told of a step: of a verification only where it is the end of a rotation. */
function announces({ urn, oldState, newState }: PreviewStep): boolean {
  const type = typeOf(urn);
  if (type === "rotation:index:Verification") return finished(newState?.inputs ?? {}, oldState?.inputs) !== undefined;
  return type === "rotation:index:Precheck" || type === "rotation:index:Notice";
}

/** Whether a step issues a credential. */
function makes({ urn, oldState, newState }: PreviewStep): boolean {
  const generation = newState?.inputs?.["generation"];
  return typeOf(urn) === "rotation:index:Credential" && generation !== oldState?.inputs?.["generation"];
}

/** Whether a step ends one. */
function ends({ urn, newState }: PreviewStep): boolean {
  return typeOf(urn) === "rotation:index:Revocation" && newState?.inputs?.["due"] === true;
}

/** Type and label of every service that is rolled out, once each. */
function services(changed: PreviewStep[]): [type: string, label: string][] {
  const found = new Map<string, [string, string]>();
  for (const step of changed) {
    const rollout = rolloutOf(step);
    if (rollout) found.set(rollout, [typeOf(step.urn), rollout]);
  }
  return [...found.values()];
}

/** Limits of one vendor are waited for one after the other, those of different vendors at the same time. */
function waitFor(asked: Load[]): number {
  const byVendor = new Map<string, number>();
  for (const { vendor, waits } of asked) byVendor.set(vendor, (byVendor.get(vendor) ?? 0) + waits);
  return Math.max(0, ...byVendor.values());
}

/** Services of one secret restart one after the other. */
function deployTime(changed: PreviewStep[]): number {
  return services(changed).reduce((sum, [type]) => sum + (callsByRollout[type]?.minutes ?? 0) * 60, 0);
}

function typeOf(urn: string): string {
  return urn.split("::")[2]?.split("$").pop() ?? "";
}

function tidy(message: string): string {
  return message.replace(/^warning: /, "").trim();
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
