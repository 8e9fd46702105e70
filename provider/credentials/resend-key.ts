// A Resend key that may send and nothing else. Keys are made with another one, the admin key, which no application holds.
import { createHash } from "node:crypto";
import { shaped, text } from "../resources/inputs.ts";
import type { Settings } from "../settings.ts";
import { standing, trySending } from "../vendors/resend.ts";
import type { CredentialKind } from "./kind.ts";
import { checkQuiet, date, fitted, makeOnce, quietMinutes, recentUse } from "./once.ts";

const longestName = 50;

/**
 * Settings: `domainId` (a UUID; left out: any domain of the team), `from` (a sender; with it a new key is proven by a
 * message to delivered@resend.dev, without it by what Resend says of the key), `quietMinutes` (@default 60: a key that
 * was used within them is in use).
 */
export function resendKey(settings: Settings): CredentialKind {
  return {
    kind: "resend-key",
    validate: (args) => [
      ...(args["domainId"] === undefined || args["domainId"] === null
        ? []
        : shaped(
            args,
            "domainId",
            /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
            "4dd369bc-aa82-4ff3-97de-514ae3000ee0",
          )),
      ...(args["from"] === undefined || args["from"] === null
        ? []
        : shaped(args, "from", /^[^@\s]+@[^@\s]+\.[^@\s]+$/, "noreply@example.com")),
      ...checkQuiet(args),
    ],
    issue: async ({ args, name }) => {
      const resend = settings.resend();
      const label = fitted(name, longestName);
      const { id, value } = await makeOnce({
        what: `Resend key ${label}`,
        leftovers: async () =>
          (await resend.keys()).keys
            .filter((key) => key.name === label)
            .map((key) => ({ id: key.id, madeAt: date(key.created_at), usedAt: date(key.last_used_at) })),
        remove: (leftover) => resend.remove(leftover),
        create: async () => {
          const made = await resend.create(label, text(args, "domainId") || undefined);
          return { id: made.id, value: made.token };
        },
      });
      return { value, reference: id };
    },
    prove: async (args, { value, reference }) => {
      const url = settings.resendUrl();
      const found = await standing(url, value);
      if (found !== "sending")
        throw new Error(
          found === "dead"
            ? `Resend does not accept key ${reference}.`
            : `Resend key ${reference} may do everything; an application's key may only send.`,
        );
      const from = text(args, "from");
      const once = createHash("sha256").update(`rotation-test:${reference}`).digest("hex").slice(0, 32);
      if (from) await trySending(url, value, from, once);
    },
    // Resend shows no value again, so the name alone tells.
    recognise: async (_args, { name, before }) => {
      const { keys } = await settings.resend().keys();
      const idOf = (label: string): string | undefined =>
        keys.find((key) => key.name === fitted(label, longestName))?.id;
      const reference = idOf(name);
      return reference === undefined ? undefined : { reference, previous: idOf(before) };
    },
    valid: async (_args, reference) => (await settings.resend().keys()).keys.some(({ id }) => id === reference),
    users: async (args, reference) => {
      const { keys, date: now } = await settings.resend().keys();
      const key = keys.find(({ id }) => id === reference);
      return recentUse(date(key?.last_used_at), now, quietMinutes(args));
    },
    revoke: async (_args, reference) => {
      await settings.resend().remove(reference);
    },
  };
}
