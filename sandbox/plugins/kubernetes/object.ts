// One kind of object as the official plugin has it in its default mode: created by POST (or upserted, when asked to),
// changed by server-side apply, with previews computed by the server. Facts: pulumi-kubernetes
// `provider/pkg/provider/provider.go`, `provider/pkg/await/await.go`; create instead of upsert: its pull request 4278.
import { setTimeout as sleep } from "node:timers/promises";
import type { CheckResult, DiffResult, Failure, Resource } from "../../../provider/wire/contract.ts";
import { hasUnknown, type Properties, type Value } from "../../../provider/wire/values.ts";
import { redacted, textsIn } from "../shared/redact.ts";
import { KubeError, Unreachable, type KubeObject } from "./client.ts";
import type { Cluster } from "./cluster.ts";
import { clientSide, manager, ownedBy } from "./managers.ts";
import * as shape from "./shape.ts";

/** A kind of the core API, version v1. */
export interface Kind {
  kind: string;
  /** In paths: `secrets`. */
  plural: string;
  namespaced: boolean;
  /** Inputs beside apiVersion, kind and metadata. */
  fields: string[];
  /** Inputs that the official plugin has and the stand-in does not, and why. */
  refused?: Record<string, string>;
  /** Inputs whose change needs a new object. */
  replaces(inputs: Properties, cluster: Cluster): string[];
}

export function kubeObject(kind: Kind, cluster: Cluster): Resource {
  const token = `kubernetes:core/v1:${kind.kind}`;
  const path = (object: Properties, name = shape.nameOf(object)): string => {
    const scope = kind.namespaced ? `/namespaces/${encodeURIComponent(shape.namespaceOf(object) || "default")}` : "";
    return `/api/v1${scope}/${kind.plural}${name ? `/${encodeURIComponent(name)}` : ""}`;
  };
  const checkpoint = (inputs: Properties, live: KubeObject, fieldManager: string): Properties => ({
    ...shape.marked(live as Properties, inputs),
    [shape.inputsKey]: shape.marked(shape.bare(inputs) as Properties, inputs),
    [shape.apiVersionKey]: "v1",
    [shape.fieldManagerKey]: fieldManager,
  });
  const canonical = (object: Properties): Properties => {
    const { namespace, ...metadata } = shape.metadataOf(object);
    const scope = kind.namespaced ? { namespace: namespace || "default" } : {};
    return { ...object, metadata: { ...metadata, ...scope } };
  };

  return {
    token,
    check: async ({ name, inputs, oldInputs }): Promise<CheckResult> => {
      const failures = refusals(kind, token, name, inputs);
      let checked = shape.named(shape.normalized(inputs), name, oldInputs);
      const metadata = shape.metadataOf(checked);
      if (kind.namespaced && !metadata["namespace"])
        checked = { ...checked, metadata: { ...metadata, namespace: cluster.namespace } };
      return { inputs: shape.marked(checked, inputs), failures };
    },
    diff: ({ oldOutputs, inputs, ignoreChanges }): DiffResult => {
      const outputs = shape.bare(oldOutputs) as Properties;
      const oldInputs = shape.normalized((outputs[shape.inputsKey] ?? {}) as Properties);
      const live = canonical(shape.pruned(outputs, oldInputs) as Properties);
      const news = canonical(shape.normalized(shape.bare(inputs) as Properties));
      const cut = (object: Properties): Properties => ignoreChanges.reduce(shape.without, object);
      const paths = shape.differences(cut(live), cut(news));
      const replacing = ["metadata.name", "metadata.namespace", ...kind.replaces(news, cluster)];
      const top = (all: string[]): string[] => [...new Set(all.map((each) => each.split(".")[0] ?? each))];
      const replaces = top(paths.filter((each) => replacing.includes(each)));
      const stays = shape.qualifiedName(news) === shape.qualifiedName(live);
      const deleteBeforeReplace = replaces.length > 0 && !shape.isAutonamed(news) && stays;
      return { changed: top(paths), replaces, deleteBeforeReplace };
    },
    create: async ({ inputs, preview }) => {
      const object = shape.bare(inputs) as Properties;
      if (preview && hasUnknown(object)) return { id: "", outputs: inputs };
      const fieldManager = manager(object);
      const full = shape.qualifiedName(object);
      try {
        const live = await withRetries(preview, async () => {
          if (cluster.upsert) return apply(object, fieldManager, preview);
          const query = { fieldManager: clientSide, ...(preview ? { dryRun: "All" } : {}) };
          const { body } = await cluster.call("POST", path(object, ""), { body: object, query });
          return body;
        });
        return { id: preview ? "" : full, outputs: checkpoint(inputs, live, fieldManager) };
      } catch (error) {
        if (preview && previewable(error)) return { id: "", outputs: inputs };
        throw guarded(error, object, `resource ${full} was not successfully created by the Kubernetes API server : `);
      }
    },
    update: async ({ id, inputs, oldOutputs, preview }) => {
      const object = shape.normalized(shape.bare(inputs) as Properties);
      if (preview && hasUnknown(object)) return inputs;
      const fieldManager = manager(object, oldOutputs);
      try {
        const live = (await cluster.call("GET", path(object))).body;
        if (!preview) await adopt(object, live, fieldManager);
        return checkpoint(inputs, await apply(object, fieldManager, preview, live), fieldManager);
      } catch (error) {
        if (preview && previewable(error)) return inputs;
        const what = `the Kubernetes API server reported that it failed to fully initialize or become live`;
        throw guarded(error, object, `update of resource ${id} failed because ${what}: `);
      }
    },
    read: async ({ id, inputs, outputs }) => {
      const [namespace, name] = id.includes("/") ? (id.split("/") as [string, string]) : ["", id];
      const { status, body } = await cluster.call("GET", path({ metadata: { name, namespace } }), { accept: [404] });
      if (status === 404) return undefined;
      const live = body as Properties;
      const known = Object.keys(inputs).length > 0;
      const fromLive = ["apiVersion", "kind", "metadata", ...kind.fields].filter((key) => key in live);
      const liveInputs = known
        ? (shape.pruned(live, shape.bare(inputs)) as Properties)
        : shape.normalized(Object.fromEntries(fromLive.map((key) => [key, live[key]])));
      const read = shape.marked(liveInputs, inputs);
      return { id, inputs: read, outputs: checkpoint(read, body, manager(liveInputs, outputs)) };
    },
    delete: async ({ id, oldInputs, outputs, timeout }) => {
      const object = shape.bare(outputs) as Properties;
      const place = path(object);
      try {
        const answer = await cluster.call("DELETE", place, {
          body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Foreground" },
          accept: [403, 404],
        });
        // What the server protects (the namespace `default`) is given up, field by field.
        if (answer.status === 403) return void (await apply(bareIdentity(object), manager(oldInputs, outputs), false));
        if (answer.status !== 404) await gone(place, id, timeout || 600);
      } catch (error) {
        throw guarded(error, object, "");
      }
    },
  };

  async function apply(
    object: Properties,
    fieldManager: string,
    preview: boolean,
    live?: KubeObject,
  ): Promise<KubeObject> {
    const force = cluster.forced(object, preview, live);
    const query = { fieldManager, force: `${force}`, ...(preview ? { dryRun: "All" } : {}) };
    const contentType = "application/apply-patch+yaml";
    try {
      return (await cluster.call("PATCH", path(object), { body: object, contentType, query })).body;
    } catch (error) {
      if (!(error instanceof KubeError) || error.reason !== "Conflict") throw error;
      throw new Error(
        "Server-Side Apply field conflict detected. See https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/" +
          "managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources for troubleshooting help.\n" +
          `The resource managed by field manager "${fieldManager}" had an apply conflict: ${error.message}`,
        { cause: error },
      );
    }
  }

  /** Takes over the fields that were written by a plain create, or by kubectl, so that the apply finds no conflict. */
  async function adopt(object: Properties, live: KubeObject, fieldManager: string): Promise<void> {
    const managedFields = ownedBy(live, fieldManager);
    if (!managedFields) return;
    const { resourceVersion } = live.metadata ?? {};
    const patch = [
      { op: "replace", path: "/metadata/managedFields", value: managedFields },
      { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
    ];
    await cluster.call("PATCH", path(object), { body: patch, contentType: "application/json-patch+json" });
  }

  async function gone(place: string, id: string, seconds: number): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    for (let pause = 50; ; pause = Math.min(2 * pause, 1000)) {
      if ((await cluster.call("GET", place, { accept: [404] })).status === 404) return;
      if (Date.now() > deadline) throw new Error(`timed out waiting for ${kind.kind} "${id}" to be deleted`);
      await sleep(pause);
    }
  }
}

