// `github.ActionsSecret` and `github.ActionsEnvironmentSecret` as terraform-provider-github 6.13 has them
// (`github/resource_github_actions_secret.go`, `..._environment_secret.go`, `util_diff.go`).
import sodium from "libsodium-wrappers";
import type { DiffResult, Failure, Properties, Resource } from "../../../provider/wire/contract.ts";
import { same } from "../../../provider/wire/values.ts";
import { bridged, differs, failure, unknowns, type Input } from "../shared/bridge.ts";
import type { Answer, GithubClient } from "./client.ts";
import { anotherRepository, gone, repositoryId } from "./repository.ts";

const values = ["value", "valueEncrypted", "encryptedValue", "plaintextValue"];
const computed = ["repositoryId", "createdAt", "updatedAt", "remoteUpdatedAt", "keyId"];

/** What differs between the kinds of secrets. */
interface Kind {
  token: string;
  environment: boolean;
  schemaVersion: string;
  /** Where its secrets are, below the REST root. */
  base(client: GithubClient, properties: Properties, repositoryId: number): Promise<string>;
}

export function actionsSecret(client: GithubClient): Resource {
  return secret(client, {
    token: "github:index/actionsSecret:ActionsSecret",
    environment: false,
    schemaVersion: "2",
    base: async (api, { repository }) =>
      `repos/${await api.owner()}/${encodeURIComponent(repository as string)}/actions/secrets`,
  });
}

export function actionsEnvironmentSecret(client: GithubClient): Resource {
  return secret(client, {
    token: "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret",
    environment: true,
    schemaVersion: "1",
    base: async (_api, { environment }, repositoryId) =>
      `repositories/${repositoryId}/environments/${encodeURIComponent(environment as string)}/secrets`,
  });
}

function secret(client: GithubClient, kind: Kind): Resource {
  const named = kind.environment ? ["environment", "secretName"] : ["secretName"];
  const text = { kind: "string" } satisfies Input;
  const hidden = { kind: "string", secret: true } satisfies Input;

  /** Seals the value, writes it and reads the timestamps back, which the write does not answer with. */
  const write = async (inputs: Properties, repositoryId: number, keyBefore?: string): Promise<Properties> => {
    const base = await kind.base(client, inputs, repositoryId);
    let keyId = (inputs["keyId"] as string | undefined) ?? keyBefore;
    let encrypted = (inputs["valueEncrypted"] ?? inputs["encryptedValue"]) as string | undefined;
    if (!keyId || !encrypted) {
      const { body } = await client.call("GET", `${base}/public-key`);
      keyId = body["key_id"] as string;
      encrypted ??= await seal((inputs["value"] ?? inputs["plaintextValue"]) as string, body["key"] as string);
    }
    const name = inputs["secretName"] as string;
    await client.call("PUT", `${base}/${name}`, { key_id: keyId, encrypted_value: encrypted });
    const stamps = await client.call("GET", `${base}/${name}`).then(timestamps, () => ({}));
    return {
      __meta: JSON.stringify({ schema_version: kind.schemaVersion }),
      ...inputs,
      id: idOf(kind, inputs),
      repositoryId,
      keyId,
      ...stamps,
    };
  };

  return bridged({
    token: kind.token,
    inputs: {
      repository: { ...text, required: true },
      secretName: { ...text, required: true },
      ...(kind.environment ? { environment: { ...text, required: true } } : { destroyOnDrift: { kind: "boolean" } }),
      keyId: text,
      value: hidden,
      valueEncrypted: hidden,
      encryptedValue: hidden,
      plaintextValue: hidden,
    },
    secretOutputs: values,
    validate,
    diff: async ({ inputs, outputs, ignoreChanges }): Promise<DiffResult> => {
      const replaces = named.filter((key) => !same(inputs[key], outputs[key]));
      const changed = [...values, "destroyOnDrift"].filter((key) => differs(inputs[key], outputs[key]));
      if (inputs["keyId"] !== undefined && differs(inputs["keyId"], outputs["keyId"])) changed.push("keyId");
      if (!same(inputs["repository"], outputs["repository"])) {
        changed.push("repository");
        if (await anotherRepository(client, inputs, outputs)) replaces.push("repository");
      }
      // Someone else has written the secret since: it is written again.
      const drifted = outputs["remoteUpdatedAt"] && outputs["remoteUpdatedAt"] !== outputs["updatedAt"];
      const ignored = ["remoteUpdatedAt", "updatedAt"].some((key) => ignoreChanges.includes(key));
      if (drifted && !ignored) changed.push("updatedAt");
      return {
        changed: [...new Set([...replaces, ...changed])],
        replaces,
        deleteBeforeReplace: kind.environment && replaces.length > 0,
      };
    },
    plan: (inputs, outputs) => (outputs ? { ...outputs, ...inputs } : { ...unknowns(...computed), ...inputs }),
    create: async ({ inputs }) => {
      const outputs = await write(inputs, await repositoryId(client, inputs));
      return { id: idOf(kind, inputs), outputs };
    },
    update: async ({ inputs, outputs }) => {
      const id = outputs["repositoryId"] as number;
      const written = await write(inputs, id, outputs["keyId"] as string | undefined);
      return { createdAt: outputs["createdAt"], ...written };
    },
    read: async ({ id, inputs, outputs }) => {
      const known = Object.keys(outputs).length ? outputs : await imported(client, kind, id);
      const base = await kind.base(client, known, known["repositoryId"] as number);
      const answer = await client.call("GET", `${base}/${known["secretName"] as string}`).catch(gone);
      if (!answer) return undefined;
      const now = timestamps(answer);
      const found = { ...known, remoteUpdatedAt: now["remoteUpdatedAt"] };
      const stamped = {
        ...found,
        createdAt: known["createdAt"] || now["createdAt"],
        updatedAt: known["updatedAt"] || now["updatedAt"],
      };
      const given = Object.fromEntries(["repository", ...named].map((key) => [key, known[key]]));
      return { id: idOf(kind, known), outputs: stamped, inputs: Object.keys(inputs).length ? inputs : given };
    },
    delete: async ({ outputs }) => {
      const base = await kind.base(client, outputs, outputs["repositoryId"] as number);
      await client.call("DELETE", `${base}/${outputs["secretName"] as string}`);
    },
  });
}

