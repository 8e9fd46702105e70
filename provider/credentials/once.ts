// What kinds of credentials have in common where a vendor makes one more at every call: names that tell whose a
// credential is, and the way to end with exactly one under a name, whatever a lost reply or a kill has left behind.
import { createHash } from "node:crypto";
import type { Users } from "./kind.ts";
import { number } from "../resources/inputs.ts";
import { VendorError } from "../vendors/http.ts";
import type { Failure } from "../wire/contract.ts";
import type { Properties } from "../wire/values.ts";

export interface Made {
  id: string;
  value: string;
}

/** Something that the vendor holds under exactly the name that is to be made. */
export interface Leftover {
  id: string;
  madeAt?: Date | undefined;
  usedAt?: Date | undefined;
}

export interface Steps {
  /** For errors: `Resend key visapi-...-g3`. */
  what: string;
  leftovers(): Promise<Leftover[]>;
  /** The value of a leftover. Left out where the vendor shows a value once. */
  recover?(id: string): Promise<string | undefined>;
  remove(id: string): Promise<unknown>;
  create(): Promise<Made>;
}

/** A leftover that was used later than this after it was made had been handed out; trying a new one takes seconds. */
const handedOutMs = 10 * 60_000;
const attempts = 3;

/**
 * Makes one, and ends with exactly one of its name: what an earlier attempt left is adopted where its value can be
 * known again, else deleted and made anew. An answer that gets lost is looked up in the same way at once.
 * @throws when a leftover has been in use, since deleting it could end what a consumer holds
 */
export async function makeOnce(steps: Steps): Promise<Made> {
  for (let attempt = 1; ; attempt++) {
    let adopted: Made | undefined;
    for (const { id, madeAt, usedAt } of await steps.leftovers()) {
      const value = adopted ? undefined : await steps.recover?.(id);
      if (value !== undefined) {
        adopted = { id, value };
        continue;
      }
      if (madeAt && usedAt && usedAt.getTime() - madeAt.getTime() > handedOutMs)
        throw new Error(
          `There is a ${steps.what} (id ${id}) already, unknown to this stack's state and last used ${usedAt.toISOString()}, so something may hold it. Delete it at the vendor when nothing uses it, or raise the secret's generation, then run again.`,
        );
      await steps.remove(id);
    }
    if (adopted) return adopted;
    try {
      return await steps.create();
    } catch (error) {
      // A clear refusal made nothing; without an answer, or with a server's error, there may be one now.
      const unsure = error instanceof VendorError && (error.status === undefined || error.status >= 500);
      if (!unsure || attempt === attempts) throw error;
    }
  }
}

/**
 * A name that fits: `<family>-g<generation>`, the family cut and told apart by a hash where it is too long.
 * The cut leaves room for six digits, so that every generation of a family is cut alike.
 * @param longest at least 24
 */
export function fitted(name: string, longest: number): string {
  const [, family = name, suffix = ""] = /^(.*)(-g\d+)$/.exec(name) ?? [];
  if (family.length + 8 <= longest) return name;
  const hash = createHash("sha256").update(family).digest("hex").slice(0, 8);
  return `${family.slice(0, longest - 17)}-${hash}${suffix}`;
}

/** Family and generation of a name at the vendor; undefined when it is none of ours. */
export function parsed(name: string): { family: string; generation: number } | undefined {
  const found = /^(.+)[-_]g(\d+)$/.exec(name);
  return found ? { family: found[1] ?? "", generation: Number(found[2]) } : undefined;
}

/**
 * Who uses a credential, by the moment at which the vendor saw it last. A use within the quiet time counts as a user.
 * With a quiet time as long as the grace period this is any use since the successor went live.
 * @param now by the vendor's own clock
 */
export function recentUse(lastUsed: Date | undefined, now: Date, quietMinutes: number): Users {
  if (!lastUsed || now.getTime() - lastUsed.getTime() > quietMinutes * 60_000) return { count: 0, who: [] };
  return { count: 1, who: [`last used ${lastUsed.toISOString()}`] };
}

/** A kind's setting `quietMinutes`. @default 60 */
export function quietMinutes(args: Properties): number {
  return number(args, "quietMinutes", 60);
}

/** Failures of a kind's `quietMinutes`: 0 (nothing counts as use) up to 90 days. */
export function checkQuiet(args: Properties): Failure[] {
  const minutes = quietMinutes(args);
  return minutes >= 0 && minutes <= 129_600
    ? []
    : [{ property: "quietMinutes", reason: `quietMinutes is ${minutes}; give minutes from 0 to 129600 (90 days)` }];
}

/** A vendor's date, or undefined where it gave none. */
export function date(value: string | null | undefined): Date | undefined {
  const time = value ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : new Date(time);
}
