// The sandbox's Kubernetes: etcd, the API server, its controllers and scheduler, each a process of its own, and kwok,
// which plays two nodes. Everything listens on 127.0.0.1 and takes certificates of the sandbox's own authority only.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { KubeClient, readKubeconfig, type KubeObject } from "../plugins/kubernetes/client.ts";
import type { ControlPlanePrograms, KubernetesToolchain } from "../toolchain/kubernetes.ts";
import { Authority } from "./certificates.ts";
import { kwokStages } from "./kwok-stages.ts";
import type { ManagedProcess, Supervisor } from "./process.ts";
import { waitFor, writePrivate } from "./wait.ts";

/** Names under which its ports are remembered. */
export const kubernetesPorts = ["etcd", "etcdPeer", "kubernetes"] as const;

export interface KubernetesOptions {
  supervisor: Supervisor;
  /** Folder of its data, certificates and kubeconfig; created at the first start, reused afterwards. */
  dir: string;
  toolchain: KubernetesToolchain;
  ports: Record<(typeof kubernetesPorts)[number], number>;
  /** How many nodes kwok plays. @default 2 */
  nodes?: number;
}

/** The running cluster. */
export interface Kubernetes {
  /** Path of a kubeconfig (0600) with every right. */
  kubeconfig: string;
  /** The context to use, where the kubeconfig is the person's own. */
  context?: string;
  client: KubeClient;
  /** Names of the nodes that kwok plays; empty where the cluster is not ours. */
  nodes: string[];
  /**
   * Stops the API server as SIGTERM does and starts it again, on the same data. Only where the cluster is ours.
   * @param meanwhile what happens while it is away
   */
  restartApiServer(meanwhile?: () => Promise<void>): Promise<void>;
}

// Lists by watch need an etcd that Debian does not have yet (3.4.25): servers and clients go on without, or the clients'
// caches lag behind by ever longer pauses.
const common = { PATH: "/usr/bin:/bin", KUBE_FEATURE_WatchListClient: "false" };

/** Starts the cluster, or connects to the one that exists. @throws when something does not start, with its log */
export async function startKubernetes(options: KubernetesOptions): Promise<Kubernetes> {
  if ("existing" in options.toolchain) {
    const { kubeconfig, context } = options.toolchain.existing;
    const client = new KubeClient(readKubeconfig(kubeconfig, context));
    await client.call("GET", "/readyz", { timeoutMs: 10_000 });
    const restartApiServer = (): Promise<void> => Promise.reject(new Error("this cluster is not the sandbox's own"));
    return { kubeconfig, ...(context ? { context } : {}), client, nodes: [], restartApiServer };
  }
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  return startOwn(options, options.toolchain.programs);
}

