// The sandbox's kubelet against an API that the test plays, with processes that are servers in this one.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeError, Unreachable, type Call, type KubeObject } from "../../../sandbox/plugins/kubernetes/client.ts";
import { Kubelet } from "../../../sandbox/servers/kubelet.ts";
import { freePort } from "../../../sandbox/servers/ports.ts";
import { waitFor } from "../../../sandbox/servers/wait.ts";
import type { Launch } from "../../../sandbox/simulators/platform.ts";

interface Pod {
  metadata: { name: string; uid: string; annotations: Record<string, string>; deletionTimestamp?: string };
  spec: object;
  status: { phase?: string };
}

/** What of the API server a kubelet needs. */
class Api {
  readonly pods = new Map<string, Pod>();
  readonly data = new Map<string, Record<string, string>>();
  away = false;

  add(name: string): void {
    const spec = {
      nodeName: "node-1",
      containers: [
        {
          ...{ name: "app", image: "none", env: [{ name: "PLAIN", value: "plain" }] },
          envFrom: [{ secretRef: { name: "login", optional: true } }],
          volumeMounts: [{ name: "keys", mountPath: "/etc/keys" }],
        },
      ],
      volumes: [{ name: "keys", configMap: { name: "keys" } }],
    };
    this.pods.set(name, {
      metadata: { name, uid: `uid-${name}`, annotations: { "sandbox/program": "app" } },
      spec,
      status: {},
    });
  }

  call(method: string, path: string, { body, accept }: Call = {}): Promise<{ status: number; body: KubeObject }> {
    if (this.away) return Promise.reject(new Unreachable("away"));
    const [, kind = "", name = ""] = /namespaces\/crm\/(\w+)\/?([\w-]*)/.exec(path) ?? [];
    const answer = (status: number, found: object): Promise<{ status: number; body: KubeObject }> =>
      status < 400 || accept?.includes(status)
        ? Promise.resolve({ status, body: structuredClone(found) as KubeObject })
        : Promise.reject(new KubeError(status, "NotFound", "not found"));
    if (kind !== "pods") {
      const data = this.data.get(`${kind}/${name}`);
      return data ? answer(200, { data }) : answer(404, {});
    }
    if (name === "") return answer(200, { items: [...this.pods.values()] });
    const pod = this.pods.get(name);
    if (!pod) return answer(404, {});
    if (method === "DELETE") this.pods.delete(name);
    else Object.assign(pod.status, (body as { status: object }).status);
    return answer(200, pod);
  }

  phase(name: string): string | undefined {
    return this.pods.get(name)?.status.phase;
  }
}

describe("the sandbox's kubelet", function () {
  this.timeout(20_000);
  let dir = "";
  let api: Api;
  let kubelet: Kubelet;
  let url = "";
  /** Requests that wait for an answer. */
  let waiting: ServerResponse[] = [];
  const ends: (() => void)[] = [];

  const launch: Launch = async (env, { deployId }) => {
    const server = createServer((request, response) => {
      if (request.url === "/wait") return void waiting.push(response);
      const file = `${env["CONTAINER_SANDBOX_MOUNT_POINT"]}/etc/keys/keys.json`;
      const read = (): string => {
        try {
          return readFileSync(file, "utf8");
        } catch {
          return "none";
        }
      };
      response.end(JSON.stringify({ pod: deployId, login: env["LOGIN"], plain: env["PLAIN"], keys: read() }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const exited = Promise.withResolvers<number>();
    const end = (): void => {
      server.close();
      server.closeAllConnections();
      exited.resolve(0);
    };
    ends.push(end);
    const { port } = server.address() as AddressInfo;
    return { port, stop: async () => end(), kill: end, exited: exited.promise };
  };
  const ask = async (): Promise<Record<string, string>> => {
    const response = await fetch(url);
    return response.ok ? ((await response.json()) as Record<string, string>) : { status: String(response.status) };
  };
  const until = (what: string, look: () => boolean | Promise<boolean>): Promise<boolean> => waitFor(look, { what });

  beforeEach(async () => {
    [dir, api, waiting] = [mkdtempSync(join(tmpdir(), "kubelet-")), new Api(), []];
    api.data.set("secrets/login", { LOGIN: Buffer.from("one").toString("base64") });
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    kubelet = new Kubelet({ client: api, namespace: "crm", dir, programs: { app: { launch, readiness: "/", port } } });
    await kubelet.start();
  });
  afterEach(async () => {
    await kubelet.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it("gives a pod its Secrets as they are at its start, and its ConfigMaps as they are now", async () => {
    assert.deepEqual(await ask(), { status: "503" }, "nobody serves yet");
    api.add("first");
    await until("the first pod", () => api.phase("first") === "Running");
    assert.deepEqual(await ask(), { pod: "first", login: "one", plain: "plain", keys: "none" });
    api.data.set("secrets/login", { LOGIN: Buffer.from("two").toString("base64") });
    api.data.set("configmaps/keys", { "keys.json": "[1]" });
    await until("the file", async () => (await ask())["keys"] === "[1]");
    assert.equal((await ask())["login"], "one");
    api.data.set("configmaps/keys", { "keys.json": "[2]" });
    await until("the next file", async () => (await ask())["keys"] === "[2]");
    ends.at(-1)?.();
    await until("a process in place of the one that ended", async () => (await ask())["login"] === "two");
  });

  it("lets what is under way end before a pod does, and sends it nothing new", async () => {
    api.add("first");
    await until("the first pod", () => api.phase("first") === "Running");
    const held = fetch(`${url}/wait`);
    await until("a request under way", () => waiting.length === 1);
    api.add("second");
    await until("the second pod", () => api.phase("second") === "Running");
    const first = api.pods.get("first") ?? assert.fail();
    first.metadata.deletionTimestamp = "2027-01-01T00:00:00Z";
    await until("the switch", () => kubelet.ready("app") === 1);
    for (let request = 0; request < 10; request++) assert.equal((await ask())["pod"], "second");
    assert.ok(api.pods.has("first"), "it is still there");
    waiting[0]?.end("done");
    assert.equal(await (await held).text(), "done");
    await until("its end", () => !api.pods.has("first"));
  });

  it("serves on while the API server is away", async () => {
    api.add("first");
    await until("the first pod", () => api.phase("first") === "Running");
    api.away = true;
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.equal((await ask())["pod"], "first");
    api.add("second");
    api.away = false;
    await until("the second pod", () => api.phase("second") === "Running");
  });
});
