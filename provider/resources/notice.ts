// A message to people at one point of a rotation.
import type { Properties, Resource } from "../wire/contract.ts";
import type { Notices } from "../notices.ts";
import { number, required, text } from "./inputs.ts";

const headings: Record<string, string> = {
  before: "Secret rotation: starting",
  after: "Secret rotation: done and verified",
};

/**
 * `rotation:index:Notice`
 *
 * Inputs: `phase` ("before" or "after"), `secret`, `environment`, `window` and `forced` (what makes it speak),
 * `dueAt`. Never a value. A message that cannot be sent is a warning.
 */
export function notice(notices: Notices): Resource {
  const say = async (inputs: Properties, preview: boolean, warn: (message: string) => void): Promise<Properties> => {
    if (preview) return inputs;
    const forced = number(inputs, "forced", 1) > 1 ? `, generation ${number(inputs, "forced", 1)} asked for` : "";
    const due = text(inputs, "dueAt");
    const line = `${text(inputs, "secret")} (${text(inputs, "environment")})${forced}${due && text(inputs, "phase") === "after" ? `, next due ${due.slice(0, 10)}` : ""}`;
    const problem = await notices.say(headings[text(inputs, "phase")] ?? "", line);
    if (problem)
      warn(`The notice about ${text(inputs, "secret")} could not be sent: ${problem}. The rotation goes on.`);
    return inputs;
  };
  return {
    token: "rotation:index:Notice",
    check: ({ inputs }) => ({
      inputs,
      failures: [
        ...required(inputs, "phase", "secret", "environment"),
        ...(text(inputs, "phase") in headings
          ? []
          : [{ property: "phase", reason: `phase is "${text(inputs, "phase")}"; give "before" or "after"` }]),
      ],
    }),
    diff: ({ oldInputs, inputs }) => ({
      changed: ["phase", "window", "forced"].filter((key) => oldInputs[key] !== inputs[key]),
    }),
    create: async ({ inputs, preview, log }) => ({
      id: `${text(inputs, "secret")}/${text(inputs, "phase")}`,
      outputs: await say(inputs, preview, log.warn),
    }),
    update: async ({ inputs, preview, log }) => say(inputs, preview, log.warn),
  };
}
