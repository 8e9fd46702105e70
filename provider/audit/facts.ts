// What the steps of one run know of each secret from the steps before them: who asked, and which value it is.
import type { Asked } from "./record.ts";
import { number, object, text } from "../resources/inputs.ts";
import type { Properties } from "../wire/contract.ts";

export interface Fact {
  /** Of the value that is current; undefined until the run has come to it. */
  generation?: number;
  fingerprint?: string;
  /** What a person asked for, where the stack's configuration says so. */
  asked?: Asked;
}

/** `visapi/JWT_SECRET` of `visapi/JWT_SECRET/render-api`; "" for what belongs to no secret. */
export function secretOf(name: string): string {
  return /^[^/]+\/[^/]+/.exec(name)?.[0] ?? "";
}

/** Resources that make a value and count its generations. */
const makers = [
  "rotation:index:Overlap",
  "rotation:index:Credential",
  "rotation:index:KeySet",
  "rotation:vault:TransitRotation",
];

export class Facts {
  readonly #facts = new Map<string, Fact>();

  of(secret: string): Fact {
    const known = this.#facts.get(secret) ?? {};
    this.#facts.set(secret, known);
    return known;
  }

  /** A schedule comes first in each run, and says who asked. */
  checked(token: string, name: string, inputs: Properties): void {
    if (token === "rotation:index:Schedule") this.of(secretOf(name)).asked = askedIn(object(inputs, "asked"));
  }

  /** What is, or has just been, made. */
  made(token: string, name: string, outputs: Properties): void {
    if (!makers.includes(token)) return;
    const fact = this.of(secretOf(name));
    const generation = number(outputs, "generation", 0);
    if (generation > 0) fact.generation = generation;
    fact.fingerprint = fingerprintIn(token, outputs);
  }
}

/** A transit key has no value outside of Vault; its version tells it from the next. */
export function fingerprintIn(token: string, outputs: Properties): string {
  return token === "rotation:vault:TransitRotation"
    ? `v${number(outputs, "latestVersion", 1)}`
    : text(outputs, "fingerprint");
}

export function askedIn(given: Properties): Asked | undefined {
  const [action, by, reason, at] = [text(given, "action"), text(given, "by"), text(given, "reason"), text(given, "at")];
  if (by === "" || at === "") return undefined;
  const kind = (["emergency", "hand-over", "rollback"] as const).find((each) => each === action) ?? "requested";
  return { action: kind, by, reason, at };
}
