// A vendor's API key in Vault, as two fields of one entry: `primary_key`, which consumers use, and `secondary_key`, which
// they fall back to. Both are in every write, so that none erases the other, and each write names the version that it
// replaces. One resource promotes a new key, another takes the old one out once it has ended at the vendor.
import type { CredentialKind } from "../credentials/kind.ts";
import type { Settings } from "../settings.ts";
import type { KvEntry, Vault } from "../vendors/vault.ts";
import type { CreateRequest, Failure, Log, Properties, Resource } from "../wire/contract.ts";
import { reveal, same } from "../wire/values.ts";
import type { Kinds } from "./credential.ts";
import { flag, number, object, required, text } from "./inputs.ts";

/** Turns of read and write within one run; each needs at most three, and more when another writer is faster. */
const turns = 8;

/** Where the entries are. */
export type Entries = Pick<Vault, "read" | "write" | "metadata" | "describe">;

/**
 * `rotation:vault:KeyPair`
 *
 * Inputs: `secret`, `mount`, `path`, `kind` and `args` (of the credential: how a key is proven), `value` (secret, the
 * current key), `reference` (how the vendor calls it), `previous` (secret, the one before; "" when there is none),
 * `generation`, `window`.
 * Puts the key beside the primary one as `secondary_key`; reads it back and has the vendor accept it; then makes it
 * `primary_key` and the other one `secondary_key`. Killed anywhere, the next run goes on from what Vault holds. A key
 * that the vendor refuses stays secondary, and the step fails. Fields of others, and a primary key that a person put
 * there, are kept: the latter becomes the secondary one. Deleting the resource leaves the entry as it is.
 * Outputs: `secret`, `mount`, `path`, `generation`, `version` (of the entry).
 */
export function keyPair(settings: Settings, kinds: Kinds, vault: () => Entries = () => settings.vault()): Resource {
  const run = async ({ inputs, preview, log }: CreateRequest): Promise<Properties> => {
    const { secret, mount, path, generation } = inputs;
    if (preview) return { secret, mount, path, generation };
    const kind = kinds.get(text(inputs, "kind"));
    if (!kind) throw new Error(`There is no kind of credential "${text(inputs, "kind")}"`);
    const version = await promote(vault(), kind, inputs, log);
    return { secret, mount, path, generation, version };
  };
  return {
    token: "rotation:vault:KeyPair",
    check: ({ inputs }) => ({ inputs, failures: checked(inputs, "kind", "value", "reference") }),
    diff: ({ oldInputs, inputs }) => ({
      changed: ["secret", "mount", "path", "kind", "value", "reference", "generation"].filter(
        (key) => !same(oldInputs[key], inputs[key]),
      ),
    }),
    create: async (request) => ({ id: text(request.inputs, "secret"), outputs: await run(request) }),
    update: run,
    delete: async ({ oldInputs, log }) =>
      log.warn(`${text(oldInputs, "mount")}/${text(oldInputs, "path")} stays in Vault as it is; nothing rotates it.`),
  };
}

/**
 * `rotation:vault:KeyPairEnd`
 *
 * Inputs: `secret`, `mount`, `path`, `value` (secret, the current key), `generation`, `done` (whether the previous key
 * has ended at the vendor). When it has, `secondary_key` goes out of the entry.
 * Outputs: `ended`.
 */
export function keyPairEnd(settings: Settings, vault: () => Entries = () => settings.vault()): Resource {
  const run = async ({ inputs, preview, log }: CreateRequest): Promise<Properties> => {
    const { secret, done } = inputs;
    if (!preview && flag(inputs, "done")) await clear(vault(), inputs, log);
    return { secret, ended: reveal(done) };
  };
  return {
    token: "rotation:vault:KeyPairEnd",
    check: ({ inputs }) => ({ inputs, failures: checked(inputs, "value") }),
    diff: ({ oldInputs, inputs }) => ({
      changed: ["secret", "mount", "path", "generation", "done"].filter((key) => !same(oldInputs[key], inputs[key])),
    }),
    create: async (request) => ({ id: text(request.inputs, "secret"), outputs: await run(request) }),
    update: run,
    delete: async () => undefined,
  };
}

