// The engine's events as plain lines a person can follow: one when something begins that takes a while or has an
// effect, and every warning and error as it was said. The engine replaces secrets before it writes an event.
import type { EngineEvent, EventStep } from "./events.ts";
import { destinationOf, nameOf, secretOf } from "./inventory.ts";

/** What the engine says of a policy that it cut off because a step had failed elsewhere: no cause of anything. */
const cutOff = /^failed to run remediation: .*context canceled$/;
const silent = new Set(["same", "read", "refresh", "delete-replaced", "create-replacement"]);

export interface Outcome {
  /** Secrets with a step that changed something. */
  touched: string[];
  errors: string[];
  /** Changes by the engine's words, like `{ update: 12 }`. */
  changes: Record<string, number>;
}

export class Progress {
  readonly #say: (line: string) => void;
  readonly #seen = new Set<string>();
  readonly #touched = new Set<string>();
  readonly #errors: string[] = [];
  readonly #cutOff: string[] = [];
  #changes: Record<string, number> = {};

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  see(event: EngineEvent): void {
    const { resOutputsEvent, diagnosticEvent, policyEvent, summaryEvent } = event;
    if (resOutputsEvent) this.#done(resOutputsEvent.metadata);
    if (diagnosticEvent) this.#said(diagnosticEvent);
    if (policyEvent) {
      const line = `${policyEvent.policyName}: ${policyEvent.message.trim().split("\n").pop() ?? ""}`;
      if (policyEvent.enforcementLevel === "mandatory") this.#errors.push(line);
      this.#once(`policy (${policyEvent.enforcementLevel}): ${line}`);
    }
    if (summaryEvent) this.#changes = summaryEvent.resourceChanges ?? {};
  }

  get outcome(): Outcome {
    const errors = this.#errors.length > 0 ? this.#errors : this.#cutOff;
    return { touched: [...this.#touched], errors: [...new Set(errors)], changes: this.#changes };
  }

  #done({ op, urn, type, new: state }: EventStep): void {
    if (silent.has(op)) return;
    const name = nameOf(urn);
    const secret = secretOf(name);
    if (!secret) return;
    this.#touched.add(secret);
    const words = wordsFor({ op, urn, type, new: state ?? null }, name.split("/").pop() ?? "");
    if (words) this.#once(`${secret}: ${words}`);
  }

  #said({ urn, message, severity }: NonNullable<EngineEvent["diagnosticEvent"]>): void {
    if (severity === "debug" || severity === "info#err") return;
    const text = message
      .replaceAll(/<\{%.*?%\}>/g, "")
      .replace(/^(error|warning): /, "")
      .trim();
    if (text === "" || /^(update|preview) failed$/.test(text)) return;
    const about = urn ? secretOf(nameOf(urn)) : undefined;
    if (cutOff.test(text)) return void this.#cutOff.push(text);
    const line = about && !text.includes(about) ? `${about}: ${text}` : text;
    if (severity === "error") this.#errors.push(line);
    this.#once(severity === "info" ? line : `${severity}: ${line}`);
  }

  #once(line: string): void {
    if (this.#seen.has(line)) return;
    this.#seen.add(line);
    this.#say(line);
  }
}

function wordsFor({ op, urn, type, new: state }: EventStep, part: string): string | undefined {
  const outputs = state?.outputs ?? {};
  if (op === "delete") return undefined;
  if (type === "rotation:index:Precheck")
    return op === "create" ? "announced" : "its consumers are well, and its rotation is announced";
  if (type === "rotation:render:Deploy" || type === "rotation:vercel:Deployment")
    return `${part.replace("rollout-", "")} restarted with it`;
  if (type === "rotation:index:Verification") {
    const consumers = Array.isArray(outputs["consumers"]) ? (outputs["consumers"] as string[]) : [];
    return `verified${consumers.length > 0 ? `: ${consumers.join(", ")}` : ", by health alone"}`;
  }
  if (typeof outputs["generation"] === "number" && typeof outputs["fingerprint"] === "string")
    return `generation ${outputs["generation"]}, fingerprint ${outputs["fingerprint"]}`;
  const destination = destinationOf({ urn, type, inputs: outputs });
  return destination ? `written to ${destination}${part.endsWith("-previous") ? " (previous)" : ""}` : undefined;
}
