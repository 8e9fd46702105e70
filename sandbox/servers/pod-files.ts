// What a pod is given by the objects that it names: the environment of its Secrets, as they are when it starts, and
// ConfigMaps as files, which follow their changes.
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { KubeClient } from "../plugins/kubernetes/client.ts";

interface Container {
  name: string;
  image: string;
  env?: { name: string; value?: string }[];
  envFrom?: { secretRef?: { name: string; optional?: boolean } }[];
  volumeMounts?: { name: string; mountPath: string }[];
}
export interface Pod {
  metadata: { name: string; uid: string; deletionTimestamp?: string; annotations?: Record<string, string> };
  spec: {
    nodeName?: string;
    schedulerName?: string;
    containers: Container[];
    volumes?: { name: string; configMap?: { name: string } }[];
  };
}

export class PodFiles {
  readonly #client: Pick<KubeClient, "call">;
  readonly #namespace: string;
  readonly #dir: string;
  /** What each file holds. */
  readonly #known = new Map<string, string>();

  /** @param dir gets a folder for each pod */
  constructor(client: Pick<KubeClient, "call">, namespace: string, dir: string) {
    this.#client = client;
    this.#namespace = namespace;
    this.#dir = dir;
  }

  /** The environment of a pod's first container; what is mounted into it is there, too. Missing objects count as empty. */
  async environment(pod: Pod): Promise<Record<string, string>> {
    const [container] = pod.spec.containers;
    const env: Record<string, string> = {};
    for (const { secretRef } of container?.envFrom ?? [])
      for (const [key, value] of Object.entries(secretRef ? await this.#data("secrets", secretRef.name) : {}))
        env[key] = Buffer.from(value, "base64").toString();
    for (const { name, value = "" } of container?.env ?? []) env[name] = value;
    await this.mount(pod);
    return { ...env, CONTAINER_SANDBOX_MOUNT_POINT: this.#folder(pod) };
  }

  /** Brings mounted files to what their ConfigMaps say. */
  async mount(pod: Pod): Promise<void> {
    for (const { name, mountPath } of pod.spec.containers[0]?.volumeMounts ?? []) {
      const source = pod.spec.volumes?.find((volume) => volume.name === name)?.configMap;
      for (const [key, text] of Object.entries(source ? await this.#data("configmaps", source.name) : {})) {
        const file = join(this.#folder(pod), mountPath, key);
        if (this.#known.get(file) === text) continue;
        mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
        writeFileSync(`${file}.new`, text, { mode: 0o600 });
        renameSync(`${file}.new`, file);
        this.#known.set(file, text);
      }
    }
  }

  remove(pod: Pod): void {
    const folder = this.#folder(pod);
    for (const file of this.#known.keys()) if (file.startsWith(folder)) this.#known.delete(file);
    rmSync(folder, { recursive: true, force: true });
  }

  #folder({ metadata: { uid } }: Pod): string {
    return join(this.#dir, uid);
  }

  async #data(kind: "secrets" | "configmaps", name: string): Promise<Record<string, string>> {
    const path = `/api/v1/namespaces/${this.#namespace}/${kind}/${name}`;
    const { body } = await this.#client.call("GET", path, { accept: [404] });
    return (body["data"] ?? {}) as Record<string, string>;
  }
}