function validate(inputs: Properties, name: string): Failure[] {
  const failures: Failure[] = [];
  const fail = (key: string, reason: string): number => failures.push(failure(name, key, reason));
  const given = values.filter((key) => inputs[key] !== undefined);
  const all = "`encrypted_value,plaintext_value,value,value_encrypted`";
  if (given.length === 0) fail("value", `Invalid combination of arguments. "value": one of ${all} must be specified`);
  if (given.length > 1)
    fail(
      given[0] ?? "value",
      `Invalid combination of arguments. "${snake(given[0])}": only one of ${all} can be specified, but \`${given.map(snake).join(",")}\` were specified.`,
    );
  if (inputs["keyId"] !== undefined) {
    for (const plainValue of ["value", "plaintextValue"].filter((key) => given.includes(key)))
      fail("keyId", `Conflicting configuration arguments. "key_id": conflicts with ${snake(plainValue)}`);
    if (!given.includes("valueEncrypted"))
      fail("keyId", 'Missing required argument. "key_id": all of `key_id,value_encrypted` must be specified');
  }
  const secretName = inputs["secretName"];
  if (typeof secretName === "string") {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(secretName))
      fail(
        "secretName",
        "secret names can only contain alphanumeric characters or underscores and must not start with a number",
      );
    if (/^GITHUB_/i.test(secretName)) fail("secretName", "secret names must not start with the GITHUB_ prefix");
  }
  for (const key of ["valueEncrypted", "encryptedValue"]) {
    const value = inputs[key];
    if (typeof value === "string" && Buffer.from(value, "base64").toString("base64") !== value)
      fail(key, `expected "${snake(key)}" to be a base64 string (value not shown)`);
  }
  return failures;
}

/** A sealed box: only the repository's private key opens it, and the writer cannot either. */
async function seal(value: string, publicKey: string): Promise<string> {
  await sodium.ready;
  const box = sodium.crypto_box_seal(Buffer.from(value, "utf8"), Buffer.from(publicKey, "base64"));
  return Buffer.from(box).toString("base64");
}

/** `repository:SECRET`, or `repository:environment:SECRET` with colons of the environment written as `??`. */
async function imported(client: GithubClient, kind: Kind, id: string): Promise<Properties> {
  const count = kind.environment ? 3 : 2;
  const parts = id.split(":");
  if (parts.length < count) throw new Error(`unexpected ID format ("${id}"); expected ${count} parts separated by ":"`);
  const [repository = "", ...rest] = parts;
  const environment = kind.environment ? rest.shift()?.replaceAll("??", ":") : undefined;
  const known: Properties = { repository, secretName: rest.join(":"), ...(environment ? { environment } : {}) };
  return { ...known, id, repositoryId: await repositoryId(client, known) };
}

function idOf(kind: Kind, properties: Properties): string {
  const { repository, secretName, environment } = properties as Record<string, string>;
  return [repository, ...(kind.environment ? [environment?.replaceAll(":", "??")] : []), secretName].join(":");
}

/** As Go prints a time: `2026-11-23 00:00:00 +0000 UTC`. */
function timestamps({ body }: Answer): Properties {
  const stamp = (key: string): string | undefined => {
    const at = new Date(body[key] as string);
    return Number.isNaN(at.getTime()) ? undefined : `${at.toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
  };
  const updated = stamp("updated_at");
  return { createdAt: stamp("created_at"), updatedAt: updated, remoteUpdatedAt: updated };
}

function snake(name = ""): string {
  return name.replace(/[A-Z]/g, (character) => `_${character.toLowerCase()}`);
}
