// Who signs the records: a transit key of Vault, whose private half never leaves it, or an Ed25519 key from a setting.
import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from "node:crypto";
import type { Vault } from "../vendors/vault.ts";

export interface Signature {
  /** Base64. */
  signature: string;
  /** Which key, `<name>:<version>`. */
  signer: string;
}

export interface Signer {
  /** @param hashes hex; @returns a signature for each, in order */
  sign(hashes: string[]): Promise<Signature[]>;
  /** Public keys by `signer`: all versions that there have been. */
  keys(): Promise<Map<string, KeyObject>>;
}

/** A transit key of type ed25519; made with `vault write -f transit/keys/rotation-audit type=ed25519`. */
export function vaultSigner(vault: Pick<Vault, "sign" | "publicKeys">, mount: string, key: string): Signer {
  return {
    async sign(hashes) {
      const inputs = hashes.map((hash) => Buffer.from(hash, "hex").toString("base64"));
      return (await vault.sign(mount, key, inputs)).map((signed) => {
        const [, version = "", signature = ""] = /^vault:v(\d+):(.+)$/.exec(signed) ?? [];
        return { signature, signer: `${key}:${version}` };
      });
    },
    async keys() {
      const all = await vault.publicKeys(mount, key);
      return new Map(
        [...all].map(([version, raw]) => {
          const x = Buffer.from(raw, "base64").toString("base64url");
          return [`${key}:${version}`, createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" })];
        }),
      );
    },
  };
}

/**
 * @param text a private Ed25519 key: PEM (PKCS#8), or the same in DER as base64 on one line
 * @param former public keys (PEM or base64 DER) of earlier signers, so that their records can still be verified
 * @throws Error without the key in it
 */
export function keySigner(text: string, former: string[] = []): Signer {
  const key = readKey(text, createPrivateKey, "pkcs8");
  const own = createPublicKey(key);
  const signer = nameOf(own);
  const keys = new Map(
    [own, ...former.map((each) => readKey(each, createPublicKey, "spki"))].map((k) => [nameOf(k), k]),
  );
  return {
    sign: async (hashes) =>
      hashes.map((hash) => ({ signature: sign(null, Buffer.from(hash, "hex"), key).toString("base64"), signer })),
    keys: async () => keys,
  };
}

/** `key:<first 12 hex digits of the SHA-256 of its public half>`. */
function nameOf(key: KeyObject): string {
  return `key:${createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex")
    .slice(0, 12)}`;
}

type Make = typeof createPrivateKey | typeof createPublicKey;

function readKey(text: string, make: Make, type: "pkcs8" | "spki"): KeyObject {
  let key: KeyObject | undefined;
  try {
    const der = (): Buffer => Buffer.from(text, "base64");
    key = text.includes("-----BEGIN")
      ? make(text)
      : type === "pkcs8"
        ? createPrivateKey({ key: der(), format: "der", type })
        : createPublicKey({ key: der(), format: "der", type });
  } catch {
    // What cannot be read is not quoted.
  }
  if (key?.asymmetricKeyType !== "ed25519")
    throw new Error(
      `The key for the audit trail is no Ed25519 ${type === "pkcs8" ? "private" : "public"} key. Make one and keep it as a secret: openssl genpkey -algorithm ed25519 -outform DER | base64 -w0`,
    );
  return key;
}
