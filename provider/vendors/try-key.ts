// Whether a vendor accepts a key, by a call that changes nothing and costs nothing.
import { setTimeout as sleep } from "node:timers/promises";
import { request, type Vendor } from "./http.ts";

/**
 * @param vendor with the key in its headers
 * @param path of a harmless GET
 * @returns "dead" when the key is refused as such (401), "limited" when it may not make this very call (403), and works
 */
export async function tryKey(vendor: Vendor, path: string, purpose: string): Promise<"dead" | "limited" | "works"> {
  const { status } = await request(vendor, { method: "GET", path, purpose, accept: [401, 403] });
  return status === 401 ? "dead" : status === 403 ? "limited" : "works";
}

/** How a vendor is called that takes a key as a bearer token. */
export function bearer(name: string, baseUrl: string, key: string, patienceSeconds: number): Vendor {
  return { name, baseUrl, headers: { authorization: `Bearer ${key}` }, tokenName: "the key", patienceSeconds };
}

/** Asks until a new key is accepted: some vendors take seconds to know of it. @returns false after `seconds` */
export async function acceptedWithin(seconds: number, ask: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + seconds * 1000;
  for (let pause = 250; ; pause = Math.min(pause * 1.5, 3000)) {
    if (await ask()) return true;
    if (Date.now() + pause > deadline) return false;
    await sleep(pause);
  }
}
