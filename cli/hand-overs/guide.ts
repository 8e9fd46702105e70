// What a person does at a vendor that has no way to make a key by a program, and how a value is proven there before
// anything is stored.
import type { Vendor } from "../../provider/vendors/http.ts";

export interface Verdict {
  /**
   * `accepted` and `refused` are the vendor's own word; `shape only`: no endpoint can tell, so it was looked at and no
   * more.
   */
  verdict: "accepted" | "refused" | "shape only";
  /** For people, without the value: `Slack knows it as visapi in Visanet`. */
  said: string;
}

export interface Guide {
  /** `visapi/SLACK_BOT_TOKEN` */
  name: string;
  vendor: string;
  /** How to get a new one, in order. */
  steps: string[];
  /** How to end the old one, once the new one is verified. */
  ending: string[];
  /** What a value looks like, and an example that is none. */
  shape: RegExp;
  like: string;
  /** The vendor ends the old one when it makes a new one: there is no way back to it. @default false */
  endsOld?: true;
  /** A way to do without this secret, where there is one. */
  instead?: string[];
  /**
   * Asks the vendor.
   * @param quiet whether nobody may notice: for the old value
   * @throws when the vendor gives no answer either way
   */
  check(value: string, env: NodeJS.ProcessEnv, quiet: boolean): Promise<Verdict>;
}

/** A vendor for one call of a check: no long patience, since a person waits. */
export function vendor(name: string, baseUrl: string, headers: Record<string, string>): Vendor {
  return {
    name,
    baseUrl: baseUrl.replace(/\/$/, ""),
    headers,
    tokenName: "the value that was given",
    patienceSeconds: 15,
  };
}
