// Health endpoints, asked until they are well.
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @param url answers 2xx when its service is well
 * @returns nothing when well; else, after `seconds`, what it said last
 */
export async function unhealthy(url: string, seconds: number): Promise<string | undefined> {
  const deadline = Date.now() + seconds * 1000;
  for (let pause = 100; ; pause = Math.min(pause * 1.5, 2000)) {
    const said = await ask(url);
    if (said === undefined) return undefined;
    if (Date.now() + pause > deadline) return said;
    await sleep(pause);
  }
}

async function ask(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
    await response.body?.cancel();
    return response.ok ? undefined : `${url} answered ${response.status}`;
  } catch (error) {
    return `${url} gave no answer (${(error as { cause?: { code?: string } }).cause?.code ?? (error as Error).name})`;
  }
}
