// When an issued credential may end, and its end: shared by the revocation, and by a rotation that needs the slot of a
// credential whose end was missed.
import { setTimeout as sleep } from "node:timers/promises";
import type { CredentialKind } from "../credentials/kind.ts";
import { unproven, type ProofSource } from "../proof.ts";
import type { Properties } from "../wire/contract.ts";

/** Why a credential cannot end yet. */
export interface Hold {
  /** Sessions, or where the service cannot tell, consumers that have not proven the current value. */
  count: number;
  /** A sentence for people, without its full stop. */
  reason: string;
}

export interface Usage {
  kind: CredentialKind;
  args: Properties;
  /** The credential that is to end. */
  reference: string;
  /** What consumers use instead. */
  current: string;
  /** Who can prove that. */
  adoption: ProofSource[];
  /** Seconds that consumers get for it. */
  seconds: number;
}

/**
 * @returns `hold` while something uses it or a consumer has not proven the current value; `proven` says whether
 * anybody could be asked at all, otherwise the declared grace period is all there is
 */
export async function usage(about: Usage): Promise<{ hold: Hold | undefined; proven: boolean }> {
  const { kind, args, reference, current, adoption, seconds } = about;
  const users = await kind.users(args, reference);
  if (users && users.count > 0) {
    const more = users.count - users.who.length;
    const who = users.who.join(", ") + (more > 0 && users.who.length ? ` and ${more} more` : "");
    const sessions = users.count === 1 ? "1 session uses" : `${users.count} sessions use`;
    return {
      hold: { count: users.count, reason: `${sessions} ${reference} still${who ? `: ${who}` : ""}` },
      proven: true,
    };
  }
  const failed = await unproven(adoption, current, seconds);
  if (failed.length)
    return { hold: { count: failed.length, reason: failed.join(" ").replace(/\.$/, "") }, proven: true };
  return { hold: undefined, proven: users !== undefined || adoption.length > 0 };
}

/**
 * Ends it and asks the service whether it is dead; some services take moments to say so.
 * @param seconds how long it may still be accepted
 * @param value the credential itself, where it is known still
 * @throws when the service goes on accepting it
 */
export async function end(
  kind: CredentialKind,
  args: Properties,
  reference: string,
  seconds: number,
  value?: string,
): Promise<void> {
  await kind.revoke(args, reference);
  const deadline = Date.now() + seconds * 1000;
  for (let pause = 100; await kind.valid(args, reference, value); pause = Math.min(pause * 1.5, 2000)) {
    if (Date.now() > deadline)
      throw new Error(
        `${reference} was revoked, yet ${kind.kind} accepts it still after ${seconds} s. Look at it there, and run again.`,
      );
    await sleep(pause);
  }
}
