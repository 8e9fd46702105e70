// The resources of our own provider as a Pulumi program sees them. What each input means and does is told where it
// is implemented, in `resources/`.
import * as pulumi from "@pulumi/pulumi";
import type { ProofSource } from "./proof.ts";
import { validate } from "./schedule/terms.ts";
import type { GitSource } from "./vendors/vercel.ts";

type Inputs<T> = { [K in keyof T]: T[K] extends string[] ? pulumi.Input<pulumi.Input<string>[]> : pulumi.Input<T[K]> };
export type { ProofSource, GitSource };

export type SecretClass = "CRITICAL" | "HIGH" | "MEDIUM" | "LOW";

export interface ScheduleArgs {
  secret: string;
  class: SecretClass;
  /** Who answers for it. */
  owner: string;
  intervalDays: number;
  leadHours: number;
  hours?: { from: number; to: number };
  noticeHours?: number;
  generation?: number;
  onRequest?: boolean;
  apartFrom?: pulumi.Input<string>;
  adopted?: string;
  anchor?: string;
  /** Where Vault has it. */
  place?: { mount: string; path: string };
  /** What a person asked for: who and why, for the audit trail. */
  asked?: { action: "requested" | "emergency" | "hand-over"; by: string; reason: string; at: string };
}

/** The first term that cannot be kept, with what to type instead; before the engine hears of anything. */
function keepable(args: ScheduleArgs): ScheduleArgs {
  // A partner's window is not known yet; that there is one makes the terms tighter.
  const partner = args.apartFrom === undefined ? {} : { apartFrom: "2026-01-01" };
  const [refusal] = validate({ anchor: args.secret, generation: 1, ...args, ...partner });
  if (refusal) throw new pulumi.RunError(`${args.secret}: ${refusal.reason}`);
  return args;
}

export class Schedule extends pulumi.CustomResource {
  declare readonly window: pulumi.Output<string>;
  declare readonly dueAt: pulumi.Output<string>;
  declare readonly generation: pulumi.Output<number>;
  constructor(name: string, args: ScheduleArgs, opts?: pulumi.CustomResourceOptions) {
    super("rotation:index:Schedule", name, { ...keepable(args), window: undefined, dueAt: undefined }, opts);
  }
}

export class Precheck extends pulumi.CustomResource {
  constructor(
    name: string,
    args: Inputs<{
      secret: string;
      window: string;
      forced: number;
      health: string[];
      backups: { mount: string; path: string }[];
      environment: string;
      dueAt: string;
      deadlineSeconds?: number;
    }>,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super("rotation:index:Precheck", name, args, opts);
  }
}

export interface OverlapArgs {
  secret: string;
  value: string;
  window: string;
  forced: number;
  graceHours: number;
  adoption: ProofSource[];
  deadlineSeconds: number;
  revoke?: boolean;
  follows?: boolean;
  /** Secret: what is in use before the first run, and becomes the first generation. */
  adopted?: string;
  /** Which one it was to a stack that lost its state. @default 1 */
  adoptedGeneration?: number;
  restore?: { generation: number; at: string; mount: string; path: string; by: string; reason: string };
}

export class Overlap extends pulumi.CustomResource {
  declare readonly current: pulumi.Output<string>;
  declare readonly previous: pulumi.Output<string>;
  declare readonly fingerprint: pulumi.Output<string>;
  declare readonly generation: pulumi.Output<number>;
  declare readonly holds: pulumi.Output<boolean>;
  declare readonly retireAt: pulumi.Output<string>;
  constructor(name: string, args: Inputs<OverlapArgs>, opts?: pulumi.CustomResourceOptions) {
    const outputs = {
      current: undefined,
      previous: undefined,
      fingerprint: undefined,
      generation: undefined,
      holds: undefined,
      retireAt: undefined,
    };
    super(
      "rotation:index:Overlap",
      name,
      {
        ...args,
        value: pulumi.secret(args.value),
        ...(args.adopted === undefined ? {} : { adopted: pulumi.secret(args.adopted) }),
        ...outputs,
      },
      { ...opts, additionalSecretOutputs: ["current", "previous"] },
    );
  }
}

