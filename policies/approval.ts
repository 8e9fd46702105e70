// The record of who approved a run: what `ci/rotate.ts` proved and the rule `production-approved` reads. It travels in
// ROTATION_APPROVAL from the one to the other, signed, so that nobody types one.
import { createHmac, timingSafeEqual } from "node:crypto";

export interface Approval {
  /** The stack's own name, like `production`. */
  stack: string;
  /** `<application>/<secret>` of what the approved preview rotates. */
  secrets: string[];
  /** Logins, each of another person. */
  people: string[];
  /** Logins of those who asked for the run; empty for a schedule. */
  asked: string[];
  /** RFC 3339: the time of the run. */
  at: string;
  /** Where people find the run. */
  run: string;
}

/** The environment variable of the record. */
export const variable = "ROTATION_APPROVAL";

/** @param key ROTATION_FINGERPRINT_KEY or the stack's `rotation:fingerprintKey`: who holds it could rotate anyway */
export function sign(approval: Approval, key: string): string {
  const text = Buffer.from(JSON.stringify(approval)).toString("base64url");
  return `${text}.${seal(text, key)}`;
}

/**
 * @returns the record, or why it counts for nothing; undefined where there is none
 */
export function readApproval(signed: string | undefined, key: string | undefined): Approval | string | undefined {
  if (!signed) return undefined;
  if (!key) return `${variable} is set, and there is no ROTATION_FINGERPRINT_KEY to check it by`;
  const [text = "", given = ""] = signed.split(".");
  const [one, other] = [Buffer.from(given), Buffer.from(seal(text, key))];
  if (one.length !== other.length || !timingSafeEqual(one, other))
    return `${variable} is not signed by this stack's key; it is written by ci/rotate.ts alone`;
  return JSON.parse(Buffer.from(text, "base64url").toString()) as Approval;
}

function seal(text: string, key: string): string {
  // The key's first use is another one; the label keeps a fingerprint from passing for a signature.
  return createHmac("sha256", key).update(`approval of a rotation\n${text}`).digest("base64url");
}
