// Remembers a secret's current and previous value, so that consumers can accept both during the grace period and
// a killed or missed run never overwrites a value that something may still use.
import type { CheckRequest, CheckResult, Properties, Resource, UpdateRequest } from "../wire/contract.ts";
import { hasUnknown, reveal, unknown, type Value } from "../wire/values.ts";
import { fingerprint, prove, type ProofSource } from "../proof.ts";
import type { Settings } from "../settings.ts";
import { flag, list, number, required, secret, text } from "./inputs.ts";

/**
 * `rotation:index:Overlap`
 *
 * Inputs: `secret`, `value` (secret), `window`, `forced` (the configured generation), `graceHours` (0: cut-over,
 * nothing overlaps), `adoption` (`ProofSource[]`: who must prove the current value before the previous one ends),
 * `deadlineSeconds`. Remembered in the inputs, decided in `check`: `generation` (1, 2, ...), `holds` (whether the
 * previous value is still accepted), `retireAt` (end of the grace period).
 * Outputs: those, `current` and `previous` (secrets; `previous` is empty once it has ended), `fingerprint`.
 */
export function overlap(settings: Settings): Resource {
  return {
    token: "rotation:index:Overlap",
    check: (request) => check(request, settings.now()),
    diff: ({ oldInputs, inputs }) => {
      const keys = ["secret", "window", "forced", "generation", "holds"];
      return { changed: keys.filter((key) => reveal(oldInputs[key]) !== reveal(inputs[key])), replaces: [] };
    },
    create: async ({ inputs, preview }) => ({
      id: text(inputs, "secret"),
      outputs: outputs(settings, inputs, inputs["value"], secret(""), preview),
    }),
    update: (request) => update(settings, request),
    delete: async () => undefined,
  };
}

function check({ inputs, oldInputs }: CheckRequest, now: Date): CheckResult {
  const failures = required(inputs, "secret", "value", "window");
  const graceHours = number(inputs, "graceHours", 0);
  if (graceHours < 0)
    failures.push({
      property: "graceHours",
      reason: `graceHours is ${graceHours}; give 0 for a cut-over, or the hours for which both values are accepted`,
    });
  const remembered = { generation: 1, holds: false, retireAt: "", ...pick(oldInputs) };
  if (!oldInputs) return { inputs: { ...inputs, ...remembered }, failures };

  const rotates =
    !sameText(oldInputs["window"], inputs["window"]) || number(oldInputs, "forced", 1) !== number(inputs, "forced", 1);
  const graceOver = remembered.retireAt === "" || now.toISOString() >= remembered.retireAt;
  if (rotates) {
    const forced = number(inputs, "forced", 1) > number(oldInputs, "forced", 1);
    if (remembered.holds && !graceOver && !forced) {
      failures.push({
        reason: `${text(inputs, "secret")} is due again, but its previous value is accepted until ${remembered.retireAt} and may be in use. Run again after that, or raise its generation with a reason to end the grace period now.`,
      });
    }
    const retireAt = graceHours > 0 ? new Date(now.getTime() + graceHours * 3_600_000).toISOString() : "";
    return { inputs: { ...inputs, generation: remembered.generation + 1, holds: graceHours > 0, retireAt }, failures };
  }
  const holds = remembered.holds && !graceOver;
  return { inputs: { ...inputs, ...remembered, holds, retireAt: holds ? remembered.retireAt : "" }, failures };
}

function pick(oldInputs: Properties | undefined): { generation?: number; holds?: boolean; retireAt?: string } {
  if (!oldInputs) return {};
  return {
    generation: number(oldInputs, "generation", 1),
    holds: flag(oldInputs, "holds"),
    retireAt: text(oldInputs, "retireAt"),
  };
}

function sameText(a: Value, b: Value): boolean {
  return typeof reveal(a) === "string" && reveal(a) === reveal(b);
}

async function update(
  settings: Settings,
  { inputs, oldInputs, oldOutputs, preview, log }: UpdateRequest,
): Promise<Properties> {
  const rotated = number(inputs, "generation", 1) !== number(oldInputs, "generation", 1);
  const ends = flag(oldInputs, "holds") && (rotated || !flag(inputs, "holds"));
  const forced = number(inputs, "forced", 1) > number(oldInputs, "forced", 1);
  if (ends && !forced && !preview) await proveAdoption(inputs, text(oldOutputs, "current"), log.info);
  const previous = rotated
    ? flag(inputs, "holds")
      ? oldOutputs["current"]
      : secret("")
    : flag(inputs, "holds")
      ? oldOutputs["previous"]
      : secret("");
  return outputs(settings, inputs, inputs["value"], previous, preview);
}

/** A previous value ends only while every consumer proves, now, that it uses the current one. */
async function proveAdoption(inputs: Properties, current: string, info: (message: string) => void): Promise<void> {
  const sources = list<Properties>(inputs, "adoption") as unknown as ProofSource[];
  if (sources.length === 0) {
    info(
      "No consumer can prove that it uses the current value; the previous one ends by the declared grace period alone.",
    );
    return;
  }
  const seconds = number(inputs, "deadlineSeconds", 60);
  const results = await Promise.allSettled(sources.map((source) => prove(source, current, seconds)));
  const failed = results.flatMap((result) => (result.status === "rejected" ? [(result.reason as Error).message] : []));
  if (failed.length)
    throw new Error(
      `The previous value of ${text(inputs, "secret")} stays valid, since its end is not safe: ${failed.join(" ")} Mend the consumer and run again.`,
    );
}

function outputs(
  settings: Settings,
  inputs: Properties,
  current: Value,
  previous: Value,
  preview: boolean,
): Properties {
  const { generation, holds, retireAt } = inputs;
  const known = !hasUnknown(current);
  if (!known && !preview) throw new Error("The value is not known");
  return {
    secret: inputs["secret"],
    window: inputs["window"],
    generation,
    holds,
    retireAt,
    current,
    previous,
    fingerprint: known
      ? fingerprint(
          settings.require("fingerprintKey", "The key for fingerprints"),
          text(inputs, "secret"),
          reveal(current) as string,
        )
      : unknown,
  };
}
