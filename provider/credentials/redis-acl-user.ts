// Two ACL users of Redis. A user's password is known to Redis by its SHA-256 only, and only that is sent.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { list, text } from "../resources/inputs.ts";
import type { Failure, Log, Properties } from "../wire/contract.ts";
import type { CredentialKind, Issue, Issued, Users } from "./kind.ts";
import { checkLogin, loginOf, newPassword, parseReference, referenceOf, slotIn, withLogin } from "./login.ts";

/** Everything but administration, and what clients ask about themselves. */
const defaultRules = ["~*", "&*", "+@all", "-@admin", "-@dangerous", "+acl|whoami"];

/**
 * Settings:
 * - `adminUrl` (secret): connection string of a user with the commands ACL, CLIENT LIST, CLIENT KILL and CONFIG.
 * - `application`: stem of the users, `visapi` for `visapi_a` and `visapi_b`.
 * - `rules`: what the users may do, as `ACL SETUSER` takes it; @default everything but administration.
 * - `consumerUrl`: what consumers connect to, without user and password; @default host, port and database of `adminUrl`.
 * - `checks`: commands that must work as the new user, like `llen visapi:queue:waiting`; @default none.
 *
 * A reference is `<user>#<tag>`, where the tag is of the password's hash and says nothing about it. Users are kept over a
 * restart by the server's ACL file, else by its configuration file. ACLs belong to one server: name the primary.
 */
export function redisAclUser(): CredentialKind {
  return {
    kind: "redis-acl-user",
    validate,
    issue,
    prove: (args, { value }) =>
      withRedis(value, "it", async (redis) => {
        await redis.ping();
        for (const check of list(args, "checks")) {
          const [command = "", ...rest] = check.split(/\s+/);
          await redis.call(command, ...rest).catch((error: Error) => {
            throw new Error(`"${check}" failed: ${error.message}`);
          });
        }
      }),
    holder: (args, slot) =>
      withAdmin(args, async (admin) => {
        const user = await userOf(admin, loginOf(args, slot));
        return user && referenceOf(loginOf(args, slot), user.tags[0] ?? "?");
      }),
    slotOf: slotIn,
    recognise: async (args, { value }) => {
      const slot = slotIn(args, value);
      if (!slot) return undefined;
      // Redis keeps no note of who made a user: the names of the slots are this application's own.
      const tag = tagOf(
        createHash("sha256")
          .update(decodeURIComponent(new URL(value).password))
          .digest("hex"),
      );
      const [login, other] = [loginOf(args, slot), loginOf(args, slot === "a" ? "b" : "a")];
      const [user, before] = await withAdmin(args, async (admin) => [
        await userOf(admin, login),
        await userOf(admin, other),
      ]);
      if (!user?.tags.includes(tag)) return undefined;
      return {
        reference: referenceOf(login, tag),
        previous: before?.on ? referenceOf(other, before.tags[0] ?? "?") : "",
      };
    },
    valid: (args, reference) => withAdmin(args, async (admin) => (await held(admin, reference))?.on ?? false),
    users: (args, reference) =>
      withAdmin(args, async (admin) =>
        (await held(admin, reference)) ? usersOf(admin, reference) : { count: 0, who: [] },
      ),
    revoke: (args, reference) =>
      withAdmin(args, async (admin) => {
        if (!(await held(admin, reference))) return;
        // Unlike "off" or a removed password this ends the user's connections too.
        await admin.call("ACL", "DELUSER", parseReference(reference).login);
        await keep(admin);
      }),
  };
}

