// An Anthropic key. A person makes it in the Console and hands it over; the Admin API tells which one it is, and ends it.
import { text } from "../resources/inputs.ts";
import type { Settings } from "../settings.ts";
import { accepted } from "../vendors/anthropic.ts";
import { acceptedWithin } from "../vendors/try-key.ts";
import type { CredentialKind } from "./kind.ts";

/** How long a new key may be refused after it was made. */
const spreadSeconds = 60;

/**
 * Settings: `value` (secret: what was handed over, `sk-ant-api...`). Its reference is the id that Anthropic has for it.
 * Anthropic does not tell who uses a key.
 */
export function anthropicKey(settings: Settings): CredentialKind {
  const works = (value: string): Promise<boolean> =>
    accepted(settings.anthropicUrl(), value, Math.min(30, settings.patienceSeconds()));
  return {
    kind: "anthropic-key",
    given: (args) => text(args, "value"),
    validate: (args) =>
      /^sk-ant-api\d\d-[\w-]{8,200}$/.test(text(args, "value"))
        ? []
        : [
            {
              property: "value",
              reason: "what was handed over is no key of Anthropic's; they begin with sk-ant-api03-",
            },
          ],
    issue: async ({ args }) => {
      const value = text(args, "value");
      const found = await settings.anthropic().find(value);
      const [key] = found;
      if (!key)
        throw new Error(
          "Anthropic lists no active key that looks like the one that was handed over. Check in the Console that it is active, and that ANTHROPIC_ADMIN_KEY belongs to the same organisation.",
        );
      if (found.length > 1)
        throw new Error(
          `Anthropic lists ${found.length} active keys that look like the one that was handed over (${found.map(({ name }) => name).join(", ")}), so it cannot be told which to end one day. Make another key, and hand that over.`,
        );
      return { value, reference: key.id };
    },
    prove: async (_args, { value, reference }) => {
      const patience = Math.min(spreadSeconds, settings.patienceSeconds());
      if (!(await acceptedWithin(patience, () => works(value))))
        throw new Error(`Anthropic does not accept the key ${reference}; it was asked for ${patience} s.`);
    },
    // Its status, and where the value is known the key itself: it may be accepted for moments longer.
    valid: async (_args, reference, value) =>
      (await settings.anthropic().key(reference))?.status === "active" || (!!value && (await works(value))),
    users: async () => undefined,
    revoke: async (_args, reference) => {
      const anthropic = settings.anthropic();
      if ((await anthropic.key(reference))?.status === "active") await anthropic.deactivate(reference);
    },
  };
}
