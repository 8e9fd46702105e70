// Key pairs for signing tokens: made here, named by their RFC 7638 thumbprint, proven by a signature.
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { calculateJwkThumbprint, importJWK, jwtVerify, SignJWT, type JWK } from "jose";

/** RSA-4096 is what the runbook asks for; P-256 and Ed25519 make signatures of an eighth of its size. */
export const algorithms = ["RS256", "ES256", "EdDSA"] as const;
export type Algorithm = (typeof algorithms)[number];

export interface Pair {
  /** PKCS#8 PEM. A value: never to be printed. */
  privateKey: string;
  /** SPKI PEM. */
  publicKey: string;
  /** Public members only, with `kid`, `alg` and `use: "sig"`. */
  jwk: JWK & { kid: string; alg: string };
}

const generate = promisify(generateKeyPair) as unknown as (
  type: string,
  options: object,
) => Promise<{ privateKey: KeyObject }>;

/** Makes a pair and signs with it once. RSA takes a second or so, off the main thread. */
export async function makePair(algorithm: Algorithm, rsaBits = 4096): Promise<Pair> {
  const { privateKey } =
    algorithm === "RS256"
      ? await generate("rsa", { modulusLength: rsaBits, publicExponent: 0x10001 })
      : algorithm === "ES256"
        ? await generate("ec", { namedCurve: "P-256" })
        : await generate("ed25519", {});
  return pairOf(privateKey);
}

/**
 * The pair of a private key that exists already.
 * @param pem PKCS#8, or PKCS#1 as `openssl genrsa` writes it
 * @throws when it is no key of these algorithms, without quoting it
 */
export async function readPair(pem: string): Promise<Pair> {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new Error("it is no private key in PEM");
  }
  return pairOf(key);
}

/** The thumbprint of a public key in PEM, and its public members. */
async function publicJwk(key: KeyObject): Promise<Pair["jwk"]> {
  const jwk = createPublicKey(key).export({ format: "jwk" }) as JWK;
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: algorithmOf(jwk), use: "sig" };
}

async function pairOf(key: KeyObject): Promise<Pair> {
  const jwk = await publicJwk(key);
  const { kid, alg } = jwk;
  const token = await new SignJWT({}).setProtectedHeader({ alg, kid }).setExpirationTime("1 minute").sign(key);
  await jwtVerify(token, await importJWK(jwk, alg), { algorithms: [alg] });
  return {
    privateKey: key.export({ type: "pkcs8", format: "pem" }) as string,
    publicKey: createPublicKey(key).export({ type: "spki", format: "pem" }) as string,
    jwk,
  };
}

function algorithmOf({ kty, crv }: JWK): Algorithm {
  if (kty === "RSA") return "RS256";
  if (kty === "EC" && crv === "P-256") return "ES256";
  if (kty === "OKP" && crv === "Ed25519") return "EdDSA";
  throw new Error(`a key of type ${kty} ${crv ?? ""} is none of RSA, EC P-256 and Ed25519`);
}

/** The document that verifiers fetch (RFC 7517), keys in the given order. */
export function keySetDocument(keys: JWK[]): string {
  return JSON.stringify({ keys });
}

/** The keys of such a document; empty for anything else. */
export function keysIn(document: unknown): Pair["jwk"][] {
  let parsed = document;
  try {
    if (typeof document === "string") parsed = JSON.parse(document);
  } catch {
    return [];
  }
  const { keys } = (parsed ?? {}) as { keys?: unknown };
  return Array.isArray(keys)
    ? (keys as Pair["jwk"][]).filter((key) => typeof key?.kid === "string" && typeof key.kty === "string")
    : [];
}
