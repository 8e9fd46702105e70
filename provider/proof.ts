// Proves that running consumers hold a value, without moving the value: each instance answers a fresh challenge
// with an HMAC under its own copy. The endpoint and its message format are described in docs/proof.md.
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

/** Where a consumer answers challenges about one of its variables. */
export interface ProofSource {
  /** As people call the consumer: `api`. */
  consumer: string;
  /** For instance `https://api.example.com/api/v1/healthz/secrets/JWT_SECRET`. */
  url: string;
  /** The variable's name at that consumer. */
  variable: string;
  /** How many instances must prove it. @default 1 */
  instances?: number;
  /** Whether the consumer accepts a previous value too while one is held; checked with each verification. */
  acceptsPrevious?: boolean;
}

interface Answer {
  instance: string;
  proof: string;
  previous?: boolean;
}

/** A short name for a value that says nothing about it: keyed, so that guesses cannot be tried against it. */
export function fingerprint(key: string, secretName: string, value: string): string {
  return createHmac("sha256", key).update(`rotation-fingerprint:v1:${secretName}:${value}`).digest("hex").slice(0, 12);
}

export function expectedProof(value: string, variable: string, challenge: string): string {
  return createHmac("sha256", value).update(`rotation-proof:v1:${variable}:${challenge}`).digest("hex");
}

/**
 * Asks until every instance has proven the value and none answers with another one.
 * @param previous whether the consumer should accept a previous value too; left out: not looked at
 * @returns `api 2/2`
 * @throws after `seconds`, saying who has not proven it
 */
export async function prove(source: ProofSource, value: string, seconds: number, previous?: boolean): Promise<string> {
  const wanted = source.instances ?? 1;
  const deadline = Date.now() + seconds * 1000;
  let proven = new Set<string>();
  let streak = 0;
  let last: string;
  for (let pause = 50; ; pause = Math.min(pause * 1.3, 2000)) {
    const answer = await ask(source);
    if (typeof answer === "string") last = answer;
    else if (!answer.right(value)) last = `instance ${answer.instance} holds another value`;
    else if (previous !== undefined && answer.previous !== previous)
      last = `instance ${answer.instance} ${previous ? "does not accept the previous value" : "still accepts the previous value"}`;
    else {
      proven.add(answer.instance);
      streak++;
      // Right answers in a row, one for each instance and as many again: no instance with an old value is left in the rotation.
      if (proven.size >= wanted && streak >= 2 * wanted) return `${source.consumer} ${proven.size}/${wanted}`;
      if (Date.now() < deadline) continue;
      last = `${proven.size} of ${wanted} instances answered`;
    }
    proven = new Set();
    streak = 0;
    if (Date.now() > deadline)
      throw new Error(
        `${source.consumer} does not prove the current value of ${source.variable} after ${seconds} s: ${last}.`,
      );
    await sleep(pause);
  }
}

/**
 * Asks all of them at once.
 * @returns what those say that do not prove the value within `seconds`; empty when every one does, or there is none
 */
export async function unproven(sources: readonly ProofSource[], value: string, seconds: number): Promise<string[]> {
  const results = await Promise.allSettled(sources.map((source) => prove(source, value, seconds)));
  return results.flatMap((result) => (result.status === "rejected" ? [(result.reason as Error).message] : []));
}

async function ask(
  source: ProofSource,
): Promise<string | { instance: string; previous: boolean | undefined; right(value: string): boolean }> {
  const challenge = randomBytes(32).toString("hex");
  try {
    const response = await fetch(`${source.url}?challenge=${challenge}`, {
      headers: { connection: "close" },
      signal: AbortSignal.timeout(5000),
    });
    if (!response.ok) {
      await response.body?.cancel();
      return `${new URL(source.url).pathname} answered ${response.status}`;
    }
    const answer = (await response.json()) as Answer;
    const given = Buffer.from(String(answer.proof), "hex");
    const right = (value: string): boolean => {
      const expected = Buffer.from(expectedProof(value, source.variable, challenge), "hex");
      return given.length === expected.length && timingSafeEqual(given, expected);
    };
    return { instance: String(answer.instance), previous: answer.previous, right };
  } catch (error) {
    return `no answer (${(error as { cause?: { code?: string } }).cause?.code ?? (error as Error).name})`;
  }
}
