// What the audit trail is made of: one record for each step of a rotation, written when the step has happened. Records
// are chained by their hashes and signed; chain.ts makes and verifies them, rotations.ts puts those of one rotation together.

/**
 * What happened.
 * - `requested`  a person asked: an emergency, a rotation now, a rollback, a hand-over (`action` says which)
 * - `clock`      the schedule began a window: the rotation is decided
 * - `made`       a new value, credential, key or key version exists (`from` and `to`, `generation`)
 * - `written`    a destination has been given it (`destinations` has one entry)
 * - `rolledOut`  a service's instances were restarted with it
 * - `reencrypted` what a transit key has encrypted is at its new version
 * - `verified`   consumers are well and prove that they use it (`destinations`: all of them; `checks`: who proved)
 * - `completed`  people were told that it is done: the end of a rotation
 * - `ended`      consumers are no longer given the previous value, or old key versions decrypt no more
 * - `revoked`    the previous credential is dead at its service
 * - `held`       it should be, and something keeps it alive (`detail` says what)
 * - `failed`     a step failed (`detail` is its error, without any value)
 * - `drifted`    a destination holds something else than was written
 * - `pushed`     a person had a drifted destination written again
 * - `noticed`    people were told that it begins or falls due (`detail`: why the message could not be sent)
 * - `removed`    a destination's copy was deleted, or the secret is no longer rotated
 */
export const events = [
  "requested",
  "clock",
  "made",
  "written",
  "rolledOut",
  "reencrypted",
  "verified",
  "completed",
  "ended",
  "revoked",
  "held",
  "failed",
  "drifted",
  "pushed",
  "noticed",
  "removed",
] as const;
export type AuditEvent = (typeof events)[number];

/**
 * Why a rotation takes place: `first` (the stack begins to look after the secret), `scheduled` (its date), `requested`
 * (a person wanted it now, the old value keeps its grace), `emergency` (and the old value ends at once), `hand-over`
 * (a person brought the value), `rollback` (an earlier value came back).
 */
export const actions = ["first", "scheduled", "requested", "emergency", "hand-over", "rollback"] as const;
export type AuditAction = (typeof actions)[number];

/** A person's request, as it stands in the stack's configuration. */
export interface Asked {
  action: AuditAction;
  by: string;
  reason: string;
  /** RFC 3339. */
  at: string;
}

/** What a step has to say; the trail adds the rest. Never a value. */
export interface AuditEntry {
  event: AuditEvent;
  /** `<application>/<secret>`; "" for what concerns the whole stack. */
  secret: string;
  /** The resource whose step it was, like `visapi/JWT_SECRET/render-api`; "" for a command of `rotate`. */
  resource: string;
  /** What tells this step from others of the same resource and event: a generation, a window, a time. */
  key: string;
  /** Of the value, 1, 2, ...; left out where no value is made yet (`requested`, `clock`). */
  generation?: number;
  asked?: Asked;
  action?: AuditAction;
  /** Keyed fingerprint (12 hex digits; `v<version>` for transit keys) of the value before. */
  from?: string;
  /** And of the value from then on. */
  to?: string;
  /** Labels like `vault:secret`, `render:api`. */
  destinations?: string[];
  /** Proofs, like `api 2/2`. */
  checks?: string[];
  /** How long the step took. */
  seconds?: number;
  /** Until when the value before is valid beside it, at the latest (RFC 3339); "" when there is no overlap. */
  until?: string;
  /** One sentence more, for people: a reference at the service, an error, a warning. */
  detail?: string;
}

/** Who ran it, where, and with whose approval: the same for every record of a run. */
export interface AuditRun {
  /** One `pulumi up` or one command of `rotate`: `github-<run>-<attempt>` in CI, else `<time>-<8 hex digits>`. */
  id: string;
  /** Login or address of whoever started it. */
  by: string;
  /** `alice (production-operations)`; empty where none were needed. */
  approvals: string[];
  /** `<project>/<stack>`. */
  stack: string;
}

/** A record as it is kept: in this order of keys, as one line of JSON. */
export interface AuditRecord extends AuditEntry {
  /** Of this format. */
  v: 1;
  /** 1, 2, ...: no number is left out. */
  seq: number;
  /** `<run>/<resource>/<event>/<key>`: the same step of the same run is never recorded twice. */
  id: string;
  /** When the step ended, RFC 3339 in milliseconds, UTC: the run's own clock (ROTATION_NOW) and the time since its start. */
  at: string;
  /** The store could not be reached then; it was recorded by a later step or run. */
  late?: true;
  run: AuditRun;
  /** `hash` of the record before; 64 zeros for the first. */
  previous: string;
  /** SHA-256, hex, over the canonical JSON (RFC 8785) of everything above. */
  hash: string;
  /** Ed25519 over the 32 bytes of `hash`, base64, by the key that is `signer`. */
  signature: string;
  /** `<name>:<version>` of the signing key: `rotation-audit:1`; `file:1` for a key from a setting. */
  signer: string;
}

/** How far the trail goes: kept apart from the records, so that a tail that was cut off is missed. */
export interface AuditHead {
  /** Records so far: the last `seq`. */
  count: number;
  /** `hash` of the last one; 64 zeros when there is none. */
  hash: string;
}

export const emptyHead: AuditHead = { count: 0, hash: "0".repeat(64) };