async function startOwn(options: KubernetesOptions, programs: ControlPlanePrograms): Promise<Kubernetes> {
  const { supervisor, dir, ports } = options;
  const authority = new Authority(join(dir, "pki"), "secret-rotation sandbox");
  const kubeconfig = kubeconfigWriter(dir, ports.kubernetes, authority);
  const admin = kubeconfig("kubeconfig", "administrator", "system:masters");
  const client = new KubeClient(readKubeconfig(admin));

  await startEtcd(options, programs.etcd, authority);
  let apiserver = await startApiServer(options, programs.apiserver, authority, client);
  // An earlier kwok holds its nodes until its leases run out; this one would wait for that.
  await client.call("DELETE", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", { accept: [404] });
  await Promise.all([
    supervisor.start({
      name: "kube-controller-manager",
      command: programs.controllerManager,
      args: [
        `--kubeconfig=${kubeconfig("controller-manager.kubeconfig", "system:kube-controller-manager", "system:masters")}`,
        "--leader-elect=false",
        "--secure-port=0",
        `--service-account-private-key-file=${authority.keyPair("service-accounts").privateKey}`,
        `--root-ca-file=${authority.file}`,
        `--controllers=${controllers.join(",")}`,
      ],
      env: common,
      cwd: dir,
    }),
    supervisor.start({
      name: "kube-scheduler",
      command: programs.scheduler,
      args: [
        `--kubeconfig=${kubeconfig("scheduler.kubeconfig", "system:kube-scheduler", "system:masters")}`,
        "--leader-elect=false",
        "--secure-port=0",
      ],
      env: common,
      cwd: dir,
    }),
    startKwok(options, programs.kwok, kubeconfig("kwok.kubeconfig", "kwok", "system:masters")),
  ]);
  const nodes = Array.from({ length: options.nodes ?? 2 }, (_, index) => `node-${index + 1}`);
  await Promise.all(nodes.map((name) => makeNode(client, name)));
  await waitFor(() => settled(client, nodes), { what: "Kubernetes to have its nodes ready", timeoutMs: 60_000 });
  return {
    kubeconfig: admin,
    client,
    nodes,
    restartApiServer: async (meanwhile) => {
      await apiserver.stop();
      await meanwhile?.();
      apiserver = await startApiServer(options, programs.apiserver, authority, client);
    },
  };
}

/** Those that a Deployment needs, from its pods to the clean-up; the rest would only cost time. */
const controllers = [
  "deployment-controller",
  "replicaset-controller",
  "pod-garbage-collector-controller",
  "garbage-collector-controller",
  "namespace-controller",
  "serviceaccount-controller",
  "root-ca-certificate-publisher-controller",
  "node-lifecycle-controller",
  "taint-eviction-controller",
  "disruption-controller",
];

function startEtcd(
  { supervisor, dir, ports }: KubernetesOptions,
  binary: string,
  authority: Authority,
): Promise<ManagedProcess> {
  const { certificate, key } = authority.issue("etcd", { commonName: "etcd", server: true });
  const [address, peer] = [`https://127.0.0.1:${ports.etcd}`, `https://127.0.0.1:${ports.etcdPeer}`];
  const ownKeys = ["", "peer-"].flatMap((prefix) => [
    `--${prefix}cert-file=${certificate}`,
    `--${prefix}key-file=${key}`,
    `--${prefix}trusted-ca-file=${authority.file}`,
    `--${prefix}client-cert-auth`,
  ]);
  const client = new KubeClient({ server: address, ...clientFiles(authority) });
  return supervisor.start({
    name: "etcd",
    command: binary,
    args: [
      "--name=sandbox",
      `--data-dir=${join(dir, "etcd")}`,
      ...[`--listen-client-urls=${address}`, `--advertise-client-urls=${address}`],
      ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=sandbox=${peer}`],
      ...ownKeys,
      "--logger=zap",
      "--log-level=warn",
      // The data is a plaything: a crash of the machine may lose it.
      "--unsafe-no-fsync",
    ],
    env: common,
    cwd: dir,
    ready: () => ok(client, "/health"),
    readyTimeoutMs: 30_000,
  });
}

function startApiServer(
  { supervisor, dir, ports }: KubernetesOptions,
  binary: string,
  authority: Authority,
  client: KubeClient,
): Promise<ManagedProcess> {
  const serving = authority.issue("kube-apiserver", {
    commonName: "kube-apiserver",
    server: true,
    names: ["kubernetes", "kubernetes.default", "kubernetes.default.svc"],
  });
  const toEtcd = authority.issue("etcd-client", { commonName: "kube-apiserver" });
  const accounts = authority.keyPair("service-accounts");
  return supervisor.start({
    name: "kube-apiserver",
    command: binary,
    args: [
      "--bind-address=127.0.0.1",
      `--secure-port=${ports.kubernetes}`,
      ...[`--tls-cert-file=${serving.certificate}`, `--tls-private-key-file=${serving.key}`],
      `--client-ca-file=${authority.file}`,
      `--etcd-servers=https://127.0.0.1:${ports.etcd}`,
      ...[`--etcd-cafile=${authority.file}`, `--etcd-certfile=${toEtcd.certificate}`, `--etcd-keyfile=${toEtcd.key}`],
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-signing-key-file=${accounts.privateKey}`,
      `--service-account-key-file=${accounts.publicKey}`,
      "--service-cluster-ip-range=10.96.0.0/24",
      "--authorization-mode=RBAC",
      "--anonymous-auth=false",
      "--profiling=false",
      "--feature-gates=WatchList=false",
      // There is no address but loopback to publish.
      "--endpoint-reconciler-type=none",
    ],
    env: common,
    cwd: dir,
    ready: () => ok(client, "/readyz"),
    readyTimeoutMs: 90_000,
    // It would wait for every watch to end by itself.
    stopTimeoutMs: 3_000,
  });
}

function startKwok(
  { supervisor, dir }: KubernetesOptions,
  binary: string,
  kubeconfig: string,
): Promise<ManagedProcess> {
  const config = join(dir, "kwok.yaml");
  writePrivate(config, kwokStages());
  return supervisor.start({
    name: "kwok",
    command: binary,
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--config=${config}`,
      "--manage-all-nodes=false",
      "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
      "--node-lease-duration-seconds=40",
    ],
    // Its own folder of configuration, so that a person's has no say here.
    env: { ...common, HOME: dir, KWOK_WORKDIR: join(dir, "kwok") },
    cwd: dir,
  });
}

/** Writes kubeconfigs (0600), as JSON, which is YAML too; returns the path. */
function kubeconfigWriter(dir: string, port: number, authority: Authority) {
  return (file: string, user: string, group: string): string => {
    const files = authority.issue(file.replace(/\W/g, "-"), { commonName: user, organization: group });
    const path = join(dir, file);
    const name = "sandbox";
    const config = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": name,
      clusters: [{ name, cluster: { server: `https://127.0.0.1:${port}`, "certificate-authority": authority.file } }],
      users: [{ name: user, user: { "client-certificate": files.certificate, "client-key": files.key } }],
      contexts: [{ name, context: { cluster: name, user } }],
    };
    const text = `${JSON.stringify(config, undefined, 2)}\n`;
    writePrivate(path, text);
    return path;
  };
}

