// Access tokens as IntelliFlow signs and checks them: the API signs with its private key and names it in `kid`, and
// everybody checks by the JWKS document.
import { readFileSync, statSync } from "node:fs";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  importPKCS8,
  jwtVerify,
  SignJWT,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from "jose";

/** Life of a token, in seconds: what the rotation is told, so that it keeps old keys published for so long. */
export const tokenSeconds = 3600;
const issuer = "https://api.intelliflow.com";
const algorithms = ["RS256", "ES256", "EdDSA"];

export type Verify = (token: string) => Promise<string | undefined>;

/** @returns a function that issues tokens; the key is read once */
export function signer(privateKey: string, kid: string): (email: string) => Promise<string> {
  const kind = importPKCS8(privateKey, "RS256").then((key) => ({ key, alg: "RS256" }));
  return async (email) => {
    const { key, alg } = await kind;
    return new SignJWT({})
      .setProtectedHeader({ alg, kid, typ: "JWT" })
      .setIssuer(issuer)
      .setSubject(email)
      .setIssuedAt()
      .setExpirationTime(`${tokenSeconds} seconds`)
      .sign(key);
  };
}

/** The document in a mounted file, as it is now; undefined while there is none. */
export function jwksIn(file: string): () => string | undefined {
  let [seen, text] = [0, undefined as string | undefined];
  return () => {
    const at = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
    if (at !== undefined && at !== seen) [seen, text] = [at, readFileSync(file, "utf8")];
    return text;
  };
}

/** Checks by a document that is at hand. */
export function localVerifier(document: () => string | undefined): Verify {
  return async (token) => {
    const text = document();
    return text === undefined ? undefined : subject(token, createLocalJWKSet(JSON.parse(text) as JSONWebKeySet));
  };
}

/** Checks by a document that is fetched and kept for a while, as verifiers elsewhere do. */
export function remoteVerifier(url: string, cacheSeconds: number): Verify {
  const cooldownDuration = Math.min(30, cacheSeconds) * 1000;
  const keys = createRemoteJWKSet(new URL(url), { cacheMaxAge: cacheSeconds * 1000, cooldownDuration });
  return (token) => subject(token, keys);
}

async function subject(token: string, keys: JWTVerifyGetKey): Promise<string | undefined> {
  try {
    return (await jwtVerify(token, keys, { issuer, algorithms })).payload.sub;
  } catch (error) {
    const { code } = error as { code?: string };
    // A key set that cannot be had is no answer about the token: nobody is there, or somebody else answers for them.
    if (code === undefined || code === "ERR_JWKS_TIMEOUT" || code === "ERR_JOSE_GENERIC") throw error;
    return undefined;
  }
}