function checked(inputs: Properties, ...more: string[]): Failure[] {
  const failures = required(inputs, "secret", "mount", "path", "generation", ...more);
  for (const key of ["mount", "path"]) {
    const given = inputs[key];
    if (typeof given === "string" && !/^[\w.-]+(\/[\w.-]+)*$/.test(given))
      failures.push({ property: key, reason: `${key} is "${given}"; give a path in Vault, like intelliflow/openai` });
  }
  return failures;
}

interface Held {
  /** 0 when there was never an entry. */
  version: number;
  data: KvEntry["data"];
  primary: string;
  secondary: string;
}

async function held(vault: Entries, mount: string, path: string): Promise<Held> {
  const entry = await vault.read(mount, path);
  // A version that was deleted counts when the next one is written.
  const version = entry?.version ?? (await vault.metadata(mount, path))?.currentVersion ?? 0;
  const field = (name: string): string => (typeof entry?.data[name] === "string" ? entry.data[name] : "");
  return { version, data: entry?.data ?? {}, primary: field("primary_key"), secondary: field("secondary_key") };
}

async function promote(vault: Entries, kind: CredentialKind, inputs: Properties, log: Log): Promise<number> {
  const [mount, path, value] = [text(inputs, "mount"), text(inputs, "path"), text(inputs, "value")];
  const generation = number(inputs, "generation", 1);
  let proven = false;
  for (let turn = 1; turn <= turns; turn++) {
    const { version, data, primary: found, secondary } = await held(vault, mount, path);
    if (found === value) {
      const custom = { generation: `${generation}`, window: text(inputs, "window"), "managed-by": "secret-rotation" };
      await vault.describe(mount, path, custom);
      return version;
    }
    const primary = found || text(inputs, "previous");
    if (primary !== "" && (found === "" || secondary !== value)) {
      await vault.write(mount, path, { ...data, primary_key: primary, secondary_key: value }, version);
      continue;
    }
    // What stands in Vault by now, as a consumer would get it.
    if (!proven) await prove(kind, inputs, secondary || value);
    proven = true;
    const beside = primary === "" ? {} : { secondary_key: primary };
    if (await vault.write(mount, path, { ...alone(data), primary_key: value, ...beside, generation }, version))
      log.info(`${mount}/${path}: generation ${generation} is the primary key from now on.`);
  }
  throw tooMany(mount, path);
}

async function prove(kind: CredentialKind, inputs: Properties, value: string): Promise<void> {
  try {
    await kind.prove(object(inputs, "args"), { value, reference: text(inputs, "reference") });
  } catch (error) {
    const said = (error instanceof Error ? error.message : String(error)).replaceAll(value, "[secret]");
    // Without its cause, which may quote the key.
    return Promise.reject(
      new Error(
        `${text(inputs, "secret")} is not promoted: ${said.replace(/\.$/, "")}. It is in Vault as the secondary key; the primary one stays as it is, valid. Mend the cause and run again.`,
      ),
    );
  }
}

async function clear(vault: Entries, inputs: Properties, log: Log): Promise<void> {
  const [mount, path] = [text(inputs, "mount"), text(inputs, "path")];
  for (let turn = 1; turn <= turns; turn++) {
    const { version, data, primary } = await held(vault, mount, path);
    if (!("secondary_key" in data)) return;
    if (primary !== text(inputs, "value"))
      return log.warn(
        `${mount}/${path} holds another primary key than this stack promoted, so its secondary key was left there. Look who wrote it: vault kv metadata get ${mount}/${path}`,
      );
    await vault.write(mount, path, alone(data), version);
  }
  throw tooMany(mount, path);
}

/** An entry without its secondary key. */
function alone(data: KvEntry["data"]): KvEntry["data"] {
  return Object.fromEntries(Object.entries(data).filter(([name]) => name !== "secondary_key"));
}

function tooMany(mount: string, path: string): Error {
  return new Error(
    `Another writer changes ${mount}/${path} again and again, so it was left as it is. Find it (vault kv metadata get ${mount}/${path}), stop it, and run again.`,
  );
}
