// The Kubernetes API, as far as a rolling restart needs it: the Deployment, its ReplicaSets, their pods and events.
// A restart is a new pod template, as `kubectl rollout restart` has it; how far it is, is told as by
// `kubectl rollout status` (kubernetes/kubectl `pkg/polymorphichelpers/rollout_status.go`).
import { setTimeout as sleep } from "node:timers/promises";
import type { Rollout, RolloutTarget } from "../rollout.ts";
import { request, VendorError, type Call, type Reply, type Vendor } from "./http.ts";
import { clusterFetch } from "./https.ts";
import type { Cluster } from "./kubeconfig.ts";
import { troubles, type Pod } from "./kubernetes-pods.ts";

/** Who writes, in the API server's books. */
export const fieldManager = "secret-rotation";
/** On the pod template: counts our restarts, so that no template ever comes back and takes an old ReplicaSet up again. */
const countAnnotation = "secret-rotation/restart";
/** On the pod template: which rotation the pods were restarted for. */
const reasonAnnotation = "secret-rotation/restarted-for";
const revisionAnnotation = "deployment.kubernetes.io/revision";

/** What a rotation does in a namespace: verb, API group, resource. */
const needed = [
  ["get", "", "secrets"],
  ["create", "", "secrets"],
  ["patch", "", "secrets"],
  ["get", "apps", "deployments"],
  ["patch", "apps", "deployments"],
  ["list", "apps", "replicasets"],
  ["get", "apps", "replicasets"],
  ["list", "", "pods"],
] as const;
/** And where a key set is published. */
const forConfigMaps = [
  ["get", "", "configmaps"],
  ["create", "", "configmaps"],
  ["patch", "", "configmaps"],
] as const;

interface Metadata {
  name: string;
  uid: string;
  generation?: number;
  resourceVersion: string;
  creationTimestamp: string;
  annotations?: Record<string, string>;
  labels?: Record<string, string>;
  ownerReferences?: { uid: string; controller?: boolean }[];
}

interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export interface Deployment {
  metadata: Metadata;
  spec: {
    replicas?: number;
    paused?: boolean;
    selector: Selector;
    strategy?: { type?: string };
    template: { metadata?: { annotations?: Record<string, string> } };
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    availableReplicas?: number;
    conditions?: Condition[];
  };
}

interface ReplicaSet {
  metadata: Metadata;
  status?: { conditions?: Condition[] };
}

/** A Deployment, and the terms under which it may be restarted. */
export interface RestartTerms {
  /** `<namespace>/<name>`. */
  deployment: string;
  /** Says in the pod template what the restart was for; holds no value. */
  reason: string;
  /** Fewer replicas are not restarted, since nobody would serve meanwhile. 0: any number is. */
  minimumReplicas: number;
}