export interface CredentialArgs {
  secret: string;
  kind: string;
  args: Record<string, unknown>;
  window: string;
  forced: number;
  graceHours: number;
  /** For the inventory: the service knows one value only. */
  cutOver?: boolean;
  adoption: ProofSource[];
  deadlineSeconds: number;
  restore?: { generation: number; at: string; by: string; reason: string };
  /** Secret: what is in use before the first run, and becomes the first generation. */
  adopted?: string;
  /** Which one it was to a stack that lost its state. @default 1 */
  adoptedGeneration?: number;
}

export class Credential extends pulumi.CustomResource {
  declare readonly current: pulumi.Output<string>;
  declare readonly previous: pulumi.Output<string>;
  declare readonly reference: pulumi.Output<string>;
  declare readonly previousReference: pulumi.Output<string>;
  declare readonly generation: pulumi.Output<number>;
  declare readonly slot: pulumi.Output<"a" | "b">;
  declare readonly fingerprint: pulumi.Output<string>;
  constructor(name: string, args: Inputs<CredentialArgs>, opts?: pulumi.CustomResourceOptions) {
    const outputs = {
      current: undefined,
      previous: undefined,
      reference: undefined,
      previousReference: undefined,
      generation: undefined,
      slot: undefined,
      fingerprint: undefined,
    };
    super(
      "rotation:index:Credential",
      name,
      { ...args, ...outputs },
      { ...opts, additionalSecretOutputs: ["current", "previous"] },
    );
  }
}

export interface RevocationArgs {
  secret: string;
  kind: string;
  args: Record<string, unknown>;
  generation: number;
  previousReference: string;
  value: string;
  previous?: string;
  forced: number;
  atOnce: boolean;
  graceHours: number;
  adoption: ProofSource[];
  deadlineSeconds: number;
}

export class Revocation extends pulumi.CustomResource {
  declare readonly done: pulumi.Output<boolean>;
  declare readonly held: pulumi.Output<number>;
  declare readonly reason: pulumi.Output<string>;
  declare readonly retireAt: pulumi.Output<string>;
  constructor(name: string, args: Inputs<RevocationArgs>, opts?: pulumi.CustomResourceOptions) {
    const outputs = { done: undefined, held: undefined, reason: undefined, retireAt: undefined };
    super("rotation:index:Revocation", name, { ...args, value: pulumi.secret(args.value), ...outputs }, opts);
  }
}

export interface KeyPairArgs {
  secret: string;
  mount: string;
  path: string;
  kind: string;
  args: Record<string, unknown>;
  value: string;
  reference: string;
  previous: string;
  generation: number;
  window: string;
}

/** A vendor's key in Vault beside the one before it: put there as secondary, proven, promoted. */
export class KeyPair extends pulumi.CustomResource {
  declare readonly version: pulumi.Output<number>;
  constructor(name: string, args: Inputs<KeyPairArgs>, opts?: pulumi.CustomResourceOptions) {
    const secrets = { value: pulumi.secret(args.value), previous: pulumi.secret(args.previous) };
    super("rotation:vault:KeyPair", name, { ...args, ...secrets, version: undefined }, opts);
  }
}

/** Takes the secondary key out of Vault once it has ended at its vendor. */
export class KeyPairEnd extends pulumi.CustomResource {
  constructor(
    name: string,
    args: Inputs<{
      secret: string;
      mount: string;
      path: string;
      value: string;
      generation: number;
      done: boolean;
    }>,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super("rotation:vault:KeyPairEnd", name, { ...args, value: pulumi.secret(args.value), ended: undefined }, opts);
  }
}

export interface KeySetArgs {
  secret: string;
  window: string;
  forced: number;
  revoke: boolean;
  algorithm: string;
  rsaBits: number;
  cacheSeconds: number;
  tokenSeconds: number;
  skewSeconds: number;
  handoverSeconds: number;
  entry: { mount: string; path: string };
  published: { mount: string; path: string }[];
  jwksUrls: string[];
  adoption: ProofSource[];
  deadlineSeconds: number;
  /** With each new `at` the key before the current one signs again. */
  restore?: { generation: number; at: string };
}