function bareIdentity(object: Properties): Properties {
  const { name, namespace } = shape.metadataOf(object);
  const metadata = namespace === undefined ? { name } : { name, namespace };
  return { apiVersion: "v1", kind: object["kind"], metadata };
}

function refusals({ fields, refused = {} }: Kind, token: string, name: string, inputs: Properties): Failure[] {
  return Object.entries(inputs).flatMap(([key, value]: [string, Value]) => {
    if (value === undefined || value === null || ["apiVersion", "kind", "metadata", ...fields].includes(key)) return [];
    const why = refused[key];
    if (why === undefined) return [{ reason: `${token} '${name}' has no input '${key}'` }];
    return [
      {
        reason: `The stand-in for ${token} does not cover input '${key}' of '${name}': ${why}. Leave it out, or install the official plugin.`,
      },
    ];
  });
}

/** What keeps a preview from asking the server; it then shows the inputs as they are. */
function previewable(error: unknown): boolean {
  if (error instanceof Unreachable) return true;
  return error instanceof KubeError && ["AlreadyExists", "Forbidden", "NotFound"].includes(error.reason);
}

/** A namespace that another resource of the same run makes may not be there yet. */
async function withRetries<T>(preview: boolean, step: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await step();
    } catch (error) {
      if (preview || !(error instanceof KubeError) || error.reason !== "NotFound" || attempt >= 5) throw error;
      await sleep(500 * 2 ** attempt);
    }
  }
}

/** The error with its context, and without the object's values in any form. */
function guarded(error: unknown, object: Properties, prefix: string): Error {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Unreachable) return new Error(`configured Kubernetes cluster is unreachable: ${message}`);
  const encoded = textsIn(object["data"]);
  const values = [...encoded, ...encoded.map((text) => Buffer.from(text, "base64").toString())];
  return new Error(prefix + redacted(message, object["kind"] === "Secret" ? values : []));
}
