// What the official bridged plugins have in common, around the behaviour of one resource: inputs checked against a
// schema, secrets marked by it, values kept out of errors. Facts: pulumi/pulumi-terraform-bridge `pkg/tfbridge`
// (terraform-plugin-sdk providers: vault, github) and `pkg/pf/tfbridge` (plugin framework: random, time).
import type {
  CheckResult,
  DiffResult,
  Failure,
  Log,
  Properties,
  Resource,
  Value,
} from "../../../provider/wire/contract.ts";
import { hasUnknown, reveal, same, Secret, unknown, Unknown } from "../../../provider/wire/values.ts";
import { redacted, textsIn } from "./redact.ts";

/** One input of the official schema. */
export interface Input {
  kind: "string" | "number" | "boolean" | "map" | "object" | "list";
  required?: boolean;
  /** Schema default, filled in by `check` (terraform-plugin-sdk providers only). */
  default?: Value;
  /** The official plugin marks it secret in the inputs too. */
  secret?: boolean;
  /** Why the stand-in does not take an input that the official plugin has. */
  refused?: string;
}

export interface Step {
  name: string;
  log: Log;
}

/** The behaviour of one resource. It sees plain values; `unknown` stands for what a preview does not know. */
export interface Behaviour {
  token: string;
  inputs: Record<string, Input>;
  /** Outputs that are secrets whatever the inputs were. */
  secretOutputs: string[];
  /** Rules over several inputs; runs after names, kinds and required inputs were found right. */
  validate?(inputs: Properties, name: string, oldInputs: Properties | undefined): Failure[];
  /** `outputs` is the old state, which bridged plugins compare with, rather than the old inputs. */
  diff(
    step: Step & { outputs: Properties; oldInputs: Properties; inputs: Properties; ignoreChanges: string[] },
  ): DiffResult | Promise<DiffResult>;
  /** Outputs as far as a preview knows them. */
  plan(inputs: Properties, outputs?: Properties): Properties;
  create(step: Step & { inputs: Properties }): Promise<{ id: string; outputs: Properties }>;
  update(
    step: Step & { id: string; inputs: Properties; oldInputs: Properties; outputs: Properties },
  ): Promise<Properties>;
  /** `outputs` is empty on an import. Without `inputs` in the answer the old ones are kept. */
  read(
    step: Step & { id: string; inputs: Properties; outputs: Properties },
  ): Promise<{ id: string; outputs: Properties; inputs?: Properties } | undefined>;
  delete?(step: Step & { id: string; outputs: Properties; oldInputs: Properties }): Promise<void>;
}

/** The behaviour as a resource of the wire adapter. */
export function bridged(behaviour: Behaviour): Resource {
  const { token } = behaviour;
  const mark = (outputs: Properties): Properties => withSecrets(outputs, behaviour.secretOutputs);
  const secretInputs = Object.keys(behaviour.inputs).filter((name) => behaviour.inputs[name]?.secret);
  const guarded = <T>(held: Properties[], run: () => Promise<T>): Promise<T> =>
    run().catch((error: unknown) => {
      const values = held.flatMap((properties) =>
        [...secretInputs, ...behaviour.secretOutputs].flatMap((name) => textsIn(properties[name])),
      );
      throw new Error(redacted(error instanceof Error ? error.message : String(error), values));
    });

  return {
    token,
    check: (request): CheckResult => {
      const result = checkInputs(token, request.name, plain(request.inputs), behaviour.inputs);
      if (!result.failures?.length)
        result.failures =
          behaviour.validate?.(result.inputs, request.name, request.oldInputs && plain(request.oldInputs)) ?? [];
      return { inputs: withSecrets(result.inputs, secretInputs), failures: result.failures };
    },
    diff: (request) =>
      behaviour.diff({
        name: request.name,
        log: request.log,
        outputs: plain(request.oldOutputs),
        oldInputs: plain(request.oldInputs),
        inputs: plain(request.inputs),
        ignoreChanges: request.ignoreChanges,
      }),
    create: async ({ name, log, preview, ...request }) => {
      const inputs = plain(request.inputs);
      if (preview) return { id: "", outputs: mark(behaviour.plan(inputs)) };
      const created = await guarded([inputs], () => behaviour.create({ name, log, inputs }));
      return { id: created.id, outputs: mark(created.outputs) };
    },
    update: async ({ name, log, id, preview, ...request }) => {
      const [inputs, outputs, oldInputs] = [request.inputs, request.oldOutputs, request.oldInputs].map(plain) as [
        Properties,
        Properties,
        Properties,
      ];
      if (preview) return mark(behaviour.plan(inputs, outputs));
      return mark(
        await guarded([inputs, outputs], () => behaviour.update({ name, log, id, inputs, oldInputs, outputs })),
      );
    },
    read: async ({ name, log, id, ...request }) => {
      const [inputs, outputs] = [plain(request.inputs), plain(request.outputs)];
      const found = await guarded([inputs, outputs], () => behaviour.read({ name, log, id, inputs, outputs }));
      if (!found) return undefined;
      return {
        id: found.id,
        inputs: withSecrets(found.inputs ?? inputs, secretInputs),
        outputs: mark(found.outputs),
      };
    },
    delete: async ({ name, log, id, ...request }) => {
      const [outputs, oldInputs] = [plain(request.outputs), plain(request.oldInputs)];
      await guarded([outputs], async () => behaviour.delete?.({ name, log, id, outputs, oldInputs }));
    },
  };
}

