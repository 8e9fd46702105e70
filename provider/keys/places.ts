// Where signing keys can be seen: in Vault, where signers and verifiers fetch them, and at URLs of JWKS documents.
import type { Vault } from "../vendors/vault.ts";
import { object } from "../resources/inputs.ts";
import type { Properties } from "../wire/contract.ts";
import { keysIn, readPair, type Pair } from "./pair.ts";

/** An entry of Vault's KV v2. */
export interface Place {
  mount: string;
  path: string;
}

export interface Existing {
  version: number;
  pair: Pair;
  /** Other public keys that its JWKS names, without the pair's own. */
  others: Pair["jwk"][];
}

/**
 * The signing key that an entry holds, made by hand or by an earlier stack: `private_key` (PEM), and where they are
 * there `version` and `jwks`.
 * @returns `undefined` when there is no entry, or none with a private key
 * @throws when it holds a private key that cannot be taken over: replacing it would make every token invalid
 */
export async function existing(vault: Pick<Vault, "read">, place: Place): Promise<Existing | undefined> {
  const entry = await vault.read(place.mount, place.path);
  const pem = entry?.data["private_key"];
  if (!entry || typeof pem !== "string" || pem === "") return undefined;
  let pair: Pair;
  try {
    pair = await readPair(pem);
  } catch (error) {
    throw new Error(
      `${place.mount}/${place.path} has a private_key that cannot be taken over: ${(error as Error).message}. Put an RSA, EC P-256 or Ed25519 key there, or remove the entry to begin with new keys (every token then becomes invalid).`,
      { cause: error },
    );
  }
  // A kid that verifiers know already is kept; the thumbprint names only keys that are made here.
  const kid = entry.data["kid"];
  if (typeof kid === "string" && kid !== "") pair.jwk = { ...pair.jwk, kid };
  const version = Number(entry.data["version"]);
  return {
    version: Number.isSafeInteger(version) && version > 0 ? version : 1,
    pair,
    others: keysIn(entry.data["jwks"]).filter((jwk) => jwk.kid !== pair.jwk.kid),
  };
}

/** Whether signers that read the entry now get this key. */
export async function handsOut(vault: Pick<Vault, "read">, place: Place, kid: string): Promise<boolean> {
  return (await vault.read(place.mount, place.path))?.data["kid"] === kid;
}

/**
 * Where the key cannot be found by verifiers.
 * @param urls JWKS documents as verifiers fetch them
 * @param entries entries whose field `jwks` verifiers read
 * @returns a sentence for each place that lacks it
 */
export async function missing(
  vault: Pick<Vault, "read">,
  entries: Place[],
  urls: string[],
  kid: string,
): Promise<string[]> {
  const inVault = entries.map(async ({ mount, path }) => {
    const entry = await vault.read(mount, path);
    return has(entry?.data["jwks"], kid) ? [] : [`${mount}/${path} in Vault does not list it`];
  });
  const atUrls = urls.map(async (url) => {
    try {
      const response = await fetch(url, {
        signal: AbortSignal.timeout(10_000),
        headers: { "cache-control": "no-cache" },
      });
      if (!response.ok) return [`${url} answered ${response.status}`];
      return has(await response.text(), kid) ? [] : [`${url} does not list it`];
    } catch (error) {
      return [
        `${url} gave no answer (${(error as { cause?: { code?: string } }).cause?.code ?? (error as Error).name})`,
      ];
    }
  });
  return (await Promise.all([...inVault, ...atUrls])).flat();
}

function has(document: unknown, kid: string): boolean {
  return keysIn(document).some((key) => key.kid === kid);
}

/** The entry that an input names; undefined when it names none. */
export function placeOf(inputs: Properties, key: string): Place | undefined {
  const { mount, path } = object(inputs, key);
  return typeof mount === "string" && typeof path === "string" ? { mount, path } : undefined;
}
