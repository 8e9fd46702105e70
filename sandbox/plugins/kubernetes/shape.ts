// What the official plugin does with the shape of objects before it compares or sends them. Facts: pulumi-kubernetes
// `provider/pkg/provider/provider.go` (pruneMap, normalizeInputs, annotateSecrets, checkpointObject), `pkg/metadata`.
import { randomBytes } from "node:crypto";
import { reveal, same, Secret, Unknown, type Properties, type Value } from "../../../provider/wire/values.ts";

/** Fields of metadata that the server alone writes. */
const readOnly = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "uid",
];
const autonamed = "pulumi.com/autonamed";
/** Bookkeeping that the official plugin keeps among the outputs. */
export const inputsKey = "__inputs";
export const fieldManagerKey = "__fieldManager";
export const apiVersionKey = "__initialApiVersion";

export function isObject(value: Value): value is Properties {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Secret) &&
    !(value instanceof Unknown)
  );
}

/** Without secrets' wrappers, at every depth. Unknowns stay. */
export function bare(value: Value): Value {
  const inner = reveal(value);
  if (Array.isArray(inner)) return inner.map(bare);
  if (!isObject(inner)) return inner;
  return Object.fromEntries(
    Object.entries(inner)
      .filter(([, item]) => item !== undefined && item !== null)
      .map(([key, item]) => [key, bare(item)]),
  );
}

export function metadataOf(object: Properties): Properties {
  const metadata = reveal(object["metadata"]);
  return isObject(metadata) ? metadata : {};
}

export function nameOf(object: Properties): string {
  const name = reveal(metadataOf(object)["name"]);
  return typeof name === "string" ? name : "";
}

export function namespaceOf(object: Properties): string {
  const namespace = reveal(metadataOf(object)["namespace"]);
  return typeof namespace === "string" ? namespace : "";
}

export function annotation(object: Properties, key: string): string | undefined {
  const annotations = reveal(metadataOf(object)["annotations"]);
  const value = isObject(annotations) ? reveal(annotations[key]) : undefined;
  return typeof value === "string" ? value : undefined;
}

/** `<namespace>/<name>`, or the name of what has no namespace. */
export function qualifiedName(object: Properties): string {
  return [namespaceOf(object), nameOf(object)].filter(Boolean).join("/");
}

/** The inputs without what only the server writes. */
export function normalized(inputs: Properties): Properties {
  const metadata = { ...metadataOf(inputs) };
  for (const field of readOnly) delete metadata[field];
  return { ...inputs, metadata };
}

/** Names an object that has no name: its old one if that was made up, else a new one after the resource. */
export function named(inputs: Properties, resourceName: string, old: Properties | undefined): Properties {
  const given = metadataOf(inputs)["name"];
  if (given !== undefined && given !== null && given !== "") return inputs;
  const kept = old && annotation(old, autonamed) === "true" ? nameOf(old) : "";
  const name = kept || `${resourceName}-${randomBytes(4).toString("hex")}`;
  const metadata = metadataOf(inputs);
  const annotations = { ...(isObject(metadata["annotations"]) ? metadata["annotations"] : {}), [autonamed]: "true" };
  return { ...inputs, metadata: { ...metadata, name, annotations } };
}

export function isAutonamed(inputs: Properties): boolean {
  return annotation(inputs, autonamed) === "true";
}

/** Of the live object only what the inputs speak of. */
export function pruned(live: Value, inputs: Value): Value {
  if (Array.isArray(live) && Array.isArray(inputs))
    return live.slice(0, inputs.length).map((item: Value, index) => pruned(item, inputs[index] as Value));
  if (!isObject(live) || !isObject(inputs)) return live;
  return Object.fromEntries(
    Object.entries(live)
      .filter(([key]) => key in inputs)
      .map(([key, item]) => [key, pruned(item, inputs[key])]),
  );
}

/** The parts of two objects that differ, as paths of one or two steps: `data`, `metadata.labels`. */
export function differences(old: Properties, news: Properties): string[] {
  const keys = (a: Properties, b: Properties): string[] => [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return keys(old, news).flatMap((key) => {
    if (same(old[key], news[key])) return [];
    if (key !== "metadata") return [key];
    const [before, after] = [metadataOf(old), metadataOf(news)];
    return keys(before, after)
      .filter((field) => !same(before[field], after[field]))
      .map((field) => `metadata.${field}`);
  });
}

/** A copy without the value at a path such as `metadata.annotations` or `metadata.annotations["a.b/c"]`. */
export function without(object: Properties, path: string): Properties {
  const steps = [...path.matchAll(/\["([^"]+)"\]|([^.[\]]+)/g)].map(([, quoted, word]) => quoted ?? word ?? "");
  const remove = (value: Value, [step = "", ...rest]: string[]): Value => {
    const inner = reveal(value);
    if (!isObject(inner) || !(step in inner)) return inner;
    const copy = { ...inner };
    if (rest.length) copy[step] = remove(copy[step], rest);
    else delete copy[step];
    return copy;
  };
  return remove(object, steps) as Properties;
}

/** Marks what was secret in the inputs, and a Secret's data whatever the inputs were. */
export function marked(object: Properties, inputs: Properties): Properties {
  const result = { ...object };
  if (object["kind"] === "Secret") {
    for (const key of ["data", "stringData"]) if (key in result) result[key] = secret(result[key]);
    return result;
  }
  for (const [key, given] of Object.entries(inputs)) {
    const value = result[key];
    if (value === undefined) continue;
    if (isObject(value) && isObject(given)) result[key] = marked(value, given);
    else if (holdsSecret(given)) result[key] = secret(value);
  }
  return result;
}

function holdsSecret(value: Value): boolean {
  if (value instanceof Secret) return true;
  if (Array.isArray(value)) return value.some(holdsSecret);
  return isObject(value) && Object.values(value).some(holdsSecret);
}

function secret(value: Value): Secret {
  return value instanceof Secret ? value : new Secret(value);
}
