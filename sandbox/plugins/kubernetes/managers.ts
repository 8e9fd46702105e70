// Field managers: who wrote which field of an object. Facts: pulumi-kubernetes `fieldManagerName` (provider.go) and
// `fixCSAFieldManagers` (await.go).
import { randomBytes } from "node:crypto";
import { reveal, type Properties } from "../../../provider/wire/values.ts";
import type { KubeObject } from "./client.ts";
import { annotation, fieldManagerKey } from "./shape.ts";

export interface ManagedField {
  manager: string;
  operation: "Apply" | "Update";
  apiVersion?: string;
  time?: string;
  fieldsType?: string;
  fieldsV1?: Fields;
  subresource?: string;
}
interface Fields {
  [key: string]: Fields;
}

/** Whose fields the plugin takes for its own: kubectl's, and its own before server-side apply. */
const earlier = [
  "kubectl",
  "before-first-apply",
  "pulumi-kubernetes",
  "pulumi-kubernetes.exe",
  "pulumi-resource-kubernetes",
];

/** The name under which the object is written: by its annotation, as before, or a new one of its own. */
export function manager(object: Properties, outputs: Properties = {}): string {
  const known = reveal(outputs[fieldManagerKey]);
  return (
    annotation(object, "pulumi.com/patchFieldManager") ??
    (typeof known === "string" ? known : `pulumi-kubernetes-${randomBytes(4).toString("hex")}`)
  );
}

/** The name of plain creates, and of everything that was written before server-side apply. */
export const clientSide = "pulumi-kubernetes";

export function managedFields(object: KubeObject): ManagedField[] {
  const fields = object.metadata?.["managedFields"];
  return Array.isArray(fields) ? (fields as ManagedField[]) : [];
}

/** The managed fields with those of earlier writers given to `name`; undefined when there are none. */
export function ownedBy(live: KubeObject, name: string): ManagedField[] | undefined {
  const all = managedFields(live);
  const taken = all.filter(
    (field) =>
      field.subresource === undefined &&
      earlier.includes(field.manager) &&
      !(field.manager === name && field.operation === "Apply"),
  );
  if (!taken.length) return undefined;
  const own = all.find((field) => field.manager === name && field.operation === "Apply");
  const merged = [...(own ? [own] : []), ...taken].reduce<Fields>((sum, field) => union(sum, field.fieldsV1 ?? {}), {});
  const first = own ?? taken[0];
  const rest = all.filter((field) => field !== own && !taken.includes(field));
  return [...rest, { ...(first as ManagedField), manager: name, operation: "Apply", fieldsV1: merged }];
}

function union(a: Fields, b: Fields): Fields {
  const result = { ...a };
  for (const [key, fields] of Object.entries(b)) result[key] = union(result[key] ?? {}, fields);
  return result;
}
