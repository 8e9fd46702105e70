// Kubernetes: a Secret of its own for each rotated secret, and rolling restarts of the Deployments that read it.
import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import { Provider } from "@pulumi/kubernetes/provider.js";
import type { types } from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { KubernetesRestart, type ProofSource } from "../../provider/sdk.ts";
import { shaped, type Environment } from "../stack.ts";
import type { Delivery, Destination, Service, ServiceRollout } from "./destination.ts";

export interface ClusterArgs {
  environment: Environment;
  /** As people call it; in resource names. @default "kubernetes" */
  label?: string;
  /** A context of the kubeconfig. @default its current one */
  context?: string;
  /** Path or contents of a kubeconfig. @default `rotation:kubeconfig`, else KUBECONFIG */
  kubeconfig?: pulumi.Input<string>;
}

/** A cluster: one provider for everything that is written to it. */
export class KubernetesCluster {
  readonly label: string;
  readonly context: string | undefined;
  readonly environment: Environment;
  readonly provider: Provider;
  /** Who has which Secret. */
  readonly #secrets = new Map<string, string>();

  constructor({ environment, label = "kubernetes", context, kubeconfig }: ClusterArgs) {
    shaped(label, /^[a-z][a-z0-9-]*$/, "The label of the Kubernetes cluster", "kubernetes");
    const rotation = new pulumi.Config("rotation");
    const given = kubeconfig ?? rotation.get("kubeconfig") ?? process.env["KUBECONFIG"];
    this.label = label;
    this.environment = environment;
    this.context = context ?? rotation.get("kubeContext") ?? process.env["ROTATION_KUBE_CONTEXT"];
    this.provider = new Provider(label, {
      ...(given === undefined ? {} : { kubeconfig: pulumi.secret(given) }),
      ...(this.context ? { context: this.context } : {}),
      // Another path or context is still this cluster: without this everything in it would be replaced.
      clusterIdentifier: label,
      // A new value is written in place. The plugin's default deletes the Secret first, and pods that start
      // meanwhile would not find it.
      enableSecretMutable: true,
      enableConfigMapMutable: true,
      enableServerSideApply: true,
      // A Secret that a person made before is taken over, with whatever other keys it has.
      upsertExistingObjects: true,
    });
  }

  /** Takes a Secret for one rotated secret: the second one would have to know the keys of the first. */
  claim(secret: string, owner: string): void {
    const taken = this.#secrets.get(secret);
    if (taken !== undefined)
      throw new pulumi.RunError(
        `${owner} and ${taken} both go to the Kubernetes Secret ${secret}; give each its own name, and list both in the pods' envFrom`,
      );
    this.#secrets.set(secret, owner);
  }
}

export interface DeploymentArgs {
  namespace: string;
  name: string;
  /** As people call it; in resource names. @default the name */
  label?: string;
  /** Fewer replicas are not restarted: nobody would serve meanwhile. @default 2 in production, 1 elsewhere */
  minimumReplicas?: number;
  /** URLs that answer 2xx when it is well. @default none */
  health?: string[];
  /** Where its pods answer challenges: the name of the variable is appended. Left out: it cannot prove. */
  proofUrl?: string;
  /** Pods that must prove a new value. @default 1 */
  instances?: number;
  /** Seconds a restart may take; the Deployment's own `progressDeadlineSeconds` counts too. @default 900 */
  timeoutSeconds?: number;
}

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** A Deployment that reads rotated Secrets when its pods start. The stack restarts it and leaves the rest to its owner. */
export class KubernetesDeployment {
  readonly cluster: KubernetesCluster;
  readonly args: DeploymentArgs;
  readonly label: string;
  /** `<namespace>/<name>`. */
  readonly id: string;
  readonly minimumReplicas: number;
  readonly writes: pulumi.Resource[] = [];

  constructor(cluster: KubernetesCluster, args: DeploymentArgs) {
    const { namespace, name, label = name } = args;
    shaped(namespace, dnsLabel, `The namespace of the Deployment "${name}"`, "intelliflow");
    shaped(name, dnsLabel, "The name of the Deployment", "api");
    this.cluster = cluster;
    this.args = args;
    this.label = label;
    this.id = `${namespace}/${name}`;
    this.minimumReplicas = args.minimumReplicas ?? (cluster.environment === "production" ? 2 : 1);
  }

  /** Its restart for one secret. */
  restartFor({ application, secret, generation, window }: Delivery): Service {
    const { label, writes, id: deployment, minimumReplicas, args, cluster } = this;
    const reason = pulumi.interpolate`${application}/${secret} generation ${generation} of ${window}`;
    const { timeoutSeconds = 900 } = args;
    const { context } = cluster;
    return {
      label,
      writes,
      rollOut: (name, written, options) => {
        const terms = { deployment, written, reason, minimumReplicas, timeoutSeconds, ...(context ? { context } : {}) };
        const resource = new KubernetesRestart(name, terms, options);
        return { resource, id: resource.revision };
      },
    };
  }

  proofs(variable: string, acceptsPrevious: boolean): ProofSource[] {
    const { proofUrl, instances = 1 } = this.args;
    if (!proofUrl) return [];
    return [{ consumer: this.label, url: `${proofUrl}/${variable}`, variable, instances, acceptsPrevious }];
  }
}