function validate(args: Properties): Failure[] {
  const failures = checkLogin(args, ["redis:", "rediss:"]);
  for (const rule of list(args, "rules"))
    if (!/^([+\-~&]|%[RW]{1,2}~|\(|allkeys$|allchannels$|allcommands$)/.test(rule))
      failures.push({
        property: "args.rules",
        reason: `the rule "${rule.replace(/^[<>#!].*/, "(a password)")}" is none for commands, keys or channels; write them like "+@all", "-@admin", "~visapi:*"`,
      });
  return failures;
}

async function issue({ args, slot, log }: Issue): Promise<Issued> {
  const [login, password] = [loginOf(args, slot), newPassword()];
  const hash = createHash("sha256").update(password).digest("hex");
  const rules = list(args, "rules");
  await withAdmin(args, async (admin) => {
    // One command: a user with the new password and the old rules, or the other way round, is never seen.
    await admin.call("ACL", "SETUSER", login, "reset", "on", `#${hash}`, ...(rules.length ? rules : defaultRules));
    // Only a forced rotation or an attempt that was killed leaves anybody here.
    await admin.call("CLIENT", "KILL", "USER", login);
    await keep(admin, log);
  });
  const address = text(args, "consumerUrl") || text(args, "adminUrl");
  return { value: withLogin(address, login, password), reference: referenceOf(login, tagOf(hash)) };
}

function tagOf(hash: string): string {
  return createHash("sha256").update(`rotation-reference:v1:${hash}`).digest("hex").slice(0, 12);
}

async function userOf(admin: Redis, login: string): Promise<{ on: boolean; tags: string[] } | undefined> {
  const fields = (await admin.call("ACL", "GETUSER", login)) as unknown[] | null;
  if (!fields) return undefined;
  const field = (name: string): string[] => (fields[fields.indexOf(name) + 1] ?? []) as string[];
  return { on: field("flags").includes("on"), tags: field("passwords").map(tagOf) };
}

async function held(admin: Redis, reference: string): Promise<{ on: boolean } | undefined> {
  const { login, mark } = parseReference(reference);
  const user = await userOf(admin, login);
  return user?.tags.includes(mark) || (user && user.tags.length === 0 && mark === "?") ? user : undefined;
}

async function usersOf(admin: Redis, reference: string): Promise<Users> {
  const { login } = parseReference(reference);
  const clients = String(await admin.call("CLIENT", "LIST"))
    .split("\n")
    .map(
      (line) =>
        Object.fromEntries(
          line
            .trim()
            .split(" ")
            .map((pair) => pair.split(/=(.*)/s, 2)),
        ) as Record<string, string>,
    )
    .filter(({ user }) => user === login);
  return {
    count: clients.length,
    who: clients.slice(0, 10).map(({ name, addr }) => `${name || "unnamed"}@${addr?.replace(/:\d+$/, "")}`),
  };
}

/** Writes the users where the server reads them at its next start. */
async function keep(admin: Redis, log?: Log): Promise<void> {
  const problem = async (...command: [string, string]): Promise<string | undefined> =>
    admin.call(...command).then(
      () => undefined,
      (error: Error) => error.message,
    );
  const noFile = await problem("ACL", "SAVE");
  if (noFile === undefined) return;
  if (!/not configured to use an ACL file/i.test(noFile)) throw new Error(`ACL SAVE failed: ${noFile}`);
  const noConfig = await problem("CONFIG", "REWRITE");
  if (noConfig !== undefined)
    log?.warn(
      `Redis keeps no users over a restart: it has neither an ACL file (aclfile) nor a configuration file to write (${noConfig}). Give it one, or consumers are refused after its next restart.`,
    );
}

function withAdmin<T>(args: Properties, work: (admin: Redis) => Promise<T>): Promise<T> {
  const url = text(args, "adminUrl");
  return withRedis(url, `Redis at ${new URL(url).host}`, work);
}

/** @throws with Redis's words alone: its client's errors carry the arguments of AUTH */
export async function withRedis<T>(url: string, who: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  // Loaded by whoever has a Redis, and not at each start of the provider.
  const client = await import("ioredis");
  const redis = new client.Redis(url, {
    lazyConnect: true,
    connectionName: "secret-rotation",
    connectTimeout: 10_000,
    commandTimeout: 10_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    enableReadyCheck: false,
  });
  let cause: Error | undefined;
  redis.on("error", (error: Error) => (cause ??= error));
  const outcome = await redis
    .connect()
    .then(() => work(redis))
    .then(
      (value) => ({ value }),
      (error: Error) => ({ error: new Error(`${who} said: ${(cause ?? error).message}`) }),
    );
  redis.disconnect();
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}
