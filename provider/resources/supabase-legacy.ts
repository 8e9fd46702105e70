// The one-time step after Supabase's new keys are in use: switching the legacy ones off, when a person asks for it.
import type { Properties, Resource } from "../wire/contract.ts";
import type { Settings } from "../settings.ts";
import { flag, required, shaped, text } from "./inputs.ts";

/**
 * `rotation:supabase:LegacyKeys`
 *
 * Inputs: `projectRef` (20 letters), `enabled` (whether `anon` and `service_role` work).
 * Both are switched together. A project that no longer has legacy keys is as good as one whose keys are off; switching
 * them on there is refused. Deleting the resource leaves them as they are.
 */
export function supabaseLegacyKeys(settings: Settings): Resource {
  const set = async (inputs: Properties): Promise<Properties> => {
    const [ref, enabled] = [text(inputs, "projectRef"), flag(inputs, "enabled")];
    const supabase = settings.supabase();
    const now = await supabase.legacyEnabled(ref);
    if (now === undefined && enabled)
      throw new Error(`Supabase no longer has legacy keys for project ${ref}, so they cannot be switched on.`);
    if (now !== undefined && now !== enabled) await supabase.setLegacy(ref, enabled);
    return inputs;
  };
  return {
    token: "rotation:supabase:LegacyKeys",
    check: ({ inputs }) => ({
      inputs,
      failures: [
        ...required(inputs, "projectRef", "enabled"),
        ...shaped(inputs, "projectRef", /^[a-z]{20}$/, "abcdefghijklmnopqrst"),
      ],
    }),
    create: async ({ inputs, preview }) => ({
      id: text(inputs, "projectRef"),
      outputs: preview ? inputs : await set(inputs),
    }),
    update: async ({ inputs, preview }) => (preview ? inputs : set(inputs)),
    read: async ({ id, inputs, outputs }) => {
      const enabled = await settings.supabase().legacyEnabled(text(inputs, "projectRef") || id);
      return {
        id,
        inputs: { ...inputs, enabled: enabled ?? false },
        outputs: { ...outputs, enabled: enabled ?? false },
      };
    },
  };
}