export class Kubernetes {
  readonly #vendor: Vendor;
  readonly #cluster: Cluster;
  constructor(cluster: Cluster, patienceSeconds?: number) {
    this.#cluster = cluster;
    this.#vendor = {
      name: "Kubernetes",
      baseUrl: cluster.server,
      headers: {},
      tokenName: "KUBECONFIG (rotation:kubeconfig)",
      fetch: clusterFetch(cluster),
      ...(patienceSeconds === undefined ? {} : { patienceSeconds }),
    };
  }

  async #request(call: Call): Promise<Reply> {
    // First by itself: a program that cannot sign in says why, and would count as a lost connection inside the call.
    await this.#cluster.credentials();
    return request(this.#vendor, call);
  }

  async #get<T>(path: string, purpose: string): Promise<T> {
    return (await this.#request({ method: "GET", path, purpose })).body as T;
  }

  deployment(id: string): Promise<Deployment> {
    return this.#get(deploymentPath(id), `read deployment ${id}`);
  }

  /** @throws Error that says what to do when a restart would leave nobody serving, or would not happen at all */
  async restartable({ deployment: id, minimumReplicas }: Omit<RestartTerms, "reason">): Promise<Deployment> {
    const deployment = await this.deployment(id);
    const [namespace, name] = id.split("/");
    const { replicas = 1, paused, strategy } = deployment.spec;
    if (paused)
      throw new Error(
        `deployment ${id} is paused, so that a restart would not begin. Resume it, then run again: kubectl -n ${namespace} rollout resume deployment/${name}`,
      );
    if (replicas > 0 && replicas < minimumReplicas)
      throw new Error(
        `deployment ${id} has ${replicas} replica${replicas === 1 ? "" : "s"}; a restart needs ${minimumReplicas}, so that somebody serves meanwhile. Scale it, then run again: kubectl -n ${namespace} scale deployment/${name} --replicas=${minimumReplicas}; or declare it with minimumReplicas: ${replicas}`,
      );
    if (minimumReplicas > 1 && strategy?.type === "Recreate")
      throw new Error(
        `deployment ${id} has the strategy Recreate, which ends every pod before it starts the first new one. Set spec.strategy.type to RollingUpdate; or declare it with minimumReplicas: 1`,
      );
    return deployment;
  }

  /**
   * Whether the Deployment may be restarted, and the user may do all that a rotation does.
   * @param configMaps whether it writes these too
   * @throws as `restartable`
   */
  async usable(terms: Omit<RestartTerms, "reason">, configMaps = false): Promise<void> {
    await this.restartable(terms);
    const [namespace = ""] = terms.deployment.split("/");
    const wanted = [...needed, ...(configMaps ? forConfigMaps : [])];
    const asked = await Promise.all(wanted.map(async (each) => ((await this.#may(namespace, each)) ? [] : [each])));
    const missing = asked.flat().map(([verb, , resource]) => `${verb} ${resource}`);
    if (missing.length)
      throw new Error(
        `The user of the kubeconfig may not ${missing.join(", ")} in the namespace ${namespace}. Give it a Role for that; kubectl -n ${namespace} auth can-i --list shows what it may.`,
      );
  }

  async #may(namespace: string, [verb, group, resource]: readonly [string, string, string]): Promise<boolean> {
    const reply = await this.#request({
      method: "POST",
      path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: { resourceAttributes: { namespace, verb, group, resource } },
      },
      purpose: `ask whether it may ${verb} ${resource} in ${namespace}`,
      repeatable: true,
    });
    return (reply.body as { status?: { allowed?: boolean } }).status?.allowed === true;
  }

  /** The Deployment's rollouts: each is a ReplicaSet, whose pods were all started after it was made. */
  rollout(terms: RestartTerms): RolloutTarget {
    const { deployment: id, reason } = terms;
    const latest = async (): Promise<Rollout | undefined> => {
      const deployment = await this.#settled(id);
      const replicaSet = await this.#newest(deployment, id);
      return replicaSet && view(deployment, replicaSet);
    };
    return {
      name: `Kubernetes deployment ${id}`,
      latest,
      start: async () => {
        const { metadata, spec } = await this.restartable(terms);
        const before = Number(spec.template.metadata?.annotations?.[countAnnotation] ?? 0) || 0;
        const annotations = { [countAnnotation]: `${before + 1}`, [reasonAnnotation]: reason };
        await this.#request({
          method: "PATCH",
          path: `${deploymentPath(id)}?fieldManager=${fieldManager}`,
          headers: { "content-type": "application/merge-patch+json" },
          // With the version that was read: whoever was faster has restarted it already.
          body: {
            metadata: { resourceVersion: metadata.resourceVersion },
            spec: { template: { metadata: { annotations } } },
          },
          purpose: `restart deployment ${id}`,
        });
        return latest();
      },
      get: async (known) => (await latest()) ?? { id: known, createdAt: new Date(0), status: "gone", state: "failed" },
      explain: async (rollout) => this.#explain(id, rollout.id),
    };
  }

  /** The Deployment once its controller has taken notice of the last change. */
  async #settled(id: string): Promise<Deployment> {
    for (let attempt = 0; ; attempt++) {
      const deployment = await this.deployment(id);
      if ((deployment.status?.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 1)) return deployment;
      if (attempt >= 60)
        throw new VendorError(
          `Kubernetes has taken no notice of a change to deployment ${id} for half a minute. Is its controller manager running?`,
        );
      await sleep(Math.min(500, 50 + attempt * 50));
    }
  }

  async #newest(deployment: Deployment, id: string): Promise<ReplicaSet | undefined> {
    const [namespace = ""] = id.split("/");
    const query = `labelSelector=${encodeURIComponent(selectorText(deployment.spec.selector))}`;
    const { items } = await this.#get<{ items: ReplicaSet[] }>(
      `/apis/apps/v1/namespaces/${namespace}/replicasets?${query}`,
      `list replica sets of deployment ${id}`,
    );
    const revision = deployment.metadata.annotations?.[revisionAnnotation];
    return items.find(
      ({ metadata }) =>
        metadata.ownerReferences?.some(({ uid, controller }) => controller && uid === deployment.metadata.uid) &&
        metadata.annotations?.[revisionAnnotation] === revision,
    );
  }

  /** Which pods of the rollout are not well, and why; in the words of the scheduler, the kubelet and their events. */
  async #explain(id: string, replicaSetName: string): Promise<string> {
    const [namespace = ""] = id.split("/");
    const replicaSet = await this.#get<ReplicaSet>(
      `/apis/apps/v1/namespaces/${namespace}/replicasets/${replicaSetName}`,
      `read replica set ${replicaSetName}`,
    );
    const hash = replicaSet.metadata.labels?.["pod-template-hash"] ?? "";
    const { items: pods } = await this.#get<{ items: Pod[] }>(
      `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(`pod-template-hash=${hash}`)}`,
      `list pods of deployment ${id}`,
    );
    const own = pods.filter(({ metadata }) =>
      metadata.ownerReferences?.some(({ uid }) => uid === replicaSet.metadata.uid),
    );
    const failure = replicaSet.status?.conditions?.find(
      ({ type, status }) => type === "ReplicaFailure" && status === "True",
    );
    const found = await troubles(own, (pod) => this.#warnings(namespace, pod));
    return [...(failure ? [`no new pod can be made: ${failure.message ?? failure.reason}`] : []), ...found].join("; ");
  }

  /** The latest warning about a pod; none where events may not be read. */
  async #warnings(namespace: string, pod: string): Promise<string | undefined> {
    const query = `fieldSelector=${encodeURIComponent(`involvedObject.name=${pod},type=Warning`)}`;
    const { items } = await this.#get<{
      items: { reason?: string; message?: string; lastTimestamp?: string | null }[];
    }>(`/api/v1/namespaces/${namespace}/events?${query}`, `list events of pod ${pod}`).catch(() => ({ items: [] }));
    const last = items.sort((a, b) => (a.lastTimestamp ?? "").localeCompare(b.lastTimestamp ?? "")).at(-1);
    return last && `${last.reason}: ${last.message}`;
  }
}

