// The state that a journal leads to. Pulumi's engine says what it begins and what came of it, one entry each, and leaves it
// to whoever keeps them to put the state together; pkg/backend/journal.go of github.com/pulumi/pulumi has how they are meant.
import { createHash } from "node:crypto";
import { kinds, type Deployment, type Entry, type Resource, type Typed } from "./entries.ts";

/** What readers of a state have to understand, by what its resources have (pkg/resource/stack/deployment.go). */
const features = {
  refreshBeforeUpdate: "refreshBeforeUpdate",
  viewOf: "views",
  resourceHooks: "hooks",
  taint: "taint",
  replaceWith: "replaceWith",
  extensionRef: "extensionParameterization",
  snippetID: "snippets-prototype",
};

/**
 * @param before the state that the run began with; undefined for a stack that has none yet
 * @param entries in any order, some of them perhaps twice
 * @param cli version of the engine that wrote them, like "3.259.0"
 * @throws Error for an entry of a kind or version that is not known
 */
export function replay(before: Typed | undefined, entries: readonly Entry[], cli: string, now: Date): Typed {
  const inOrder = [...new Map(entries.map((entry) => [entry.sequenceID, entry])).values()];
  inOrder.sort((one, other) => one.sequenceID - other.sequenceID);
  let base: Deployment = structuredClone(before?.deployment ?? {});
  let made = new Made();
  const extensions: Record<string, unknown> = {};
  let refreshed = false;
  let byteString = before?.features?.includes("byteString") ?? false;
  for (const entry of inOrder) {
    if (entry.version !== 1)
      throw new Error(`an entry of the journal has version ${entry.version}, which is not known`);
    byteString ||= entry.requiresByteString ?? false;
    if (entry.kind === kinds.refreshSuccess || (entry.kind === kinds.success && entry.isRefresh)) refreshed = true;
    if (entry.kind === kinds.write) base = structuredClone(entry.newSnapshot ?? {});
    else if (entry.kind === kinds.secretsManager) {
      if (entry.secretsProvider) base.secrets_providers = entry.secretsProvider;
    } else if (entry.kind === kinds.snippets) {
      if (entry.snippets) base.snippets = entry.snippets;
      else delete base.snippets;
    } else if (entry.kind === kinds.extensionParameterize) {
      if (entry.extensionRef) extensions[entry.extensionRef] = entry.extension;
    } else if (entry.kind === kinds.rebuiltBaseState) {
      base = { ...base, ...made.onto(base) };
      if (refreshed) mendReferences(base.resources ?? []);
      made = new Made();
    } else made.add(entry);
  }
  const deployment: Deployment = { ...base, ...made.onto(base), manifest: manifestOf(cli, now) };
  if (Object.keys(extensions).length > 0) deployment.extensions = { ...extensions, ...base.extensions };
  const resources = deployment.resources ?? [];
  if (refreshed) mendReferences(resources);
  followAliases(resources);
  const needed = new Set(byteString ? ["byteString"] : []);
  if (deployment.snippets?.length) needed.add(features.snippetID);
  for (const resource of [...resources, ...(deployment.pending_operations ?? []).map((open) => open.resource)])
    for (const [field, feature] of Object.entries(features)) if (says(resource[field])) needed.add(feature);
  return needed.size > 0 ? { version: 4, features: [...needed].sort(), deployment } : { version: 3, deployment };
}

/** What a run has made of a state so far. */
class Made {
  /** By the number of the operation, in the order in which they succeeded. */
  readonly #made = new Map<number, Resource>();
  readonly #removed = new Set<number>();
  readonly #open = new Map<number, Entry>();
  readonly #gone = new Set<number>();
  readonly #instead = new Map<number, Resource>();
  readonly #toDelete = new Set<number>();
  readonly #toReplace = new Set<number>();

  /** @throws Error for a kind that is not known */
  add(entry: Entry): void {
    const { kind, operationID, removeOld, removeNew } = entry;
    const state = entry.state ? structuredClone(entry.state) : undefined;
    if (kind === kinds.begin) this.#open.set(operationID, entry);
    else if (kind === kinds.success) this.#success(entry, state);
    else if (kind === kinds.failure) this.#open.delete(operationID);
    else if (kind === kinds.refreshSuccess) {
      this.#open.delete(operationID);
      if (isNumber(removeOld) && !state) this.#gone.add(removeOld);
      if (isNumber(removeNew) && !state) this.#removed.add(removeNew);
      this.#replace(entry, state);
    } else if (kind === kinds.outputs) this.#replace(entry, state);
    else throw new Error(`an entry of the journal is of kind ${kind}, which is not known`);
  }

