// Access tokens, session cookies and shared secrets, each good under the current and the previous value.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";
import type { Pair } from "./config.ts";

/** Life of an access token, in seconds: an hour. */
export const tokenLifetime = 3_600;
/** Life of a session, in seconds: a day. */
export const sessionLifetime = 86_400;
/** Name of the session's cookie. */
export const cookieName = "visapi_session";

const issuer = "visapi";
const encoder = new TextEncoder();

/** Which value of a pair something was good under. */
export type Slot = "current" | "previous";

/** A person who showed a good token or cookie. */
export interface Identity {
  email: string;
  slot: Slot;
}

function* slots(pair: Pair): Generator<[Slot, string]> {
  if (pair.current) yield ["current", pair.current];
  if (pair.previous) yield ["previous", pair.previous];
}

/** Compares in a time that tells nothing of where, or whether in length, the two differ. */
export function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** Which value of the pair the text equals, if any. */
export function matchSecret(given: string, pair: Pair): Slot | undefined {
  let found: Slot | undefined;
  for (const [slot, value] of slots(pair)) if (sameSecret(given, value)) found ??= slot;
  return found;
}

/** The token of an `Authorization: Bearer` header. */
export function bearer(header: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(header ?? "")?.[1];
}

/**
 * Issues an access token: HS256, one hour, the person's address as subject.
 * @throws when there is no current value to sign with
 */
export async function issueToken(email: string, pair: Pair, now = new Date()): Promise<string> {
  if (!pair.current) throw new Error("JWT_SECRET is not set");
  const issued = Math.floor(now.getTime() / 1000);
  return new SignJWT({})
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuer(issuer)
    .setSubject(email)
    .setIssuedAt(issued)
    .setExpirationTime(issued + tokenLifetime)
    .sign(encoder.encode(pair.current));
}

/** Whom a token names, if it is unexpired and signed with the current or the previous value. */
export async function verifyToken(token: string, pair: Pair, now = new Date()): Promise<Identity | undefined> {
  for (const [slot, value] of slots(pair)) {
    try {
      const { payload } = await jwtVerify(token, encoder.encode(value), {
        algorithms: ["HS256"],
        issuer,
        currentDate: now,
      });
      if (payload.sub) return { email: payload.sub, slot };
    } catch {
      // Not under this value, expired or malformed: the next value decides, and at the end nobody is known.
    }
  }
  return undefined;
}

function signSession(payload: string, value: string): string {
  return createHmac("sha256", value).update(`session:${payload}`).digest("base64url");
}

/**
 * Issues the session cookie's value: `<base64url of JSON {email, expires}>.<HMAC-SHA256 in base64url>`.
 * @throws when there is no current value to sign with
 */
export function issueSession(email: string, pair: Pair, now = new Date()): string {
  if (!pair.current) throw new Error("SESSION_SECRET is not set");
  const expires = Math.floor(now.getTime() / 1000) + sessionLifetime;
  const payload = Buffer.from(JSON.stringify({ email, expires })).toString("base64url");
  return `${payload}.${signSession(payload, pair.current)}`;
}

/** Whom a session cookie names, if it is unexpired and signed with the current or the previous value. */
export function verifySession(cookie: string, pair: Pair, now = new Date()): Identity | undefined {
  const [payload, signature, rest] = cookie.split(".");
  if (!payload || !signature || rest !== undefined) return undefined;
  for (const [slot, value] of slots(pair)) {
    if (!sameSecret(signature, signSession(payload, value))) continue;
    const { email, expires } = JSON.parse(Buffer.from(payload, "base64url").toString()) as {
      email: string;
      expires: number;
    };
    return expires * 1000 > now.getTime() ? { email, slot } : undefined;
  }
  return undefined;
}

/** The value of one cookie of a `Cookie` header. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? "").split(";")) {
    const at = part.indexOf("=");
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

/** The `Set-Cookie` header of a new session. */
export function sessionCookie(value: string): string {
  return `${cookieName}=${value}; Path=/; Max-Age=${sessionLifetime}; HttpOnly; SameSite=Lax`;
}
