// A project's `sb_secret_` or `sb_publishable_` key. Any number of them are valid at once; the legacy keys `anon` and
// `service_role`, which cannot be rotated, stay beside them until a person asks to switch them off (docs/supabase-keys.md).
import { setTimeout as sleep } from "node:timers/promises";
import { shaped, text } from "../resources/inputs.ts";
import type { Settings } from "../settings.ts";
import { accepted, type SupabaseKeyType } from "../vendors/supabase.ts";
import { reveal, Unknown, type Properties } from "../wire/values.ts";
import type { CredentialKind } from "./kind.ts";
import { fitted, makeOnce } from "./once.ts";

/** Supabase's own bounds for the name of a key. */
const longestName = 64;
/** How long a project's gateway may take to know of a new key; no longer than a vendor is asked again at all. */
const spreadSeconds = 60;

/**
 * Settings: `projectRef`, `type` ("secret" or "publishable"), `projectUrl` (@default `https://<ref>.supabase.co`).
 * Supabase tells neither who uses a key nor when it was last used.
 */
export function supabaseKey(settings: Settings): CredentialKind {
  const ref = (args: Properties): string => text(args, "projectRef");
  const type = (args: Properties): SupabaseKeyType => text(args, "type") as SupabaseKeyType;
  const projectUrl = (args: Properties): string =>
    (text(args, "projectUrl") || `https://${ref(args)}.supabase.co`).replace(/\/$/, "");
  return {
    kind: "supabase-key",
    validate: (args) => {
      const failures = shaped(args, "projectRef", /^[a-z]{20}$/, "abcdefghijklmnopqrst");
      const given = reveal(args["type"]);
      if (!(given instanceof Unknown) && given !== "secret" && given !== "publishable")
        failures.push({ property: "type", reason: `type is ${JSON.stringify(given)}; give "secret" or "publishable"` });
      return failures;
    },
    issue: async ({ args, name, family }) => {
      const supabase = settings.supabase();
      const label = keyName(name);
      const { id, value } = await makeOnce({
        what: `Supabase key ${label}`,
        leftovers: async () =>
          (await supabase.keys(ref(args))).flatMap((key) => (key.name === label ? [{ id: key.id }] : [])),
        recover: async (leftover) => {
          const key = await supabase.reveal(ref(args), leftover);
          return key?.type === type(args) && whole.test(key.api_key ?? "") ? key.api_key : undefined;
        },
        remove: (leftover) => supabase.remove(ref(args), leftover),
        create: async () => {
          const key = await supabase.create(ref(args), type(args), label, `Secret rotation: ${family}`);
          if (!whole.test(key.api_key ?? ""))
            throw new Error(`Supabase made the key ${label} without telling its value.`);
          return { id: key.id, value: key.api_key ?? "" };
        },
      });
      return { value, reference: id };
    },
    prove: async (args, { value }) => {
      const seconds = Math.min(spreadSeconds, settings.patienceSeconds());
      const deadline = Date.now() + seconds * 1000;
      for (let pause = 250; ; pause = Math.min(pause * 1.5, 3000)) {
        if (await accepted(projectUrl(args), type(args), value)) return;
        if (Date.now() + pause > deadline)
          throw new Error(
            `The Supabase project ${ref(args)} does not accept the ${type(args)} key; it was asked for ${seconds} s.`,
          );
        await sleep(pause);
      }
    },
    recognise: async (args, { name, before, value }) => {
      const keys = await settings.supabase().keys(ref(args));
      const idOf = (label: string): string | undefined => keys.find((key) => key.name === keyName(label))?.id;
      const reference = idOf(name);
      const shown = reference && (await settings.supabase().reveal(ref(args), reference))?.api_key;
      return reference && shown === value ? { reference, previous: idOf(before) } : undefined;
    },
    valid: async (args, reference) => (await settings.supabase().reveal(ref(args), reference)) !== undefined,
    users: async () => undefined,
    revoke: async (args, reference) => {
      await settings.supabase().remove(ref(args), reference);
    },
  };
}

const whole = /^sb_(secret|publishable)_[\w-]{16,}$/;

/** The name at Supabase: `^[a-z_][a-z0-9_]+$`, 4 to 64 characters. */
export function keyName(name: string): string {
  const plain = fitted(name.toLowerCase(), longestName - 1).replace(/[^a-z0-9_]/g, "_");
  return /^[a-z_]/.test(plain) ? plain : `_${plain}`;
}
