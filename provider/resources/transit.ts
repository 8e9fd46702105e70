// Vault's transit keys: a new version once per window, and the minimum that ends old versions, each in its own step.
import { leftovers, reencrypt } from "../reencrypt/all.ts";
import type { Settings } from "../settings.ts";
import { VendorError } from "../vendors/http.ts";
import type { Vault } from "../vendors/vault.ts";
import type { CheckRequest, CheckResult, Failure, Properties, Resource, UpdateRequest } from "../wire/contract.ts";
import { hasUnknown, same, unknown } from "../wire/values.ts";
import { flag, number, required, text } from "./inputs.ts";
import { checkEncrypted, encryptedOf } from "./reencryption.ts";

/**
 * `rotation:vault:TransitRotation`
 *
 * Inputs: `secret`, `mount`, `key`, `window` and `forced` (a change of either rotates).
 * Outputs: those, `latestVersion`, `fingerprint` (`v3`: what tells one version from the next, in inventories), `generation`
 * (1, 2, ...: how often it was seen to change).
 * Vault adds a version with each call, so the call is never repeated blindly: a version above the remembered one was
 * made by a run that died, by a call whose answer was lost or by a person, and counts as this rotation.
 * At creation the key is taken over as it is.
 */
export function transitRotation(settings: Settings): Resource {
  const watched = ["mount", "key", "window", "forced"];
  return {
    token: "rotation:vault:TransitRotation",
    check: ({ inputs }) => ({ inputs, failures: [...required(inputs, "secret", "window"), ...names(inputs)] }),
    diff: ({ oldInputs, inputs }) => ({
      changed: watched.filter((name) => !same(oldInputs[name], inputs[name])),
      replaces: ["mount", "key"].filter((name) => !same(oldInputs[name], inputs[name])),
    }),
    create: async ({ inputs, preview }) => {
      const id = `${text(inputs, "mount")}/${text(inputs, "key")}`;
      if (preview) return { id, outputs: { ...inputs, latestVersion: unknown, fingerprint: unknown, generation: 1 } };
      const { latestVersion } = await settings.vault().transitKey(text(inputs, "mount"), text(inputs, "key"));
      return { id, outputs: { ...inputs, latestVersion, fingerprint: `v${latestVersion}`, generation: 1 } };
    },
    update: (request) => rotate(settings, request),
    read: async ({ id, inputs, outputs }) => ({ id, inputs, outputs }),
    delete: async () => undefined,
  };
}

async function rotate(settings: Settings, { inputs, oldOutputs, preview, log }: UpdateRequest): Promise<Properties> {
  const [mount, key] = [text(inputs, "mount"), text(inputs, "key")];
  const known = number(oldOutputs, "latestVersion", 1);
  const generation = number(oldOutputs, "generation", 1) + 1;
  if (preview) return { ...inputs, latestVersion: unknown, fingerprint: unknown, generation };
  const vault = settings.vault();
  let { latestVersion } = await vault.transitKey(mount, key);
  if (latestVersion > known)
    log.info(
      `${mount}/${key} has version ${latestVersion} already, made since version ${known}; it is not rotated twice.`,
    );
  else latestVersion = await addVersion(vault, mount, key, latestVersion);
  return { ...inputs, latestVersion, fingerprint: `v${latestVersion}`, generation };
}

/** After a lost answer the key itself says whether it was rotated. */
async function addVersion(vault: Vault, mount: string, key: string, from: number): Promise<number> {
  try {
    await vault.rotateTransitKey(mount, key);
  } catch (error) {
    const { status } = error as VendorError;
    if (!(error instanceof VendorError) || (status !== undefined && status < 500)) throw error;
    const { latestVersion } = await vault.transitKey(mount, key);
    if (latestVersion === from) throw error;
  }
  const { latestVersion } = await vault.transitKey(mount, key);
  if (latestVersion <= from)
    throw new Error(
      `${mount}/${key} is still at version ${from} after it was rotated. Look at it in Vault, and run again.`,
    );
  return latestVersion;
}

