// A Secret, a ConfigMap and a rolling restart with a fault at every call at the Kubernetes API, behind a proxy that ends
// TLS under the sandbox's own authority. Each call that changes something once, in a rotation; with MATRIX=all in the
// environment every fault at every call, in the first run too.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { object, text } from "../../provider/resources/inputs.ts";
import { createWorkloads } from "../../sandbox/servers/kubernetes-workloads.ts";
import { kubernetesPorts, startKubernetes, type Kubernetes } from "../../sandbox/servers/kubernetes.ts";
import { rememberedPorts } from "../../sandbox/servers/ports.ts";
import { Supervisor } from "../../sandbox/servers/process.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { ownControlPlane } from "../../sandbox/toolchain/kubernetes.ts";
import { changes, Flow, tryFlow } from "../matrix/flow.ts";
import type { HttpProxy } from "../matrix/http-proxy.ts";
import { startKubernetesProxy } from "../matrix/kubernetes-proxy.ts";
import { Wire } from "../matrix/wire.ts";
import { newDir } from "./support.ts";

const namespace = "matrix";

describe("faults at every call at the Kubernetes API", function () {
  this.timeout(process.env["MATRIX"] === "all" ? 3_600_000 : 180_000);
  const dir = newDir();
  const wire = new Wire();
  wire.hangMs = 3_000;
  let supervisor: Supervisor;
  let cluster: Kubernetes;
  let proxy: HttpProxy;
  let kubeconfig = "";

  before(async function () {
    this.timeout(3_600_000);
    // Somebody's own cluster has an authority that no proxy can speak for.
    const toolchain = await ownControlPlane();
    supervisor = new Supervisor(dir);
    const ports = await rememberedPorts(dir, kubernetesPorts);
    cluster = await startKubernetes({ supervisor, dir: join(dir, "kubernetes"), toolchain, ports });
    await createWorkloads(cluster.client, { namespace, deployments: [{ name: "api", secrets: ["database"] }] });
    await waitFor(async () => (await deployment()).status?.availableReplicas === 2, {
      what: "the Deployment to be available",
      timeoutMs: 60_000,
    });
    ({ proxy, config: kubeconfig } = await startKubernetesProxy(wire, cluster));
  });
  after(async () => {
    await proxy?.stop();
    await supervisor?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  interface Deployment {
    spec: { replicas: number; template: { metadata: { annotations?: Record<string, string> } } };
    status?: { replicas?: number; updatedReplicas?: number; availableReplicas?: number };
  }
  const deployment = async (): Promise<Deployment> =>
    (await cluster.client.call("GET", `/apis/apps/v1/namespaces/${namespace}/deployments/api`))
      .body as unknown as Deployment;
  const dataOf = async (plural: string, name: string): Promise<Record<string, string> | undefined> => {
    const path = `/api/v1/namespaces/${namespace}/${plural}/${name}`;
    const { body } = await cluster.client.call("GET", path, { accept: [404] });
    return body["data"] as Record<string, string> | undefined;
  };
  const plain = (value = ""): string => Buffer.from(value, "base64").toString();

  it("Secret, ConfigMap and restart", async () => {
    let restarts = 0;
    const flow = new Flow(wire, {
      flow: "cluster",
      settings: { patienceSeconds: "4", kubeconfig },
      args: { namespace },
      phases: ["first run", "rotation"],
      done: () => true,
      always: async (phase, { subject, window }) => {
        assert.ok(((await deployment()).status?.availableReplicas ?? 0) >= 2, "both replicas serve all the time");
        const data = await dataOf("secrets", subject);
        if (phase === "first run" && !data) return;
        const [user, password] = [plain(data?.["USERNAME"]), plain(data?.["PASSWORD"])];
        const of = user.replace("user of ", "");
        const before = `w${Number(window.slice(1)) - 1}`;
        assert.ok([before, window].includes(of), `${of} is the window at hand or the one before`);
        assert.equal(password, `password of ${of}`, "the Secret is whole");
      },
      atEnd: async (_phase, { subject, state, window }) => {
        assert.equal(plain((await dataOf("secrets", subject))?.["PASSWORD"]), `password of ${window}`);
        assert.equal((await dataOf("configmaps", subject))?.["jwks.json"], `keys of ${window}`);
        const { spec, status } = await deployment();
        const { annotations } = spec.template.metadata;
        restarts++;
        assert.equal(annotations?.["secret-rotation/restart"], String(restarts), "restarted once");
        assert.equal(annotations?.["secret-rotation/restarted-for"], `matrix of ${window}`);
        assert.deepEqual([status?.replicas, status?.updatedReplicas, status?.availableReplicas], [2, 2, 2]);
        assert.ok(text(state["Restart"]?.outputs ?? {}, "revision").startsWith("api-"));
        assert.equal(object(state["Secret"]?.outputs ?? {}, "metadata")["name"], subject);
      },
    });
    console.log(`      ${await tryFlow(flow, (cell) => changes(cell) && cell.phase === "rotation")}`);
  });
});