export class KeySet extends pulumi.CustomResource {
  declare readonly privateKey: pulumi.Output<string>;
  declare readonly publicKey: pulumi.Output<string>;
  declare readonly kid: pulumi.Output<string>;
  declare readonly jwks: pulumi.Output<string>;
  declare readonly version: pulumi.Output<number>;
  declare readonly generation: pulumi.Output<number>;
  declare readonly fingerprint: pulumi.Output<string>;
  declare readonly holds: pulumi.Output<boolean>;
  declare readonly retireAt: pulumi.Output<string>;
  constructor(name: string, args: Inputs<KeySetArgs>, opts?: pulumi.CustomResourceOptions) {
    const outputs = {
      privateKey: undefined,
      publicKey: undefined,
      kid: undefined,
      jwks: undefined,
      version: undefined,
      generation: undefined,
      fingerprint: undefined,
      holds: undefined,
      retireAt: undefined,
    };
    super(
      "rotation:index:KeySet",
      name,
      { ...args, ...outputs },
      { ...opts, additionalSecretOutputs: ["privateKey", "nextKey"] },
    );
  }
}

export class TransitRotation extends pulumi.CustomResource {
  declare readonly latestVersion: pulumi.Output<number>;
  declare readonly generation: pulumi.Output<number>;
  constructor(
    name: string,
    args: Inputs<{ secret: string; mount: string; key: string; window: string; forced: number }>,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super("rotation:vault:TransitRotation", name, { ...args, latestVersion: undefined, generation: undefined }, opts);
  }
}

/** What a transit key has encrypted. */
export interface EncryptedArgs {
  secret: string;
  mount: string;
  key: string;
  version: number;
  databaseUrl: string;
  tables: { table: string; key: string; column: string; context?: string }[];
  kv: { mount: string; path: string; fields: string[] }[];
  batchSize: number;
  rowsPerSecond: number;
}

export class Reencryption extends pulumi.CustomResource {
  /** That nothing declared is older than. */
  declare readonly version: pulumi.Output<number>;
  constructor(name: string, args: Inputs<EncryptedArgs>, opts?: pulumi.CustomResourceOptions) {
    const databaseUrl = pulumi.secret(args.databaseUrl);
    super("rotation:vault:Reencryption", name, { ...args, databaseUrl, rows: undefined, entries: undefined }, opts);
  }
}

export class TransitMinimum extends pulumi.CustomResource {
  declare readonly minimum: pulumi.Output<number>;
  declare readonly retireAt: pulumi.Output<string>;
  constructor(
    name: string,
    args: Inputs<EncryptedArgs & { graceHours: number; atOnce: boolean }>,
    opts?: pulumi.CustomResourceOptions,
  ) {
    const databaseUrl = pulumi.secret(args.databaseUrl);
    super(
      "rotation:vault:TransitMinimum",
      name,
      { ...args, databaseUrl, minimum: undefined, retireAt: undefined },
      opts,
    );
  }
}

export class RenderEnvVar extends pulumi.CustomResource {
  declare readonly writtenAt: pulumi.Output<string>;
  constructor(
    name: string,
    args: Inputs<{ serviceId: string; key: string; value: string }>,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super("rotation:render:EnvVar", name, { ...args, value: pulumi.secret(args.value), writtenAt: undefined }, opts);
  }
}

export class RenderDeploy extends pulumi.CustomResource {
  declare readonly deployId: pulumi.Output<string>;
  constructor(
    name: string,
    args: Inputs<{ serviceId: string; written: string[]; timeoutSeconds: number }>,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super("rotation:render:Deploy", name, { ...args, deployId: undefined, status: undefined }, opts);
  }
}

export class VercelEnvVar extends pulumi.CustomResource {
  declare readonly writtenAt: pulumi.Output<string>;
  constructor(
    name: string,
    args: Inputs<{ projectId: string; key: string; value: string; targets: string[] }>,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super(
      "rotation:vercel:EnvVar",
      name,
      {
        ...args,
        value: pulumi.secret(args.value),
        variableId: undefined,
        writtenAt: undefined,
        remoteUpdatedAt: undefined,
      },
      opts,
    );
  }
}

