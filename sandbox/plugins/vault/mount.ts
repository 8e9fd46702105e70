// `vault.Mount` as terraform-provider-vault has it (`vault/resource_mount.go`).
import { setTimeout as sleep } from "node:timers/promises";
import type { Failure, Properties, Resource } from "../../../provider/wire/contract.ts";
import { bridged, differs, failure, unknowns, type Input } from "../shared/bridge.ts";
import { VaultError, type VaultClient } from "./client.ts";

const unused = (kind: Input["kind"]): Input => ({ kind, refused: "no stack here uses it" });
/** Inputs that the provider cannot change on a mount that exists. */
const fixed = ["type", "local", "sealWrap", "externalEntropyAccess"];
const tunable = ["description", "defaultLeaseTtlSeconds", "maxLeaseTtlSeconds", "options", "listingVisibility"];
/** Left out, they stay as the server has them. */
const computed = ["defaultLeaseTtlSeconds", "maxLeaseTtlSeconds", "sealWrap"];

/** How Vault describes a mount. */
interface MountBody {
  type: string;
  description: string;
  accessor: string;
  local: boolean;
  seal_wrap: boolean;
  external_entropy_access: boolean;
  options: Record<string, string> | null;
  config: {
    default_lease_ttl: number;
    max_lease_ttl: number;
    listing_visibility?: string;
    audit_non_hmac_request_keys?: string[];
    audit_non_hmac_response_keys?: string[];
  };
}

export function mount(client: VaultClient): Resource {
  return bridged({
    token: "vault:index/mount:Mount",
    inputs: {
      path: { kind: "string", required: true },
      type: { kind: "string", required: true },
      description: { kind: "string" },
      options: { kind: "map" },
      defaultLeaseTtlSeconds: { kind: "number" },
      maxLeaseTtlSeconds: { kind: "number" },
      local: { kind: "boolean" },
      sealWrap: { kind: "boolean" },
      externalEntropyAccess: { kind: "boolean", default: false },
      listingVisibility: { kind: "string" },
      namespace: { kind: "string", refused: "namespaces are a feature of Vault Enterprise" },
      allowedManagedKeys: unused("object"),
      allowedResponseHeaders: unused("object"),
      auditNonHmacRequestKeys: unused("object"),
      auditNonHmacResponseKeys: unused("object"),
      delegatedAuthAccessors: unused("object"),
      forceNoCache: unused("boolean"),
      identityTokenKey: unused("string"),
      passthroughRequestHeaders: unused("object"),
      pluginVersion: unused("string"),
    },
    secretOutputs: [],
    validate: (inputs, name, oldInputs): Failure[] => {
      // The official plugin moves the mount and leaves the old path as the resource's id.
      if (oldInputs && differs(inputs["path"], oldInputs["path"]))
        return [
          failure(name, "path", "The stand-in for vault:index/mount:Mount does not move a mount to another path"),
        ];
      return [];
    },
    diff: ({ inputs, outputs }) => {
      const changed = [...fixed, ...tunable].filter(
        (key) => !(computed.includes(key) && inputs[key] === undefined) && differs(inputs[key], outputs[key]),
      );
      return { changed, replaces: changed.filter((key) => fixed.includes(key)) };
    },
    plan: (inputs, outputs) =>
      outputs ? { ...outputs, ...inputs } : { ...unknowns("accessor", ...computed), ...inputs },
    create: async ({ inputs }) => {
      const path = inputs["path"] as string;
      await client
        .call("POST", `sys/mounts/${path}`, {
          type: inputs["type"],
          description: inputs["description"] ?? "",
          config: config(inputs, {}),
          local: inputs["local"] ?? false,
          options: inputs["options"] ?? {},
          seal_wrap: inputs["sealWrap"] ?? false,
          external_entropy_access: inputs["externalEntropyAccess"] ?? false,
        })
        .catch(prefixed("error writing to Vault"));
      return { id: path, outputs: must(await read(client, path, inputs), path) };
    },
    update: async ({ id, inputs, outputs }) => {
      const changes = {
        ...config(inputs, outputs),
        options: inputs["options"] ?? {},
        ...(differs(inputs["description"], outputs["description"]) ? { description: inputs["description"] ?? "" } : {}),
      };
      // Vault refuses to tune a mount that it is still upgrading; the provider asks again for ten seconds.
      for (let attempt = 0; ; attempt++) {
        try {
          await client.call("POST", `sys/mounts/${id}/tune`, changes);
          break;
        } catch (error) {
          if (!(error instanceof VaultError) || !/upgrading/i.test(error.message) || attempt >= 10)
            return prefixed("error updating Vault")(error);
          await sleep(1000);
        }
      }
      return must(await read(client, id, inputs), id);
    },
    read: async ({ id, inputs, outputs }) => {
      const found = await read(client, id, Object.keys(outputs).length ? outputs : {});
      if (!found) return undefined;
      const given = Object.keys(inputs).length ? inputs : { path: id, type: found["type"], options: found["options"] };
      return { id, outputs: found, inputs: given };
    },
    delete: async ({ id }) => {
      await client.call("DELETE", `sys/mounts/${id}`).catch(prefixed("error deleting from Vault"));
    },
  });
}

function config(inputs: Properties, outputs: Properties): object {
  const seconds = (key: string): string => `${Number(inputs[key] ?? outputs[key] ?? 0)}s`;
  const visibility = inputs["listingVisibility"];
  return {
    default_lease_ttl: seconds("defaultLeaseTtlSeconds"),
    max_lease_ttl: seconds("maxLeaseTtlSeconds"),
    ...(visibility === undefined ? {} : { listing_visibility: visibility }),
  };
}

/** The mount as the state keeps it; `known` holds type and options as they were given. */
async function read(client: VaultClient, path: string, known: Properties): Promise<Properties | undefined> {
  const answer = await client.call("GET", `sys/mounts/${path}`).catch((error: unknown) => {
    if (error instanceof VaultError && error.errors.some((text) => /No secret engine mount/i.test(text)))
      return undefined;
    throw error;
  });
  if (!answer?.data) return undefined;
  const body = answer.data as unknown as MountBody;
  const options = { ...body.options };
  let type = body.type;
  // Vault reports `kv-v2` back as `kv` with a version among its options.
  if (known["type"] === "kv-v2" && type === "kv" && options["version"] === "2") {
    type = "kv-v2";
    if ((known["options"] as Properties | undefined)?.["version"] === undefined) delete options["version"];
  }
  return {
    path,
    type,
    description: body.description,
    accessor: body.accessor,
    local: body.local,
    sealWrap: body.seal_wrap,
    externalEntropyAccess: body.external_entropy_access,
    options: Object.keys(options).length ? options : undefined,
    defaultLeaseTtlSeconds: body.config.default_lease_ttl,
    maxLeaseTtlSeconds: body.config.max_lease_ttl,
    listingVisibility: body.config.listing_visibility,
    auditNonHmacRequestKeys: body.config.audit_non_hmac_request_keys ?? [],
    auditNonHmacResponseKeys: body.config.audit_non_hmac_response_keys ?? [],
  };
}

function must(outputs: Properties | undefined, path: string): Properties {
  if (!outputs) throw new Error(`the mount "${path}" is gone right after it was written`);
  return outputs;
}

function prefixed(what: string): (error: unknown) => never {
  return (error) => {
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  };
}