/**
 * `rotation:vault:TransitMinimum`
 *
 * Inputs: `secret`, `version` (what everything was re-encrypted to), `graceHours`, `atOnce`, and what is encrypted
 * (`Reencryption`). Remembered in the inputs, decided in `check`: `target` and `raiseAt` (RFC 3339, end of the grace
 * period), `minimum` (what it is raised to; 0 while this resource has never raised it).
 * Before it raises the minimum, it brings in what has turned up since (a restored backup, an import) and proves that
 * nothing older is left; if something is, it fails and everything stays readable.
 * Outputs: `minimum`, and `retireAt` (when older versions end, "" when they have).
 */
export function transitMinimum(settings: Settings): Resource {
  const outputs = (inputs: Properties): Properties => {
    const { minimum, target, raiseAt } = inputs;
    return {
      secret: inputs["secret"],
      minimum,
      retireAt: number(inputs, "minimum", 0) < Number(target) ? raiseAt : "",
    };
  };
  return {
    token: "rotation:vault:TransitMinimum",
    check: (request) => checkMinimum(request, settings.now()),
    diff: ({ oldInputs, inputs }) => ({
      changed: ["target", "raiseAt", "minimum"].filter((name) => !same(oldInputs[name], inputs[name])),
    }),
    create: async ({ inputs }) => ({ id: `${text(inputs, "mount")}/${text(inputs, "key")}`, outputs: outputs(inputs) }),
    update: async ({ inputs, oldInputs, preview, log }) => {
      const minimum = number(inputs, "minimum", 0);
      if (!preview && minimum > number(oldInputs, "minimum", 0)) await raise(settings, inputs, minimum, log.info);
      return outputs(inputs);
    },
    read: async ({ id, inputs, outputs }) => ({ id, inputs, outputs }),
    delete: async () => undefined,
  };
}

function checkMinimum({ inputs, oldInputs }: CheckRequest, now: Date): CheckResult {
  const failures = [...required(inputs, "secret", "version"), ...names(inputs), ...checkEncrypted(inputs)];
  const graceHours = number(inputs, "graceHours", 0);
  if (!(graceHours >= 0))
    failures.push({ property: "graceHours", reason: `graceHours is ${graceHours}; give 0 or more` });
  if (hasUnknown(inputs["version"]))
    return { inputs: { ...inputs, target: unknown, raiseAt: unknown, minimum: unknown }, failures };
  const version = number(inputs, "version", 1);
  // What was there before is left as it is: only our own rotations end older versions.
  if (!oldInputs) return { inputs: { ...inputs, target: version, raiseAt: "", minimum: 0 }, failures };
  const [target, minimum] = [number(oldInputs, "target", version), number(oldInputs, "minimum", 0)];
  const raiseAt =
    version === target ? text(oldInputs, "raiseAt") : new Date(now.getTime() + graceHours * 3_600_000).toISOString();
  const over = raiseAt !== "" && (flag(inputs, "atOnce") || now.toISOString() >= raiseAt);
  return { inputs: { ...inputs, target: version, raiseAt, minimum: over ? version : minimum }, failures };
}

async function raise(
  settings: Settings,
  inputs: Properties,
  minimum: number,
  tell: (line: string) => void,
): Promise<void> {
  const [all, vault] = [encryptedOf(inputs), settings.vault()];
  const { minDecryptionVersion } = await vault.transitKey(all.mount, all.key);
  if (minDecryptionVersion >= minimum) return;
  await reencrypt(vault, all, minimum, tell);
  const left = await leftovers(vault, all, minimum);
  if (left.length)
    throw new Error(
      `The minimum of ${all.mount}/${all.key} stays at ${minDecryptionVersion}, since ciphertexts of an older version than ${minimum} are left in ${left.join(", ")}. Run again.`,
    );
  await vault.setMinDecryptionVersion(all.mount, all.key, minimum);
  tell(`${all.mount}/${all.key} decrypts nothing older than version ${minimum} from now on.`);
}

function names(inputs: Properties): Failure[] {
  return ["mount", "key"].flatMap((property) => {
    const value = inputs[property];
    return typeof value !== "string" || /^[\w.-]+(\/[\w.-]+)*$/.test(value)
      ? required(inputs, property)
      : [
          {
            property,
            reason: `${property} is "${value}"; use a name in Vault, like "${property === "key" ? "intelliflow-data" : "transit"}"`,
          },
        ];
  });
}
