// Judges resources by the policies that CrossGuard gets, with the proxies that it wraps properties in: a rule that reads
// an unknown value the wrong way throws here as it would in a preview.
import { createRequire } from "node:module";
import { Secret } from "@pulumi/policy";
import type {
  PolicyResource,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationArgs,
  StackValidationPolicy,
} from "@pulumi/policy";
import { policyOf } from "../../../policies/policy.ts";
import type { Rule } from "../../../policies/rules/rule.ts";
import { Run, types, type Circumstances as About } from "../../../policies/rules/run.ts";

const require = createRequire(import.meta.url);
// Internal to @pulumi/policy, and so without types.
const proxy = require("@pulumi/policy/proxy.js") as {
  unknownStringValue: string;
  unknownCheckingProxy(props: object): Record<string, unknown>;
};
const { secretsPreservingProxy } = require("@pulumi/policy/secret.js") as {
  secretsPreservingProxy: (props: object) => object;
};

/** Properties as a remediation gets them: `Secret`s are seen through, and known to be there. */
export function shielded(props: object): Record<string, unknown> {
  return proxy.unknownCheckingProxy(secretsPreservingProxy(props));
}

/** What the engine sends in the place of a value that is known only after the update. */
export const unknown: string = proxy.unknownStringValue;
export const now = "2026-05-01T03:00:00Z";
export const destination = "rotation:render:EnvVar";
export const actionsSecret = "github:index/actionsSecret:ActionsSecret";

export interface Declared {
  type: string;
  name: string;
  props: Record<string, unknown>;
  stack?: string;
  opts?: { protect?: boolean; ignoreChanges?: string[]; deleteBeforeReplace?: boolean };
  /** Names of the resources that a property was made from. */
  from?: Record<string, string[]>;
}

export function resource(
  type: string,
  name: string,
  props: Declared["props"] = {},
  rest: Partial<Declared> = {},
): Declared {
  return { type, name, props, ...rest };
}

/** A schedule that no rule objects to. */
export function schedule(secret: string, props: Declared["props"] = {}): Declared {
  return resource(types.schedule, `${secret}/schedule`, {
    secret,
    class: "HIGH",
    owner: "operations@example.com",
    intervalDays: 30,
    leadHours: 24,
    hours: { from: 2, to: 6 },
    noticeHours: 24,
    window: "2026-04-20T03:00:00Z",
    dueAt: "2026-05-20T03:00:00Z",
    ...props,
  });
}

export function password(secret: string, props: Declared["props"] = {}): Declared {
  const keepers = { window: "2026-04-20T03:00:00Z" };
  return resource(types.password, `${secret}/value`, { length: 64, special: false, keepers, ...props });
}

/** Validations get secrets as the values they are. */
function unwrapped(value: unknown): unknown {
  if (value instanceof Secret) return unwrapped(value.value);
  if (Array.isArray(value)) return value.map(unwrapped);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unwrapped(item)]));
}

export interface Circumstances {
  config?: object;
  /** RFC 3339. @default `now` */
  at?: string;
  /** What the run has seen before. */
  after?: Declared[];
  stack?: string;
  /** What the run knows beside its resources. */
  about?: About;
}

function urnOf({ type, name, stack }: Declared, fallback = "dev"): string {
  return `urn:pulumi:${stack ?? fallback}::tests::${type}::${name}`;
}

function optionsOf({ opts }: Declared) {
  return { protect: false, ignoreChanges: [], aliases: [], additionalSecretOutputs: [], ...opts };
}

/** What a resource policy says of the last of the resources, after it has seen those before. */
export async function judge(rule: Rule, declared: Declared, circumstances: Circumstances = {}): Promise<string[]> {
  const { config = {}, at = now, after = [], stack, about } = circumstances;
  const policy = policyOf(rule, new Run(new Date(at), about)) as ResourceValidationPolicy;
  let said: string[] = [];
  for (const each of [...after, declared]) {
    said = [];
    const args = {
      type: each.type,
      name: each.name,
      urn: urnOf(each, stack),
      props: proxy.unknownCheckingProxy(unwrapped(each.props) as object),
      opts: optionsOf(each),
      getConfig: () => config,
    } as unknown as ResourceValidationArgs;
    await policy.remediateResource?.({ ...args, props: shielded(each.props) });
    const validate = policy.validateResource;
    if (typeof validate === "function") await validate(args, (message) => said.push(message));
  }
  return said;
}

/** What a stack policy says of all resources; the run has seen each of them before. */
export async function judgeStack(
  rule: Rule,
  declared: Declared[],
  circumstances: Circumstances = {},
): Promise<string[]> {
  const { config = {}, at = now, stack, about } = circumstances;
  const run = new Run(new Date(at), about);
  const watcher = policyOf({ ...rule, stack: undefined, resource: () => [] }, run) as ResourceValidationPolicy;
  for (const each of declared) {
    const args = { ...each, urn: urnOf(each, stack), opts: optionsOf(each), getConfig: () => ({}) };
    if (typeof watcher.validateResource === "function")
      await watcher.validateResource(
        { ...args, props: proxy.unknownCheckingProxy(each.props) } as unknown as ResourceValidationArgs,
        () => undefined,
      );
  }
  const placed = declared.map(
    (each): PolicyResource =>
      ({
        type: each.type,
        name: each.name,
        urn: urnOf(each, stack),
        props: proxy.unknownCheckingProxy(each.props),
        opts: optionsOf(each),
        dependencies: [],
        propertyDependencies: {},
      }) as unknown as PolicyResource,
  );
  for (const [index, each] of declared.entries())
    for (const [property, names] of Object.entries(each.from ?? {}))
      placed[index]!.propertyDependencies[property] = placed.filter(({ name }) => names.includes(name));
  const said: string[] = [];
  const policy = policyOf(rule, run) as StackValidationPolicy;
  const args = { resources: placed, getConfig: () => config } as unknown as StackValidationArgs;
  await policy.validateStack(args, (message) => said.push(message));
  return said;
}
