// One call as a person's script makes it, asked again for as long as its vendor says that a limit was reached.
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @param header `name: value`, the credential
 * @returns the body of the answer, undefined where it is empty
 * @throws Error for any other refusal
 */
export async function call(header: string, method: string, url: string, body?: object): Promise<unknown> {
  const [name = "", value = ""] = header.split(": ");
  for (;;) {
    const response = await fetch(url, {
      method,
      headers: { [name]: value, ...(body ? { "content-type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (response.ok) return text === "" ? undefined : JSON.parse(text);
    if (response.status !== 429 && response.status !== 403)
      throw new Error(`${new URL(url).host} answered ${response.status} to ${method}`);
    await sleep(1000 * Number(response.headers.get("retry-after") ?? 1));
  }
}