  #success(entry: Entry, state: Resource | undefined): void {
    const { operationID, removeOld, removeNew, deleteOld, deleteNew, pendingReplacementOld, pendingReplacementNew } =
      entry;
    this.#open.delete(operationID);
    if (state) this.#made.set(operationID, state);
    if (isNumber(removeOld)) this.#gone.add(removeOld);
    if (isNumber(removeNew)) this.#removed.add(removeNew);
    if (isNumber(deleteOld)) this.#toDelete.add(deleteOld);
    if (isNumber(pendingReplacementOld)) this.#toReplace.add(pendingReplacementOld);
    this.#mark(deleteNew, "delete");
    this.#mark(pendingReplacementNew, "pendingReplacement");
  }

  #replace({ removeOld, removeNew }: Entry, state: Resource | undefined): void {
    if (state && isNumber(removeOld)) this.#instead.set(removeOld, state);
    if (state && isNumber(removeNew)) this.#made.set(removeNew, state);
  }

  #mark(operation: number | null | undefined, as: "delete" | "pendingReplacement"): void {
    const resource = isNumber(operation) ? this.#made.get(operation) : undefined;
    if (resource) resource[as] = true;
  }

  /** First what was made, then what is left of before: that keeps everything behind what it depends on. */
  onto(base: Deployment): Pick<Deployment, "resources" | "pending_operations"> {
    const left = (base.resources ?? []).flatMap((resource, place) => {
      if (this.#gone.has(place)) return [];
      const instead = this.#instead.get(place);
      if (instead) return [instead];
      const marks = {
        ...(this.#toDelete.has(place) ? { delete: true } : {}),
        ...(this.#toReplace.has(place) ? { pendingReplacement: true } : {}),
      };
      return [{ ...resource, ...marks }];
    });
    const open = [...this.#open.values()].flatMap(({ operation }) => (operation ? [operation] : []));
    // What a run before began to create is known to nobody else: only `--clear-pending-creates` forgets it.
    const before = (base.pending_operations ?? []).filter(({ type }) => type === "creating");
    const made = [...this.#made].filter(([operation]) => !this.#removed.has(operation)).map(([, resource]) => resource);
    return { resources: [...made, ...left], pending_operations: [...open, ...before] };
  }
}

/** A refresh may take away what others refer to. */
function mendReferences(resources: Resource[]): void {
  const there = new Set<string>();
  for (const resource of resources) {
    const byProperty = resource.propertyDependencies ?? {};
    for (const list of [resource.dependencies, resource.replaceWith, ...Object.values(byProperty)])
      list?.splice(0, list.length, ...list.filter((urn) => there.has(urn)));
    for (const [property, list] of Object.entries(byProperty)) if (list.length === 0) delete byProperty[property];
    for (const field of ["parent", "deletedWith"] as const)
      if (resource[field] && !there.has(resource[field])) delete resource[field];
    there.add(resource.urn);
  }
}

/** Whoever still refers to a resource by a name that it had before refers to its new one. */
function followAliases(resources: Resource[]): void {
  const renamed = new Map<string, string>();
  for (const { urn, parent, aliases } of resources) {
    for (const alias of aliases ?? []) renamed.set(alias, urn);
    const above = parent === undefined ? undefined : renamed.get(parent);
    // A URN holds the types of those above it.
    if (above !== undefined && typeOf(above) !== "pulumi:pulumi:Stack") renamed.set(urn, below(above, urn));
  }
  if (renamed.size === 0) return;
  const follow = (urn: string): string => renamed.get(urn) ?? urn;
  for (const resource of resources) {
    resource.urn = follow(resource.urn);
    for (const field of ["parent", "deletedWith", "viewOf"] as const)
      if (resource[field]) resource[field] = follow(resource[field]);
    if (resource.provider) {
      const end = resource.provider.lastIndexOf("::");
      resource.provider = follow(resource.provider.slice(0, end)) + resource.provider.slice(end);
    }
    for (const list of [resource.dependencies, ...Object.values(resource.propertyDependencies ?? {})])
      list?.splice(0, list.length, ...list.map(follow));
    delete resource.aliases;
  }
}

const parts = /^(urn:pulumi:[^:]*::[^:]*::)(.*)::(.*)$/s;

/** The types of a resource and of those above it, from its URN. */
function typeOf(urn: string): string {
  return parts.exec(urn)?.[2] ?? "";
}

function below(above: string, urn: string): string {
  const [, start = "", types = "", name = ""] = parts.exec(urn) ?? [];
  return `${start}${typeOf(above)}$${types.split("$").at(-1) ?? ""}::${name}`;
}

/** The engine refuses a state whose `magic` is not this (pkg/resource/deploy/manifest.go). */
function manifestOf(version: string, now: Date): NonNullable<Deployment["manifest"]> {
  return { time: now.toISOString(), magic: createHash("sha256").update(version).digest("hex"), version };
}

function says(value: unknown): boolean {
  return typeof value === "object" && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}

function isNumber(value: number | null | undefined): value is number {
  return typeof value === "number";
}
