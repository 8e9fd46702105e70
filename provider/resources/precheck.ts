// Looks, before anything of a rotation happens, whether the consumers are well: a rotation on top of an outage
// makes it harder to see which of the two broke the service.
import type { Properties, Resource } from "../wire/contract.ts";
import { unrestorable, type Kept, type Versions } from "../backup.ts";
import { unhealthy } from "../health.ts";
import { list, number, required, text } from "./inputs.ts";

/**
 * `rotation:index:Precheck`
 *
 * Inputs: `secret`, `window` and `forced` (what makes it run), `health` (URLs that must answer 2xx),
 * `deadlineSeconds`, `backups` (`{mount, path}[]` in Vault whose current version must be restorable, `../backup.ts`).
 * The first time, when no consumer has the secret yet, nothing is asked.
 */
export function precheck(vault: () => Versions): Resource {
  return {
    token: "rotation:index:Precheck",
    check: ({ inputs }) => ({ inputs, failures: required(inputs, "secret", "window") }),
    diff: ({ oldInputs, inputs }) => ({
      changed: ["window", "forced"].filter((key) => oldInputs[key] !== inputs[key]),
    }),
    create: async ({ inputs }) => ({ id: text(inputs, "secret"), outputs: inputs }),
    update: async ({ inputs, preview }) => {
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
      return inputs;
    },
  };
}
