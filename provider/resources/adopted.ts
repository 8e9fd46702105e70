// Taking over a value that is in use already: nothing is written before every consumer has proven that it is this one.
import { unproven, type ProofSource } from "../proof.ts";
import type { Properties } from "../wire/contract.ts";
import { list, number, text } from "./inputs.ts";

/**
 * @param inputs `secret`, `adopted` (the value), `adoption` (`ProofSource[]`: who uses it; where nobody can prove it, it is
 * taken on the word of the person who brought it), `deadlineSeconds`
 * @throws when one of them uses another value, or does not answer in time: nothing has been written then
 */
export async function adoptable(inputs: Properties, info: (message: string) => void): Promise<void> {
  const secret = text(inputs, "secret");
  const sources = list<Properties>(inputs, "adoption") as unknown as ProofSource[];
  if (sources.length === 0) {
    info(`${secret} is taken over as it is; no consumer can prove that this is the value that it uses.`);
    return;
  }
  const failed = await unproven(sources, text(inputs, "adopted"), number(inputs, "deadlineSeconds", 60));
  if (failed.length > 0)
    throw new Error(
      `${secret} is not taken over, and nothing was written: the value that was brought is not the one that is in use. ${failed.join(" ")} Bring the right one: rotate adopt ${secret.replace(/^.*\//, "")}`,
    );
  info(`${secret} is taken over as it is; every consumer has proven that it uses this value.`);
}