function clientFiles(authority: Authority): { ca: string; certificate: string; key: string } {
  const files = authority.issue("etcd-client", { commonName: "kube-apiserver" });
  return {
    ca: readFileSync(authority.file, "utf8"),
    certificate: readFileSync(files.certificate, "utf8"),
    key: readFileSync(files.key, "utf8"),
  };
}

async function ok(client: KubeClient, path: string): Promise<boolean> {
  try {
    return (await client.call("GET", path, { timeoutMs: 2_000 })).status === 200;
  } catch {
    return false;
  }
}

async function makeNode(client: KubeClient, name: string): Promise<void> {
  const node: KubeObject = {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      annotations: { "kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0" },
      labels: { type: "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" },
    },
  };
  await client.call("POST", "/api/v1/nodes", { body: node, accept: [409] });
}

/** Whether every node is ready and a namespace can take pods. */
async function settled(client: KubeClient, nodes: string[]): Promise<boolean> {
  try {
    await client.call("GET", "/api/v1/namespaces/default/serviceaccounts/default");
    const ready = nodes.map(async (name) => {
      const { body } = await client.call("GET", `/api/v1/nodes/${name}`);
      const { status, spec } = body as {
        status?: { conditions?: { type: string; status: string }[] };
        spec?: { taints?: { key: string }[] };
      };
      const taints = spec?.taints?.filter(({ key }) => key === "node.kubernetes.io/not-ready") ?? [];
      return (
        (status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True") && !taints.length
      );
    });
    return (await Promise.all(ready)).every(Boolean);
  } catch {
    return false;
  }
}
