// `vault.kv.SecretV2` as terraform-provider-vault has it (`vault/resource_kv_secret_v2.go`).
import { setTimeout as sleep } from "node:timers/promises";
import type { Failure, Properties, Resource, Value } from "../../../provider/wire/contract.ts";
import { same, Unknown } from "../../../provider/wire/values.ts";
import { bridged, checkInputs, differs, failure, unknowns, type Input } from "../shared/bridge.ts";
import { VaultError, type Answer, type VaultClient } from "./client.ts";
import { goJson } from "./go-json.ts";

const token = "vault:kv/secretV2:SecretV2";
const writeOnly = "the bridge writes it to the state anyway; use dataJson";
/** The block's fields and their names in Vault's metadata. */
const metadataFields: Record<string, Input & { vault: string }> = {
  maxVersions: { kind: "number", vault: "max_versions" },
  casRequired: { kind: "boolean", vault: "cas_required" },
  deleteVersionAfter: { kind: "number", vault: "delete_version_after" },
  data: { kind: "map", vault: "custom_metadata" },
};

export function secretV2(client: VaultClient): Resource {
  return bridged({
    token,
    inputs: {
      mount: { kind: "string", required: true },
      name: { kind: "string", required: true },
      dataJson: { kind: "string", secret: true },
      cas: { kind: "number" },
      options: { kind: "map" },
      customMetadata: { kind: "object" },
      deleteAllVersions: { kind: "boolean", default: false },
      disableRead: { kind: "boolean", default: false },
      dataJsonWo: { kind: "string", refused: writeOnly },
      dataJsonWoVersion: { kind: "number", refused: writeOnly },
      namespace: { kind: "string", refused: "namespaces are a feature of Vault Enterprise" },
    },
    secretOutputs: ["dataJson", "data"],
    validate,
    diff: ({ inputs, outputs }) => {
      const replaces = ["mount", "name"].filter((key) => !same(inputs[key], outputs[key]));
      const changed = ["cas", "options", "deleteAllVersions", "disableRead"].filter((key) =>
        differs(inputs[key], outputs[key]),
      );
      if (!same(normalized(inputs["dataJson"]), outputs["dataJson"])) changed.push("dataJson");
      if (inputs["customMetadata"] !== undefined && differs(inputs["customMetadata"], outputs["customMetadata"]))
        changed.push("customMetadata");
      return { changed: [...replaces, ...changed], replaces };
    },
    plan: (inputs, outputs) => {
      const planned = { ...inputs, dataJson: normalized(inputs["dataJson"]) };
      return outputs
        ? { ...outputs, ...planned }
        : { ...unknowns("path", "metadata", "data", "customMetadata"), ...planned };
    },
    create: async ({ inputs }) => {
      const outputs = await write(client, inputs);
      return { id: pathOf(inputs, "data"), outputs };
    },
    update: async ({ inputs, outputs }) => write(client, inputs, outputs),
    read: async ({ id, inputs, outputs }) => {
      const [, mount, name] = /^(.+?)\/data\/(.+)$/.exec(id) ?? [];
      if (!mount || !name) throw new Error(`unable to read mount from ID ${id}, err=no mount found`);
      const found = await read(client, { ...outputs, mount, name });
      if (!found) return undefined;
      const given = { mount, name, deleteAllVersions: false, disableRead: false };
      return { id, outputs: found, inputs: Object.keys(inputs).length ? inputs : given };
    },
    delete: async ({ outputs }) => {
      const path = pathOf(outputs, outputs["deleteAllVersions"] === true ? "metadata" : "data");
      await client.call("DELETE", path).catch((error: unknown) => {
        throw new Error(
          `error deleting "${path}" from Vault: ${error instanceof Error ? error.message : String(error)}`,
        );
      });
    },
  });
}

function validate(inputs: Properties, name: string): Failure[] {
  const failures: Failure[] = [];
  const { dataJson, customMetadata } = inputs;
  if (dataJson === undefined)
    failures.push(
      failure(
        name,
        "dataJson",
        'Invalid combination of arguments. "data_json": one of `data_json,data_json_wo` must be specified',
      ),
    );
  // The official plugin prints the text that it could not read. This one does not.
  else if (typeof dataJson === "string" && normalized(dataJson) === undefined)
    failures.push(failure(name, "dataJson", "data_json syntax error: it must be a JSON object (value not shown)"));
  if (customMetadata && !(customMetadata instanceof Unknown))
    failures.push(
      ...(checkInputs(`${token} customMetadata`, name, customMetadata as Properties, metadataFields).failures ?? []),
    );
  return failures;
}

