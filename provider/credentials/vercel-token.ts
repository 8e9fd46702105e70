// An access token of a Vercel user: the token that this stack itself works with. What keeps a run from locking itself
// out is told in docs/own-tokens.md.
import { number, text } from "../resources/inputs.ts";
import type { Settings } from "../settings.ts";
import type { Failure } from "../wire/contract.ts";
import type { Properties } from "../wire/values.ts";
import type { CredentialKind } from "./kind.ts";
import { checkQuiet, fitted, makeOnce, parsed, quietMinutes, recentUse } from "./once.ts";

const longestName = 80;
const day = 86_400_000;

/**
 * Settings: `intervalDays` and `graceHours` of the secret; `marginDays` (@default 30), after which beyond both a token
 * ends by itself; `quietMinutes` (@default 60: a token that was used within them is in use).
 * Tokens are made with the run's own token, which needs full access to its account.
 */
export function vercelToken(settings: Settings): CredentialKind {
  return {
    kind: "vercel-token",
    validate: (args) => [
      ...bounded(args, "intervalDays", 1, 365),
      ...bounded(args, "graceHours", 0, 2160),
      ...(args["marginDays"] === undefined ? [] : bounded(args, "marginDays", 1, 365)),
      ...checkQuiet(args),
    ],
    issue: async ({ args, name }) => {
      const tokens = settings.vercelTokens();
      const label = fitted(name, longestName);
      const lifetime =
        number(args, "intervalDays", 90) * day +
        number(args, "graceHours", 0) * 3_600_000 +
        number(args, "marginDays", 30) * day;
      let now = new Date();
      const { id, value } = await makeOnce({
        what: `Vercel token ${label}`,
        leftovers: async () => {
          const listed = await tokens.list();
          now = listed.date;
          const current = await tokens.get("current");
          const found = listed.tokens.filter((token) => token.name === label);
          if (found.some((token) => token.id === current?.id))
            throw new Error(
              `This run works with the Vercel token ${label}, which it was about to make anew: the stack's state has lost it. Run with another token in VERCEL_API_TOKEN, or raise the secret's generation.`,
            );
          return found.map((token) => ({
            id: token.id,
            madeAt: new Date(token.createdAt),
            usedAt: token.activeAt === undefined ? undefined : new Date(token.activeAt),
          }));
        },
        remove: (leftover) => tokens.remove(leftover),
        create: () => tokens.create(label, new Date(now.getTime() + lifetime)),
      });
      return { value, reference: id };
    },
    prove: async (_args, { value, reference }) => {
      if (!(await settings.vercelTokens(value).works()))
        throw new Error(`Vercel does not accept the token ${reference}.`);
    },
    recognise: async (_args, { name, before, value }) => {
      const token = await settings.vercelTokens(value).get("current");
      if (token?.name !== fitted(name, longestName)) return undefined;
      const { tokens } = await settings.vercelTokens().list();
      return { reference: token.id, previous: tokens.find((each) => each.name === fitted(before, longestName))?.id };
    },
    valid: async (_args, reference) => {
      const { tokens, date } = await settings.vercelTokens().list();
      return tokens.some(({ id, expiresAt }) => id === reference && (expiresAt ?? Infinity) > date.getTime());
    },
    users: async (args, reference) => {
      const client = settings.vercelTokens();
      const { tokens, date } = await client.list();
      const token = tokens.find(({ id }) => id === reference);
      if (!token) return { count: 0, who: [] };
      if ((await client.get("current"))?.id === reference)
        return { count: 1, who: ["this run itself, by VERCEL_API_TOKEN"] };
      const lastUsed = token.activeAt === undefined ? undefined : new Date(token.activeAt);
      return recentUse(lastUsed, date, quietMinutes(args));
    },
    own: async (_args, reference) =>
      (await settings.vercelTokens().get("current"))?.id === reference ? "VERCEL_API_TOKEN" : undefined,
    revoke: (_args, reference) => revoke(settings, reference),
  };
}

/** Ends a token, unless that could leave the next run with none. */
async function revoke(settings: Settings, reference: string): Promise<void> {
  const client = settings.vercelTokens();
  const { tokens, date } = await client.list();
  const token = tokens.find(({ id }) => id === reference);
  if (!token) return;
  if ((await client.get("current"))?.id === reference)
    throw new Error(
      `The Vercel token ${token.name} is the one that this run works with, so it is not revoked. Run again with its successor in VERCEL_API_TOKEN: it is in Vault and among the secrets of GitHub Actions.`,
    );
  const own = parsed(token.name);
  const successor = tokens.some(({ name, expiresAt }) => {
    const other = parsed(name);
    // Newer after a rotation, older after a return to the one before.
    return (
      own !== undefined &&
      other?.family === own.family &&
      other.generation !== own.generation &&
      (expiresAt ?? Infinity) > date.getTime()
    );
  });
  if (!successor)
    throw new Error(
      `The Vercel token ${token.name} is not revoked, since Vercel holds no other one of its family. Rotate it first, or delete it by hand at vercel.com/account/tokens.`,
    );
  await client.remove(reference);
}

function bounded(args: Properties, key: string, least: number, most: number): Failure[] {
  const value = number(args, key, Number.NaN);
  return value >= least && value <= most
    ? []
    : [{ property: key, reason: `${key} is ${text(args, key) || value}; give a number from ${least} to ${most}` }];
}
