// A key of an OpenAI service account. Each generation has an account of its own, so that the end of one key is the end
// of its account: earlier versions of the Admin API refuse to delete a service account's key alone, and every version
// deletes the account.
import { number, shaped, text } from "../resources/inputs.ts";
import type { Settings } from "../settings.ts";
import { accepted } from "../vendors/openai.ts";
import { acceptedWithin } from "../vendors/try-key.ts";
import type { Failure } from "../wire/contract.ts";
import type { Properties } from "../wire/values.ts";
import type { CredentialKind } from "./kind.ts";
import { checkQuiet, fitted, makeOnce, quietMinutes, recentUse } from "./once.ts";

const longestName = 64;
/** How long a new key may be refused after it was made. */
const spreadSeconds = 60;
const day = 86_400;

/**
 * Settings: `project` (`proj_...`), `quietMinutes` (@default 60: a key that was used within them is in use),
 * `lifetimeDays` (@default 0, for ever: after which OpenAI itself ends a key; give more than interval and grace together.
 * Organisations that limit the life of keys need it).
 */
export function openaiKey(settings: Settings): CredentialKind {
  const api = (args: Properties) => settings.openai(text(args, "project"));
  const works = (value: string): Promise<boolean> =>
    accepted(settings.openaiUrl(), value, Math.min(30, settings.patienceSeconds()));
  return {
    kind: "openai-key",
    validate: (args) => [
      ...shaped(args, "project", /^proj_[0-9A-Za-z_-]{3,80}$/, "proj_abc123"),
      ...checkLifetime(args),
      ...checkQuiet(args),
    ],
    issue: async ({ args, name }) => {
      const openai = api(args);
      const label = fitted(name, longestName);
      const { id, value } = await makeOnce({
        what: `OpenAI service account ${label}`,
        leftovers: async () => {
          const found = (await openai.accounts()).filter((account) => account.name === label);
          if (found.length === 0) return [];
          const { keys } = await openai.keys();
          return found.map(({ id, created_at }) => {
            const used = keys.find(({ owner }) => owner?.service_account?.id === id)?.last_used_at;
            return { id, madeAt: seconds(created_at), usedAt: seconds(used) };
          });
        },
        remove: (leftover) => openai.remove(leftover),
        create: () => openai.create(label, number(args, "lifetimeDays", 0) * day),
      });
      return { value, reference: id };
    },
    prove: async (_args, { value, reference }) => {
      const patience = Math.min(spreadSeconds, settings.patienceSeconds());
      if (!(await acceptedWithin(patience, () => works(value))))
        throw new Error(`OpenAI does not accept the key of ${reference}; it was asked for ${patience} s.`);
    },
    // The account, and where its key is known the key itself: it may be accepted for moments longer.
    valid: async (args, reference, value) => (await api(args).exists(reference)) || (!!value && (await works(value))),
    users: async (args, reference) => {
      const { keys, date } = await api(args).keys();
      const used = keys.filter(({ owner }) => owner?.service_account?.id === reference).map((key) => key.last_used_at);
      return recentUse(seconds(Math.max(0, ...used.map((at) => at ?? 0))), date, quietMinutes(args));
    },
    revoke: (args, reference) => api(args).remove(reference),
  };
}

/** A date of OpenAI's: Unix seconds. */
function seconds(value: number | null | undefined): Date | undefined {
  return value ? new Date(value * 1000) : undefined;
}

function checkLifetime(args: Properties): Failure[] {
  const days = number(args, "lifetimeDays", 0);
  return Number.isInteger(days) && days >= 0 && days <= 730
    ? []
    : [{ property: "lifetimeDays", reason: `lifetimeDays is ${days}; give whole days up to 730, or 0 for ever` }];
}