/** Checks names, kinds and required inputs, and fills in schema defaults. */
export function checkInputs(token: string, name: string, given: Properties, spec: Record<string, Input>): CheckResult {
  const failures: Failure[] = [];
  const inputs: Properties = {};
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === null || key === "__defaults") continue;
    const input = spec[key];
    if (!input) failures.push({ reason: `${token} '${name}' has no input '${key}'` });
    else if (input.refused)
      failures.push({
        reason: `The stand-in for ${token} does not cover input '${key}' of '${name}': ${input.refused}. Leave it out, or install the official plugin.`,
      });
    else if (!fits(input.kind, value))
      failures.push(failure(name, key, `Incorrect kind of value: ${key} must be a ${input.kind}`));
    else inputs[key] = value;
  }
  for (const [key, input] of Object.entries(spec)) {
    if (key in inputs) continue;
    if (input.default !== undefined) inputs[key] = input.default;
    else if (input.required && !failures.length) failures.push({ reason: `Missing required property '${key}'` });
  }
  return { inputs, failures };
}

/** A check failure in the bridge's wording. */
export function failure(name: string, key: string, reason: string): Failure {
  return { reason: `${reason}. Examine values at '${name}.${key}'.` };
}

/** The properties with every secret revealed, as the engine gives them to a plugin that does not accept secrets. */
export function plain(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, bare(value)]));
}

/**
 * Whether an input differs from the state as terraform-plugin-sdk sees it: what is absent equals the zero value of its
 * kind, at every depth.
 */
export function differs(input: Value, output: Value): boolean {
  return !same(nonZero(input), nonZero(output));
}

/** Outputs that only the real step will know. */
export function unknowns(...names: string[]): Properties {
  return Object.fromEntries(names.map((name) => [name, unknown]));
}

function nonZero(value: Value): Value {
  if (value === undefined || value === null || value === "" || value === false || value === 0) return null;
  if (value instanceof Unknown || typeof value !== "object") return value;
  const rest = Object.entries(value as Properties).filter(([, item]) => nonZero(item) !== null);
  if (Array.isArray(value)) return value.length ? value : null;
  return rest.length ? Object.fromEntries(rest.map(([key, item]) => [key, nonZero(item)])) : null;
}

function bare(value: Value): Value {
  const inner = reveal(value);
  if (Array.isArray(inner)) return inner.map(bare);
  if (typeof inner !== "object" || inner === null || inner instanceof Unknown) return inner;
  return plain(inner);
}

function withSecrets(properties: Properties, names: string[]): Properties {
  const marked = { ...properties };
  for (const name of names) {
    const value = marked[name];
    if (value !== undefined && value !== null && !(value instanceof Secret)) marked[name] = new Secret(value);
  }
  return marked;
}

function fits(kind: Input["kind"], value: Value): boolean {
  if (value instanceof Unknown) return true;
  if (kind === "list") return Array.isArray(value);
  if (kind !== "map" && kind !== "object") return typeof value === kind;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return kind === "object" || Object.values(value as Properties).every((v) => typeof v === "string" || hasUnknown(v));
}
