// The gate before anything old may end: consumers are well, and prove that they use the value that was just handed out.
// Then people are told that the rotation is done.
import type { Properties, Resource } from "../wire/contract.ts";
import { unhealthy } from "../health.ts";
import type { Notices } from "../notices.ts";
import { prove, type ProofSource } from "../proof.ts";
import { unknown } from "../wire/values.ts";
import { finished, rotation } from "./finished.ts";
import { flag, list, number, required, text } from "./inputs.ts";

/**
 * `rotation:index:Verification`
 *
 * Inputs: `secret`, `value` (secret, the current one; needed where something proves it), `fingerprint`, `holds` (whether
 * consumers should accept the previous value too), `rollouts` (ids that must be live before), `health` (URLs), `proofs`
 * (`ProofSource[]`), `deadlineSeconds`, `destinations` (labels of what was written before, for the audit trail),
 * `window`, `forced` and `restored` (which rotation this is: a change of them is told to people), `environment` and
 * `dueAt` (for what they are told). It runs again when the value, `holds`, the rotation or what is checked changes.
 * Outputs: the inputs but for the value (of a finished step, a policy pack is shown the outputs alone), and `consumers`
 * (for instance `api 2/2`).
 */
export function verification(notices: Pick<Notices, "tell">): Resource {
  const run = async (inputs: Properties): Promise<Properties> => {
    const seconds = number(inputs, "deadlineSeconds", 60);
    const proofs = list<Properties>(inputs, "proofs") as unknown as ProofSource[];
    const problems: string[] = [];
    const ill = await Promise.all(list(inputs, "health").map((url) => unhealthy(url, seconds)));
    problems.push(...ill.filter((said) => said !== undefined));
    const proven = await Promise.allSettled(
      proofs.map((source) =>
        prove(source, text(inputs, "value"), seconds, source.acceptsPrevious ? flag(inputs, "holds") : undefined),
      ),
    );
    problems.push(
      ...proven.flatMap((result) => (result.status === "rejected" ? [(result.reason as Error).message] : [])),
    );
    if (problems.length)
      throw new Error(
        `${text(inputs, "secret")} is handed out but not proven in use: ${problems.join("; ")}. The old value stays valid. Mend the consumer and run again; nothing is rotated twice.`,
      );
    return said(
      inputs,
      proven.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])),
    );
  };
  const tell = async (inputs: Properties, old: Properties | undefined, warn: (message: string) => void) => {
    const kind = finished(inputs, old);
    if (kind) await notices.tell(kind, inputs, warn);
  };
  return {
    token: "rotation:index:Verification",
    check: ({ inputs }) => ({
      inputs,
      failures: required(
        inputs,
        "secret",
        "fingerprint",
        "environment",
        ...(list(inputs, "proofs").length ? ["value"] : []),
      ),
    }),
    diff: ({ oldInputs, inputs }) => ({
      changed: [...checked, ...rotation].filter(
        (key) => JSON.stringify(oldInputs[key]) !== JSON.stringify(inputs[key]),
      ),
    }),
    create: async ({ inputs, preview, log }) => {
      const id = text(inputs, "secret");
      if (preview) return { id, outputs: said(inputs, unknown) };
      const outputs = await run(inputs);
      await tell(inputs, undefined, log.warn);
      return { id, outputs };
    },
    update: async ({ inputs, oldInputs, preview, log }) => {
      if (preview) return said(inputs, unknown);
      const outputs = await run(inputs);
      await tell(inputs, oldInputs, log.warn);
      return outputs;
    },
  };
}

function said(inputs: Properties, consumers: Properties[string]): Properties {
  return { ...Object.fromEntries(Object.entries(inputs).filter(([key]) => key !== "value")), consumers };
}

const checked = ["fingerprint", "holds", "health", "proofs"];
