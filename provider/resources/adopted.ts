// Taking over a value that is in use already: nothing is written before every consumer has proven that it is this one.
import { prove, type ProofSource } from "../proof.ts";

/**
 * @param sources who uses it; where nobody can prove it, it is taken on the word of the person who brought it
 * @throws when one of them uses another value, or does not answer within `seconds`: nothing has been written then
 */
export async function adoptable(
  secret: string,
  sources: ProofSource[],
  value: string,
  seconds: number,
  info: (message: string) => void,
): Promise<void> {
  if (sources.length === 0) {
    info(`${secret} is taken over as it is; no consumer can prove that this is the value that it uses.`);
    return;
  }
  const results = await Promise.allSettled(sources.map((source) => prove(source, value, seconds)));
  const failed = results.flatMap((result) => (result.status === "rejected" ? [(result.reason as Error).message] : []));
  if (failed.length > 0)
    throw new Error(
      `${secret} is not taken over, and nothing was written: the value that was brought is not the one that is in use. ${failed.join(" ")} Bring the right one: rotate adopt ${secret.replace(/^.*\//, "")}`,
    );
  info(`${secret} is taken over as it is; every consumer has proven that it uses this value.`);
}
