// A SCRAM verifier as PostgreSQL stores it, made on our side: the password itself never reaches the server's statements
// or its log. RFC 5802 and RFC 7677; the format is in PostgreSQL's documentation of pg_authid.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";

/**
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`
 * @param password printable ASCII, which SASLprep leaves as it is
 * @param salt @default 16 random bytes
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16), iterations = 4096): string {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new Error("A password for SCRAM must be printable ASCII");
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const hmac = (text: string): Buffer => createHmac("sha256", salted).update(text).digest();
  const stored = createHash("sha256").update(hmac("Client Key")).digest();
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${stored.toString("base64")}:${hmac("Server Key").toString("base64")}`;
}