/**
 * A new version with all fields, then the custom metadata: two requests. As in the official plugin the
 * top-level `cas` goes beside the data, where Vault does not look for it; `options.cas` is the one that counts.
 */
async function write(client: VaultClient, inputs: Properties, old: Properties = {}): Promise<Properties> {
  const path = pathOf(inputs, "data");
  const body = {
    data: JSON.parse(inputs["dataJson"] as string) as object,
    cas: inputs["cas"] ?? 0,
    options: inputs["options"] ?? {},
  };
  await whileUpgrading(() => client.call("PUT", path, body)).then((answer) => notFound(answer, path));
  const metadata = inputs["customMetadata"] as Properties | undefined;
  if (differs(metadata, undefined)) {
    const fields = Object.entries(metadataFields)
      .filter(([key]) => differs(metadata?.[key], undefined))
      .map(([key, { vault }]) => [vault, metadata?.[key]]);
    const metadataPath = pathOf(inputs, "metadata");
    await client.call("PUT", metadataPath, Object.fromEntries(fields) as object).catch((error: unknown) => {
      throw new Error(
        `error writing custom metadata to ${metadataPath}, err=${error instanceof Error ? error.message : String(error)}`,
      );
    });
  }
  const kept = { metadata: old["metadata"], data: old["data"], customMetadata: metadata ?? old["customMetadata"] };
  const outputs = await read(client, { ...kept, ...inputs, dataJson: normalized(inputs["dataJson"]) });
  if (!outputs) throw new Error(`the secret ${path} is gone right after it was written`);
  return outputs;
}

/** Only metadata is taken from Vault, so a value changed by someone else shows as another version at most. */
async function read(client: VaultClient, known: Properties): Promise<Properties | undefined> {
  const path = pathOf(known, "data");
  const outputs: Properties = { ...known, id: path, path };
  if (known["disableRead"] === true) return outputs;
  const answer = await client.call("GET", path).catch((error: unknown) => {
    throw new Error(`error reading from Vault: ${error instanceof Error ? error.message : String(error)}`);
  });
  // A soft-deleted version answers 404 too, but with its metadata: the resource stays.
  const metadata = answer.data?.["metadata"] as Record<string, unknown> | undefined;
  if (!metadata) return undefined;
  outputs["data"] = {};
  outputs["metadata"] = Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [key, typeof value === "string" ? value : goJson(value)]),
  );
  if ("custom_metadata" in metadata) {
    const { data } = await client.call("GET", pathOf(known, "metadata"));
    outputs["customMetadata"] = {
      maxVersions: data?.["max_versions"] as number,
      casRequired: data?.["cas_required"] as boolean,
      deleteVersionAfter: seconds(data?.["delete_version_after"]),
      data: (data?.["custom_metadata"] as Properties | null | undefined) ?? {},
    };
  }
  return outputs;
}

/** A mount that turns into version 2 answers 400 for a moment; the provider writes again until it is through. */
async function whileUpgrading(step: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof VaultError) || !/upgrading from non-versioned/i.test(error.message) || attempt >= 60)
        throw error;
      await sleep(500);
    }
  }
}

function notFound(answer: Answer, path: string): void {
  if (answer.status === 404)
    throw new Error(`error writing to Vault: 404, no handler for route "${path}". Is a KV v2 engine mounted there?`);
}

function pathOf(properties: Properties, kind: "data" | "metadata"): string {
  return `${properties["mount"] as string}/${kind}/${properties["name"] as string}`;
}

/** The JSON as the state keeps it; undefined when it is no JSON object. */
function normalized(value: Value): Value {
  if (typeof value !== "string") return value;
  try {
    const parsed = JSON.parse(value) as unknown;
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? goJson(parsed) : undefined;
  } catch {
    return undefined;
  }
}

/** Go's duration text, such as `3h12m10s`. */
function seconds(text: unknown): number {
  const units: Record<string, number> = { h: 3600, m: 60, s: 1 };
  const parts = typeof text === "string" ? text.matchAll(/([\d.]+)([hms])/g) : [];
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? "s"] ?? 0), 0);
}
