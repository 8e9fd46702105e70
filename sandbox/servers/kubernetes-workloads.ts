// What a team has in its cluster before the stack comes: a namespace with Deployments that read their environment from
// Secrets. The sandbox makes them as a person would with `kubectl create`; the stack never owns them.
import type { KubeClient, KubeObject } from "../plugins/kubernetes/client.ts";
import { programAnnotation } from "./kwok-stages.ts";

/** A Deployment of the team's own. */
export interface Workload {
  name: string;
  /** @default 2 */
  replicas?: number;
  /** Secrets whose keys become its environment; they may be missing at first. */
  secrets: string[];
  /** Runs for ever and does nothing; kwok only plays it. @default "registry.k8s.io/pause:3.10" */
  image?: string;
  /** A program that the sandbox's kubelet runs for each pod. @default none: kwok plays the pods */
  program?: string;
  /** Whether real nodes stay away from its pods, which then run on none: the sandbox's kubelet alone has them. */
  offNodes?: boolean;
  /** Environment beside that of the Secrets. */
  env?: Record<string, string>;
  /** ConfigMaps and where they are mounted; they may be missing at first. */
  configMaps?: { name: string; mountPath: string }[];
  /** Seconds without progress after which Kubernetes calls a rollout failed. @default 600 */
  progressDeadlineSeconds?: number;
}

export interface WorkloadOptions {
  namespace: string;
  deployments: Workload[];
}

/** IntelliFlow as its runbook has it. */
export const intelliflow: WorkloadOptions = {
  namespace: "intelliflow",
  deployments: ["api", "web"].map((name) => ({
    name,
    secrets: ["database", "openai", "stripe", "anthropic", "jwt"],
  })),
};

/** Nobody schedules for it: pods that name it stay off the nodes of a cluster that is not the sandbox's own. */
export const noScheduler = "secret-rotation-sandbox";

/** Makes what is missing; what exists stays as it is, whatever has become of it. */
export async function createWorkloads(client: KubeClient, { namespace, deployments }: WorkloadOptions): Promise<void> {
  const create = (path: string, body: KubeObject): Promise<unknown> =>
    client.call("POST", path, { body, accept: [409], query: { fieldManager: "kubectl-create" } });
  await create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  for (const workload of deployments)
    await create(`/apis/apps/v1/namespaces/${namespace}/deployments`, deployment(namespace, workload));
}

function deployment(namespace: string, workload: Workload): KubeObject {
  const { name, replicas = 2, secrets, image = "registry.k8s.io/pause:3.10", progressDeadlineSeconds } = workload;
  const { program, env = {}, configMaps = [], offNodes = false } = workload;
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, labels },
    spec: {
      replicas,
      ...(progressDeadlineSeconds ? { progressDeadlineSeconds } : {}),
      selector: { matchLabels: labels },
      // A new pod is ready before an old one goes.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels, ...(program ? { annotations: { [programAnnotation]: program } } : {}) },
        spec: {
          automountServiceAccountToken: false,
          ...(offNodes ? { schedulerName: noScheduler } : {}),
          containers: [
            {
              name,
              image,
              envFrom: secrets.map((secret) => ({ secretRef: { name: secret, optional: true } })),
              env: Object.entries(env).map(([name, value]) => ({ name, value })),
              volumeMounts: configMaps.map(({ name, mountPath }) => ({ name, mountPath, readOnly: true })),
            },
          ],
          volumes: configMaps.map(({ name }) => ({ name, configMap: { name, optional: true } })),
        },
      },
    },
  };
}