export class VercelDeployment extends pulumi.CustomResource {
  declare readonly deploymentId: pulumi.Output<string>;
  constructor(
    name: string,
    args: Inputs<{ projectId: string; name: string; gitSource: GitSource; written: string[]; timeoutSeconds: number }>,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super("rotation:vercel:Deployment", name, { ...args, deploymentId: undefined, status: undefined }, opts);
  }
}

/** Whether a Supabase project's legacy keys, `anon` and `service_role`, work. */
export class SupabaseLegacyKeys extends pulumi.CustomResource {
  constructor(
    name: string,
    args: Inputs<{ projectRef: string; enabled: boolean }>,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super("rotation:supabase:LegacyKeys", name, args, opts);
  }
}

export class KubernetesRestart extends pulumi.CustomResource {
  declare readonly revision: pulumi.Output<string>;
  constructor(
    name: string,
    args: Inputs<{
      deployment: string;
      written: string[];
      reason: string;
      minimumReplicas: number;
      timeoutSeconds: number;
      context?: string;
    }>,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super("rotation:kubernetes:Restart", name, { ...args, revision: undefined, status: undefined }, opts);
  }
}

export interface VerificationArgs {
  secret: string;
  /** Only where something proves it. */
  value?: string;
  fingerprint: string;
  holds: boolean;
  rollouts: string[];
  health: string[];
  proofs: ProofSource[];
  deadlineSeconds: number;
  /** Labels of all places that were written before, for the audit trail. */
  destinations: string[];
  /** Which rotation this is, and what people are told of it. */
  environment: string;
  window: string;
  dueAt: string;
  forced: number;
  restored?: string;
}

export class Verification extends pulumi.CustomResource {
  declare readonly consumers: pulumi.Output<string[]>;
  constructor(name: string, args: Inputs<VerificationArgs>, opts?: pulumi.CustomResourceOptions) {
    super(
      "rotation:index:Verification",
      name,
      { ...args, ...(args.value === undefined ? {} : { value: pulumi.secret(args.value) }), consumers: undefined },
      opts,
    );
  }
}

export class Notice extends pulumi.CustomResource {
  constructor(
    name: string,
    args: Inputs<{
      secret: string;
      environment: string;
      window: string;
      forced: number;
      dueAt: string;
    }>,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super("rotation:index:Notice", name, args, opts);
  }
}

export interface PreflightArgs {
  /** A preview writes nothing, so it is not asked whether it may. @default false */
  preview?: boolean;
  vault?: { address: string; token: pulumi.Input<string>; mounts: string[] };
  github?: { baseUrl: string; token: pulumi.Input<string>; repositories: string[] };
  renderServices: string[];
  vercelProjects: string[];
  deployments: { deployment: string; minimumReplicas: number; configMaps?: boolean; context?: string }[];
}

/** What is wrong with the services that the run needs, and what to do about each; empty when all can be used. */
export async function preflight(args: PreflightArgs): Promise<string[]> {
  try {
    const { problems } = (await pulumi.runtime.invoke("rotation:index:preflight", args, {})) as { problems: string[] };
    return problems;
  } catch (error) {
    // Settings that the provider itself refuses: what it says is for people, the trace through the SDK is not.
    return [(error as Error).message];
  }
}

export interface VendorNamesArgs {
  renderServices?: string[];
  vercelProjects?: string[];
  github?: { baseUrl: string; token: pulumi.Output<string>; repositories: string[] };
}

export interface FoundNames {
  places: { place: string; names: string[] }[];
  problems: string[];
}

/** What lies at the vendors, by name, and a sentence for each place that did not answer. */
export async function vendorNames(args: VendorNamesArgs): Promise<FoundNames> {
  try {
    return (await pulumi.runtime.invoke("rotation:index:vendorNames", args, {})) as FoundNames;
  } catch (error) {
    return { places: [], problems: [(error as Error).message] };
  }
}

export class VendorNames extends pulumi.CustomResource {
  constructor(
    name: string,
    args: { places: { place: string; names: string[] }[]; plain: string[] },
    opts?: pulumi.CustomResourceOptions,
  ) {
    super("rotation:index:VendorNames", name, args, opts);
  }
}
