import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import yaml from "js-yaml";
import { stacks } from "../../deploy/operator/stacks.ts";
import type { KubeObject } from "../../sandbox/plugins/kubernetes/client.ts";
import { stackDefinition } from "../support/operator-crd.ts";
import { createWorkloads, intelliflow } from "../../sandbox/servers/kubernetes-workloads.ts";
import { kubernetesPorts, startKubernetes, type Kubernetes } from "../../sandbox/servers/kubernetes.ts";
import { unreachableRegistry } from "../../sandbox/servers/kwok-stages.ts";
import { rememberedPorts } from "../../sandbox/servers/ports.ts";
import { Supervisor } from "../../sandbox/servers/process.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { ensureKubernetes, type KubernetesToolchain } from "../../sandbox/toolchain/kubernetes.ts";
import { allGone, newDir } from "./support.ts";

interface Pod {
  metadata: { name: string };
  spec: { nodeName: string };
  status: { phase: string; containerStatuses?: { state: { waiting?: { reason: string } } }[] };
}

const namespace = "intelliflow";

describe("the sandbox's Kubernetes", function () {
  this.timeout(3_600_000); // the first time on a machine it is built from source

  let dir = "";
  let toolchain: KubernetesToolchain;
  let supervisor: Supervisor;
  let cluster: Kubernetes;

  const start = async (): Promise<void> => {
    supervisor = new Supervisor(dir);
    const ports = await rememberedPorts(dir, kubernetesPorts);
    cluster = await startKubernetes({ supervisor, dir: join(dir, "kubernetes"), toolchain, ports });
  };
  const pods = async (app: string): Promise<Pod[]> => {
    const query = { labelSelector: `app=${app}` };
    const { body } = await cluster.client.call("GET", `/api/v1/namespaces/${namespace}/pods`, { query });
    return (body as unknown as { items: Pod[] }).items;
  };
  const available = async (name: string): Promise<number> => {
    const { body } = await cluster.client.call("GET", `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
    return (body["status"] as { availableReplicas?: number }).availableReplicas ?? 0;
  };
  const untilAvailable = (name: string): Promise<unknown> =>
    waitFor(async () => (await available(name)) === 2, { what: `${name} to be available`, timeoutMs: 60_000 });
  const answersList = (path: string): Promise<boolean> =>
    cluster.client.call("GET", path, { accept: [404] }).then(({ status }) => status === 200);
  const configMap: KubeObject = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "kept" }, data: { a: "b" } };
  const kept = `/api/v1/namespaces/${namespace}/configmaps`;

  before(async () => {
    dir = newDir();
    toolchain = await ensureKubernetes();
    if ("existing" in toolchain) throw new Error("these tests want a control plane of the sandbox's own");
    await start();
  });
  after(async () => {
    await supervisor.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it("is the version that was asked for, with its nodes ready", async () => {
    const { body } = await cluster.client.call("GET", "/version");
    assert.equal((body as { gitVersion?: string }).gitVersion, "v1.36.3");
    assert.deepEqual(cluster.nodes, ["node-1", "node-2"]);
  });

  it("gives a team's Deployments their pods, on both nodes", async () => {
    await createWorkloads(cluster.client, intelliflow);
    await Promise.all(["api", "web"].map(untilAvailable));
    const all = [...(await pods("api")), ...(await pods("web"))];
    assert.deepEqual(
      all.map(({ status }) => status.phase),
      ["Running", "Running", "Running", "Running"],
    );
    // To spread one Deployment's is a wish to the scheduler, not an order.
    assert.equal(new Set(all.map(({ spec }) => spec.nodeName)).size, 2);
  });

  it("plays a pod whose image cannot be pulled", async () => {
    const image = `${unreachableRegistry}api:1`;
    const broken = { name: "broken", replicas: 1, secrets: [], image };
    await createWorkloads(cluster.client, { namespace, deployments: [broken] });
    const reason = async (): Promise<string | undefined> =>
      (await pods("broken"))[0]?.status.containerStatuses?.[0]?.state.waiting?.reason;
    await waitFor(async () => (await reason()) === "ImagePullBackOff", { what: "the pull to fail", timeoutMs: 60_000 });
    await cluster.client.call("DELETE", `/apis/apps/v1/namespaces/${namespace}/deployments/broken`);
    await waitFor(async () => (await pods("broken")).length === 0, { what: "the pod to end", timeoutMs: 60_000 });
  });

  it("takes the Stacks of the Pulumi Kubernetes Operator as we write them, and no field that it does not have", async () => {
    const pattern = readFileSync(new URL("../../deploy/operator/stacks.yaml", import.meta.url), "utf8");
    const documents = stacks("visapi-production", 2, pattern)
      .split(/^---$/m)
      .map((text) => yaml.load(text) as KubeObject & { spec: Record<string, unknown> });
    await cluster.client.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
      body: stackDefinition,
    });
    const home = "/namespaces/secret-rotation";
    const paths: Record<string, string> = {
      Namespace: "/api/v1/namespaces",
      ServiceAccount: `/api/v1${home}/serviceaccounts`,
      ClusterRoleBinding: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
      Stack: `/apis/pulumi.com/v1${home}/stacks`,
    };
    await waitFor(() => answersList(paths["Stack"] ?? ""), { what: "Stacks to be known", timeoutMs: 30_000 });
    const create = (body: KubeObject, path = paths[String(body.kind)] ?? ""): Promise<{ status: number }> =>
      cluster.client.call("POST", path, { body, query: { fieldValidation: "Strict" } });
    for (const document of documents) assert.equal((await create(document)).status, 201, String(document.kind));
    const stack = documents.find(({ kind }) => kind === "Stack") ?? assert.fail("no Stack");

    // What a workspace's pod gets from us, as a pod.
    const { podTemplate, image, resources } = (stack.spec["workspaceTemplate"] as { spec: Record<string, unknown> })
      .spec as { podTemplate: { spec: object }; image: string; resources: object };
    const template = {
      metadata: {},
      spec: { containers: [{ name: "pulumi", image, resources }], ...podTemplate.spec },
    };
    const pod: KubeObject = { apiVersion: "v1", kind: "PodTemplate", metadata: { name: "workspace" } };
    await create({ ...pod, template }, `/api/v1${home}/podtemplates`);

    const named = { ...stack, metadata: { name: "wrong", namespace: "secret-rotation" } };
    for (const [wrong, said] of [
      [{ ...stack.spec, retryOnConflict: true }, /unknown field "spec.retryOnConflict"/],
      [{ ...stack.spec, resyncFrequencySeconds: "86400" }, /resyncFrequencySeconds.*must be of type integer/],
    ] as const)
      await assert.rejects(create({ ...named, spec: wrong }), said);
  });

  it("keeps keys to itself, and lets nobody in without a certificate", async () => {
    const pki = join(dir, "kubernetes", "pki");
    const secret = [
      ...readdirSync(pki)
        .filter((name) => name.endsWith(".key"))
        .map((name) => join(pki, name)),
      cluster.kubeconfig,
    ];
    assert.ok(secret.length > 6);
    for (const file of secret) assert.equal(statSync(file).mode & 0o777, 0o600, file);
    const ca = readFileSync(join(pki, "ca.crt"));
    const { kubernetes, etcd } = await rememberedAt(dir);
    assert.equal(await statusOf(kubernetes, ca), 401);
    await assert.rejects(statusOf(etcd, ca), "etcd wants a certificate before it listens");
    const { connection } = cluster.client;
    for (const pid of supervisor.pids) {
      const line = execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" });
      assert.ok(!line.includes("PRIVATE KEY") && !line.includes(connection.key ?? "?"));
    }
  });

  it("serves again after a restart of the API server, and its controllers go on", async () => {
    await cluster.client.call("POST", kept, { body: configMap });
    await cluster.restartApiServer();
    assert.equal((await cluster.client.call("GET", `${kept}/kept`)).status, 200);
    const before = (await pods("api")).map(({ metadata }) => metadata.name);
    await cluster.client.call("DELETE", `/api/v1/namespaces/${namespace}/pods/${before[0]}`);
    await waitFor(
      async () => (await pods("api")).filter(({ metadata }) => !before.includes(metadata.name)).length === 1,
      {
        what: "a new pod in place of the deleted one",
        timeoutMs: 60_000,
      },
    );
    await untilAvailable("api");
  });

  it("ends every process, and goes on with its data", async () => {
    const { pids } = supervisor;
    assert.equal(pids.length, 5);
    await supervisor.stop();
    await allGone(pids, 10_000);
    const began = Date.now();
    await start();
    assert.ok(Date.now() - began < 90_000);
    assert.equal((await cluster.client.call("GET", `${kept}/kept`)).status, 200);
    await createWorkloads(cluster.client, intelliflow);
    await Promise.all(["api", "web"].map(untilAvailable));
  });
});

async function rememberedAt(dir: string): Promise<Record<string, number>> {
  return JSON.parse(readFileSync(join(dir, "ports.json"), "utf8")) as Record<string, number>;
}

/** The status of a plain GET without a client certificate. */
function statusOf(port: number | undefined, ca: Buffer): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path: "/api", ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on("error", reject);
    sent.end();
  });
}
