// Going back to the signing key that signed before: verifiers still know it, and the earlier versions of its entry in
// Vault still have its private half. Nothing is published anew, so no verifier has to hear of it first.
import { existing, type Place } from "./places.ts";
import type { Pair } from "./pair.ts";
import type { Slots } from "./turns.ts";
import { number, object, text } from "../resources/inputs.ts";
import type { Vault } from "../vendors/vault.ts";
import type { Properties } from "../wire/contract.ts";

/** How far back in an entry's versions is looked at most; more than KV v2 keeps unless told to. */
const versionsAtMost = 100;

/** The `at` of a return that is asked for and was not followed yet; "" when there is none. */
export function asksBack(inputs: Properties, oldOutputs: Properties): string {
  const at = text(object(inputs, "restore"), "at");
  return at !== "" && at !== text(oldOutputs, "restoredAt") ? at : "";
}

/**
 * @param now RFC 3339
 * @returns the pair that signs from now on, and the roles: what signed until now stays published as after any turn
 * @throws when it is not the one before, is published no longer, or Vault has lost it; nothing has changed then
 */
export async function goBack(
  vault: Pick<Vault, "read">,
  inputs: Properties,
  entry: Place | undefined,
  { slots, version }: { slots: Slots; version: number },
  now: string,
): Promise<{ pair: Pair; slots: Slots }> {
  const name = text(inputs, "secret");
  const generation = number(object(inputs, "restore"), "generation", 0);
  const before = slots.retired.at(-1);
  const refuse = (why: string): Error =>
    new Error(
      `${name} cannot go back to generation ${generation}: ${why}. Nothing was changed. For another key: rotate emergency --secret ${name} --reason "..."`,
    );
  if (generation !== version - 1) throw refuse(`only the key before the current one, ${version - 1}, can sign again`);
  if (!before) throw refuse("its key is published no longer, so that nobody would believe what it signs");
  if (!entry) throw refuse("its private key is kept nowhere");
  const pair = await kept(vault, entry, before.kid);
  if (!pair) throw refuse(`no version of ${entry.mount}/${entry.path} in Vault has ${before.kid} any more`);
  return {
    pair,
    slots: {
      current: { kid: before.kid },
      next: slots.next,
      retired: [...slots.retired.slice(0, -1), { kid: slots.current.kid, since: now, until: "" }],
    },
  };
}

/** The pair of that name in the newest version of an entry that has it. */
async function kept(vault: Pick<Vault, "read">, entry: Place, kid: string): Promise<Pair | undefined> {
  const latest = (await vault.read(entry.mount, entry.path))?.version ?? 0;
  for (let version = latest; version > Math.max(0, latest - versionsAtMost); version--) {
    const found = await vault.read(entry.mount, entry.path, version);
    if (found?.data["kid"] !== kid) continue;
    const read = async (): Promise<typeof found> => Promise.resolve(found);
    return (await existing({ read }, entry))?.pair;
  }
  return undefined;
}
