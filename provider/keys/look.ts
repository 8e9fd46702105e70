// What a run can see of a key set at its destinations: whether verifiers know the next key, and signers use the current.
import { list, number } from "../resources/inputs.ts";
import { unproven, type ProofSource } from "../proof.ts";
import type { Vault } from "../vendors/vault.ts";
import type { Log, Properties } from "../wire/contract.ts";
import { handsOut, missing, placeOf, type Place } from "./places.ts";
import type { Seen, Slots } from "./turns.ts";

/** Looks where signers and verifiers look. What cannot be seen stays uncertain, and only makes things later. */
export async function look(
  vault: Pick<Vault, "read">,
  inputs: Properties,
  slots: Slots,
  privateKey: string,
  log: Log,
): Promise<Seen> {
  const published = list<Properties>(inputs, "published") as unknown as Place[];
  const absent = slots.next.publishedAt
    ? []
    : await missing(vault, published, list(inputs, "jwksUrls"), slots.next.kid);
  if (absent.length) log.warn(`The next signing key ${slots.next.kid} is not published yet: ${absent.join("; ")}.`);
  return { published: absent.length === 0, adopted: await adopted(vault, inputs, slots, privateKey, log) };
}

async function adopted(
  vault: Pick<Vault, "read">,
  inputs: Properties,
  { current, retired }: Slots,
  privateKey: string,
  log: Log,
): Promise<boolean> {
  if (retired.every(({ until }) => until !== "")) return false;
  const place = placeOf(inputs, "entry");
  if (place && !(await handsOut(vault, place, current.kid))) {
    log.warn(
      `Signers are not given ${current.kid} yet: ${place.mount}/${place.path} in Vault holds another key. Older keys stay published.`,
    );
    return false;
  }
  const sources = list<Properties>(inputs, "adoption") as unknown as ProofSource[];
  const seconds = number(inputs, "deadlineSeconds", 60);
  const failed = await unproven(sources, privateKey, seconds);
  if (failed.length) log.warn(`Older keys stay published, since somebody may sign with them: ${failed.join(" ")}`);
  return failed.length === 0;
}
