// Looks, before anything of a rotation happens, whether the consumers are well: a rotation on top of an outage makes it
// harder to see which of the two broke the service. Then people are told that it begins.
import type { Properties, Resource } from "../wire/contract.ts";
import { unrestorable, type Kept, type Versions } from "../backup.ts";
import { unhealthy } from "../health.ts";
import type { Notices } from "../notices.ts";
import { list, number, required, text } from "./inputs.ts";

/**
 * `rotation:index:Precheck`
 *
 * Inputs: `secret`, `window` and `forced` (what makes it run), `health` (URLs that must answer 2xx),
 * `deadlineSeconds`, `backups` (`{mount, path}[]` in Vault whose current version must be restorable, `../backup.ts`),
 * `environment` and `dueAt` (for what people are told). What one run has to say goes out as one message.
 * The first time, when no consumer has the secret yet, nothing is asked.
 */
export function precheck(vault: () => Versions, notices: Pick<Notices, "tell">): Resource {
  return {
    token: "rotation:index:Precheck",
    check: ({ inputs }) => ({ inputs, failures: required(inputs, "secret", "window", "environment") }),
    diff: ({ oldInputs, inputs }) => ({
      changed: ["window", "forced"].filter((key) => oldInputs[key] !== inputs[key]),
    }),
    create: async ({ inputs, preview, log }) => {
      if (!preview) await notices.tell("before", inputs, log.warn);
      return { id: text(inputs, "secret"), outputs: inputs };
    },
    update: async ({ inputs, preview, log }) => {
      if (preview) return inputs;
      const seconds = number(inputs, "deadlineSeconds", 15);
      const ill = (await Promise.all(list(inputs, "health").map((url) => unhealthy(url, seconds)))).filter(
        (said) => said !== undefined,
      );
      if (ill.length)
        throw new Error(
          `${text(inputs, "secret")} is not rotated, since its consumers are not well: ${ill.join("; ")}. Nothing was changed. Mend them and run again.`,
        );
      const kept = list<Properties>(inputs, "backups") as unknown as Kept[];
      const lost = (await Promise.all(kept.map((entry) => unrestorable(vault(), entry)))).filter(
        (why) => why !== undefined,
      );
      if (lost.length)
        throw new Error(
          `${text(inputs, "secret")} is not rotated, since what it replaces could not be restored: ${lost.join("; ")}. Nothing was changed. Mend that and run again.`,
        );
      await notices.tell("before", inputs, log.warn);
      return inputs;
    },
  };
}