/** How far the rollout is. Only called once the controller has seen the Deployment as it is. */
function view({ spec, status }: Deployment, { metadata }: ReplicaSet): Rollout {
  const { replicas = 1 } = spec;
  const { updatedReplicas = 0, availableReplicas = 0, replicas: all = 0, conditions = [] } = status ?? {};
  const progressing = conditions.find(({ type }) => type === "Progressing");
  const old = all - updatedReplicas;
  const word =
    updatedReplicas < replicas
      ? `${updatedReplicas} of ${replicas} new pods made`
      : old > 0
        ? `${old} old pod${old === 1 ? "" : "s"} not ended yet`
        : availableReplicas < updatedReplicas
          ? `${availableReplicas} of ${updatedReplicas} new pods available`
          : undefined;
  const late = progressing?.reason === "ProgressDeadlineExceeded";
  return {
    id: metadata.name,
    createdAt: new Date(metadata.creationTimestamp),
    status: late ? `past its progress deadline, ${word ?? "incomplete"}` : (word ?? "complete"),
    state: word === undefined ? "live" : late ? "failed" : "running",
  };
}

function deploymentPath(id: string): string {
  const [namespace = "", name = ""] = id.split("/");
  return `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
}

function selectorText({ matchLabels = {}, matchExpressions = [] }: Selector): string {
  const operators: Record<string, (key: string, values: string) => string> = {
    In: (key, values) => `${key} in (${values})`,
    NotIn: (key, values) => `${key} notin (${values})`,
    Exists: (key) => key,
    DoesNotExist: (key) => `!${key}`,
  };
  return [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, operator, values = [] }) => operators[operator]?.(key, values.join(",")) ?? key),
  ].join(",");
}
