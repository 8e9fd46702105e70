// The cluster that the plugin is configured for, and the settings that change its ways.
import type { Properties } from "../../../provider/wire/values.ts";
import { env, type Configuration } from "../shared/config.ts";
import { KubeClient, readKubeconfig, Unreachable, type Call, type KubeObject } from "./client.ts";
import { managedFields } from "./managers.ts";
import { annotation } from "./shape.ts";
import { homedir } from "node:os";
import { join } from "node:path";

/** Managers under which this plugin wrote before server-side apply. */
const clientSide = ["pulumi-kubernetes", "pulumi-kubernetes.exe", "pulumi-resource-kubernetes"];

export class Cluster {
  #config: Configuration | undefined;
  #client: KubeClient | undefined;

  configure(config: Configuration): void {
    this.#config = config;
    this.#client?.close();
    this.#client = undefined;
  }

  /** Secrets are changed in place. */
  get secretsMutable(): boolean {
    return this.#flag("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE");
  }

  get configMapsMutable(): boolean {
    return this.#flag("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE");
  }

  /** What exists is taken over by a create, instead of refused. */
  get upsert(): boolean {
    return this.#flag("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS");
  }

  /** For objects that name none: the setting, else the context's, else `default`. */
  get namespace(): string {
    try {
      return this.#config?.text("namespace") ?? this.#connect().connection.namespace ?? "default";
    } catch {
      return "default";
    }
  }

  /** Whether an apply overrides the fields of others: by annotation, then by setting; previews of new objects always. */
  forced(object: Properties, preview: boolean, live?: KubeObject): boolean {
    if (annotation(object, "pulumi.com/patchForce") === "true") return true;
    const setting = this.#config?.boolean("enablePatchForce") ?? env("PULUMI_K8S_ENABLE_PATCH_FORCE");
    if (setting !== undefined) return String(setting) === "true";
    if (!preview) return false;
    return (
      !live ||
      managedFields(live).some(({ manager, operation }) => operation === "Update" && clientSide.includes(manager))
    );
  }

  /** @throws KubeError, Unreachable */
  call(method: string, path: string, call?: Call): ReturnType<KubeClient["call"]> {
    let client: KubeClient;
    try {
      client = this.#connect();
    } catch (error) {
      return Promise.reject(new Unreachable((error as Error).message));
    }
    return client.call(method, path, call);
  }

  #connect(): KubeClient {
    const kubeconfig =
      this.#config?.text("kubeconfig") ?? env("KUBECONFIG") ?? join(env("HOME") ?? homedir(), ".kube", "config");
    return (this.#client ??= new KubeClient(readKubeconfig(kubeconfig, this.#config?.text("context"))));
  }

  #flag(key: string, variable: string): boolean {
    return this.#config?.boolean(key) ?? env(variable) === "true";
  }
}
