// A key of VisAPI's own API. Versions exist that look a key up by its prefix, which all keys share, and refuse every
// key as soon as there are two; so a new one stays only when the old one has been seen to work beside it.
import pg from "pg";
import { fingerprint } from "../proof.ts";
import { list, shaped, text } from "../resources/inputs.ts";
import type { Settings } from "../settings.ts";
import type { Visapi } from "../vendors/visapi.ts";
import type { Properties } from "../wire/values.ts";
import type { CredentialKind, Issue, Issued } from "./kind.ts";
import { checkQuiet, date, fitted, makeOnce, quietMinutes, recentUse, type Made } from "./once.ts";

const longestName = 100;

/**
 * Settings: `url` (VisAPI's base URL), `scopes` (@default `["keys:create", "keys:read", "keys:delete"]`), `quietMinutes`
 * (@default 60: a key that was used within them is in use), `databaseUrl` (secret, optional: the way to take a new
 * key back where neither key works any more).
 * Keys are made with the run's own key, VISAPI_ADMIN_API_KEY. A reference is `<id>#<fingerprint of the value>`.
 */
export function visapiKey(settings: Settings): CredentialKind {
  const client = (args: Properties, key?: string): Visapi => settings.visapi(url(args), key);
  const find = async (args: Properties, reference: string) => {
    const { keys, date: now } = await client(args).keys();
    return { key: keys.find(({ id }) => id === idOf(reference)), now };
  };
  /** Whether a reference is of the very key that this run works with. */
  const isOwn = (reference: string): boolean =>
    reference.split("#")[1] === mark(settings, settings.require("visapiAdminKey", "The key for VisAPI's keys"));
  return {
    kind: "visapi-key",
    validate: (args) => [...shaped(args, "url", /^https?:\/\/[^\s/]+/, "https://api.example.com"), ...checkQuiet(args)],
    issue: (issue) => issueKey(settings, client, issue),
    prove: async (args, { value, reference }) => {
      if (!(await client(args, value).accepted())) throw new Error(`VisAPI does not accept key ${idOf(reference)}.`);
    },
    // VisAPI shows no value again, so the name alone tells.
    recognise: async (args, { name, before, value }) => {
      const { keys } = await client(args).keys();
      const idOf = (label: string): string | undefined =>
        keys.find((key) => key.name === fitted(label, longestName))?.id;
      const [found, old] = [idOf(name), idOf(before)];
      // Of the one before only the id is known: the run's own key is newer.
      return found ? { reference: `${found}#${mark(settings, value)}`, previous: old && `${old}#` } : undefined;
    },
    valid: async (args, reference) => (await find(args, reference)).key !== undefined,
    users: async (args, reference) => {
      const { key, now } = await find(args, reference);
      if (key && isOwn(reference)) return { count: 1, who: ["this run itself, by VISAPI_ADMIN_API_KEY"] };
      return recentUse(date(key?.last_used_at), now, quietMinutes(args));
    },
    own: (_args, reference) => Promise.resolve(isOwn(reference) ? "VISAPI_ADMIN_API_KEY" : undefined),
    revoke: async (args, reference) => {
      if (!(await find(args, reference)).key) return;
      if (isOwn(reference))
        throw new Error(
          `VisAPI key ${idOf(reference)} is the one that this run works with, so it is not revoked. Run again with its successor in VISAPI_ADMIN_API_KEY: it is in Vault and among the secrets of GitHub Actions.`,
        );
      await client(args).remove(idOf(reference));
    },
  };
}

type Client = (args: Properties, key?: string) => Visapi;

async function issueKey(settings: Settings, client: Client, { args, name, current, log }: Issue): Promise<Issued> {
  const label = fitted(name, longestName);
  const admin = client(args);
  if (text(args, "databaseUrl") && !(await admin.accepted(1))) {
    log.warn(`VisAPI refuses the run's own key; a key ${label} that an earlier attempt left is taken back first.`);
    await takeBack(text(args, "databaseUrl"), "name", label);
  }
  const scopes = list(args, "scopes");
  const made = await makeOnce({
    what: `VisAPI key ${label}`,
    leftovers: async () =>
      (await admin.keys()).keys
        .filter((key) => key.name === label)
        .map((key) => ({ id: key.id, madeAt: date(key.created_at), usedAt: date(key.last_used_at) })),
    remove: (leftover) => admin.remove(leftover),
    create: async () => {
      const { id, key } = await admin.create(
        label,
        scopes.length ? scopes : ["keys:create", "keys:read", "keys:delete"],
      );
      return { id, value: key };
    },
  });
  // The new one first: asking the old one may be answered from what an instance remembers of it.
  const fresh = await client(args, made.value).accepted();
  const old = (await admin.accepted()) && (!current || (await client(args, current).accepted()));
  if (!fresh || !old) await retract(client, args, made, fresh, old);
  return { value: made.value, reference: `${made.id}#${mark(settings, made.value)}` };
}

/** Ends a new key beside which VisAPI does not work, by whatever still can. @throws always, saying how it stands */
async function retract(client: Client, args: Properties, made: Made, fresh: boolean, old: boolean): Promise<never> {
  const which = fresh ? "the old one stops working" : old ? "the new one does not work" : "both stop working";
  const database = text(args, "databaseUrl");
  const ways: (() => Promise<unknown>)[] = [
    () => client(args).remove(made.id),
    () => client(args, made.value).remove(made.id),
    ...(database ? [() => takeBack(database, "id", made.id)] : []),
  ];
  let gone = false;
  for (const way of ways)
    gone ||= await way().then(
      () => true,
      () => false,
    );
  throw new Error(
    `VisAPI was given a second key, and ${which}: this version cannot hold two. The new key ${
      gone
        ? "was taken back"
        : `could not be taken back, since no key works any more. In its database: delete from api_keys where id = '${made.id}'`
    }. Nothing was handed out. Mend VisAPI's look-up of keys, then run again.`,
  );
}

async function takeBack(databaseUrl: string, column: "id" | "name", value: string): Promise<void> {
  const connection = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  await connection.connect();
  try {
    await connection.query(`delete from api_keys where ${column} = $1`, [value]);
  } finally {
    await connection.end();
  }
}

function url(args: Properties): string {
  return text(args, "url").replace(/\/$/, "");
}

function idOf(reference: string): string {
  return reference.split("#")[0] ?? "";
}

/** Tells a key from others without telling anything of it. */
function mark(settings: Settings, value: string): string {
  return fingerprint(settings.require("fingerprintKey", "The key for fingerprints"), "visapi-key", value);
}
