// The sandbox in a cluster that a person has: a control plane of its own, started apart, plays that one.
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { kubernetesPorts, startKubernetes, type Kubernetes } from "../../sandbox/servers/kubernetes.ts";
import { rememberedPorts } from "../../sandbox/servers/ports.ts";
import { Supervisor } from "../../sandbox/servers/process.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { ensureKubernetes } from "../../sandbox/toolchain/kubernetes.ts";
import { newDir, toolchain } from "./support.ts";

describe("the sandbox in an existing cluster", function () {
  this.timeout(3_600_000);
  const [theirs, ours] = [newDir(), newDir()];
  let supervisor: Supervisor;
  let cluster: Kubernetes;
  let sandbox: Sandbox | undefined;

  before(async () => {
    supervisor = new Supervisor(theirs);
    const own = await ensureKubernetes();
    assert.ok("programs" in own, "this test starts a cluster, and wants a control plane of the sandbox's own for that");
    const ports = await rememberedPorts(theirs, kubernetesPorts);
    cluster = await startKubernetes({ supervisor, dir: join(theirs, "kubernetes"), toolchain: own, ports });
    const env = { SECRET_ROTATION_KUBECONFIG: "1", KUBECONFIG: cluster.kubeconfig };
    const kubernetes = { toolchain: await ensureKubernetes({ env }) };
    sandbox = await Sandbox.start({ dir: ours, toolchain: await toolchain(), limitScale: 1000, kubernetes });
  });
  after(async () => {
    await sandbox?.stop();
    await supervisor.stop();
    for (const dir of [theirs, ours]) rmSync(dir, { recursive: true, force: true });
  });

  const path = "/apis/apps/v1/namespaces/intelliflow/deployments/web";
  const pods = async (): Promise<{ uid: string; node: string | undefined }[]> => {
    const query = { labelSelector: "app=web" };
    const { body } = await cluster.client.call("GET", "/api/v1/namespaces/intelliflow/pods", { query });
    const { items } = body as unknown as { items: { metadata: { uid: string }; spec: { nodeName?: string } }[] };
    return items.map(({ metadata: { uid }, spec: { nodeName } }) => ({ uid, node: nodeName }));
  };
  const available = async (): Promise<[ready: number, updated: number]> => {
    const { status } = (await cluster.client.call("GET", path)).body as {
      status: { availableReplicas?: number; updatedReplicas?: number };
    };
    return [status.availableReplicas ?? 0, status.updatedReplicas ?? 0];
  };

  it("starts none, and uses the one of the kubeconfig", () => {
    assert.equal(sandbox?.env["KUBECONFIG"], cluster.kubeconfig);
    const programs = (sandbox?.supervisor.pids ?? []).map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    assert.ok(programs.length > 3 && !programs.some((line) => /apiserver|etcd|kwok/.test(line)));
  });

  it("serves IntelliFlow from pods that stay off the cluster's nodes, and rolls them", async () => {
    const web = sandbox?.env["INTELLIFLOW_WEB_URL"] ?? "";
    const answered = async (): Promise<number> => (await fetch(web, { headers: { connection: "close" } })).status;
    await waitFor(async () => (await available())[0] === 2, { what: "two pods", timeoutMs: 60_000 });
    assert.equal(await answered(), 200);
    const before = await pods();
    assert.deepEqual(
      before.map(({ node }) => node),
      [undefined, undefined],
    );
    await cluster.client.call("PATCH", path, {
      body: { spec: { template: { metadata: { annotations: { restarted: "1" } } } } },
      contentType: "application/strategic-merge-patch+json",
    });
    const old = new Set(before.map(({ uid }) => uid));
    await waitFor(
      async () => {
        assert.equal(await answered(), 200, "somebody serves all the time");
        const now = await pods();
        return now.length === 2 && !now.some(({ uid }) => old.has(uid)) && (await available())[0] === 2;
      },
      { what: "the rollout", timeoutMs: 60_000 },
    );
    assert.deepEqual(await available(), [2, 2]);
  });
});