export interface KubernetesSecretArgs {
  /** The Deployments that read it, in the order of their restarts: who checks the secret before who sends it. */
  deployments: KubernetesDeployment[];
  /** @default the cluster of the Deployments */
  cluster?: KubernetesCluster;
  /** @default the namespace of the Deployments */
  namespace?: string;
  /** The Secret's name. @default the secret's own name in lower case with dashes: `JWT_SECRET` is `jwt-secret` */
  name?: string;
  /** The key of the value. @default the secret's own name. With an overlap, `<key>_PREVIOUS` holds the previous value. */
  key?: string;
  /**
   * The entries, where one key with the whole value will not do: `{ username, password }` of a login. `fields` is what
   * goes with the value, like the `kid` of a signing key.
   */
  entries?: (
    current: pulumi.Output<string>,
    fields: Record<string, pulumi.Output<string>>,
  ) => Record<string, pulumi.Input<string>>;
}

/**
 * A Kubernetes Secret of its own. It is changed in place, never replaced; keys that others have put into it stay;
 * and it is left behind when the secret is taken out of the program, since pods cannot start without it.
 */
export function kubernetesSecret(args: KubernetesSecretArgs): Destination {
  const { deployments } = args;
  const [cluster, namespace] = [
    args.cluster ?? deployments[0]?.cluster,
    args.namespace ?? deployments[0]?.args.namespace,
  ];
  if (!cluster || !namespace)
    throw new pulumi.RunError("A Kubernetes Secret without Deployments needs a cluster and a namespace; give both");
  shaped(namespace, dnsLabel, "The namespace of a Kubernetes Secret", "intelliflow");
  for (const each of deployments)
    if (each.cluster !== cluster || each.args.namespace !== namespace)
      throw new pulumi.RunError(
        `The Deployment ${each.id} cannot read a Secret of the namespace ${namespace} (${cluster.label}): pods read those of their own namespace only; declare one kubernetesSecret() for each namespace`,
      );
  const keyOf = (secret: string): string => args.key ?? secret;
  return {
    label: `kubernetes:${namespace}/${args.name ?? "*"}`,
    health: [...new Set(deployments.flatMap((each) => each.args.health ?? []))],
    proofs: (secret, overlaps) => deployments.flatMap((each) => each.proofs(keyOf(secret), overlaps)),
    deliver: (delivery) => {
      const { application, secret, current, fields = {}, previous, overlaps, part, options } = delivery;
      const name = args.name ?? secret.toLowerCase().replaceAll("_", "-");
      const key = keyOf(secret);
      shaped(
        name,
        /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/,
        `The Kubernetes Secret of ${application}/${secret}`,
        "jwt-secret",
      );
      cluster.claim(`${namespace}/${name}`, `${application}/${secret}`);
      const entries = args.entries?.(current, fields) ?? {
        [key]: current,
        ...(overlaps ? { [`${key}_PREVIOUS`]: previous } : {}),
      };
      for (const each of Object.keys(entries))
        shaped(each, /^[-._a-zA-Z0-9]{1,253}$/, `A key of the Kubernetes Secret ${namespace}/${name}`, "JWT_SECRET");
      const resource = new Secret(
        part(`kubernetes-${namespace}-${name}`),
        {
          metadata: ownMetadata(namespace, name, `${application}/${secret}`),
          data: pulumi.secret(pulumi.output(entries).apply(inBase64)),
        },
        {
          ...options,
          provider: cluster.provider,
          retainOnDelete: true,
          // What a person once applied by kubectl is repeated, values included, in an annotation.
          additionalSecretOutputs: ["metadata"],
        },
      );
      for (const deployment of deployments) deployment.writes.push(resource);
      const written = [
        pulumi.unsecret(resource.metadata.apply((metadata) => writtenAt(metadata, `${namespace}/${name}`))),
      ];
      const rollouts: ServiceRollout[] = deployments.map((each) => ({ service: each.restartFor(delivery), written }));
      return { resources: [resource], rollouts };
    },
  };
}

/** Who the API server's books say has written our keys. */
export const manager = "secret-rotation";

/** Of an object whose content is ours. @param secret `<application>/<secret>` */
export function ownMetadata(namespace: string, name: string, secret: string): types.input.meta.v1.ObjectMeta {
  return {
    name,
    namespace,
    labels: { "app.kubernetes.io/managed-by": manager },
    annotations: {
      "secret-rotation/secret": secret,
      "pulumi.com/patchFieldManager": manager,
      // Whoever wrote the content by hand before: from here on it is ours.
      "pulumi.com/patchForce": "true",
    },
  };
}

function inBase64(entries: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(entries).map(([key, value]) => [key, Buffer.from(value, "utf8").toString("base64")]),
  );
}

/** When we last changed one of our keys, by the API server's clock; empty in previews that cannot know. */
function writtenAt(metadata: types.output.meta.v1.ObjectMeta | undefined, name: string): string {
  const times = (metadata?.managedFields ?? []).filter((entry) => entry.manager === manager).map(({ time }) => time);
  const last = times.sort().at(-1);
  if (last !== undefined || pulumi.runtime.isDryRun()) return last ?? "";
  throw new pulumi.RunError(
    `Kubernetes does not say when the Secret ${name} was written (no managedFields of "${manager}"), so it is not known whether pods have the new value`,
  );
}
