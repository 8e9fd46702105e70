// Two login roles of PostgreSQL that share an owner role: what either creates belongs to the owner, so logins come and
// go without owning anything. The generation is kept in the role's comment, in the same transaction as its password.
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { flag, list, text } from "../resources/inputs.ts";
import type { Failure, Properties } from "../wire/contract.ts";
import type { CredentialKind, Issue, Issued, Slot } from "./kind.ts";
import { checkLogin, loginOf, newPassword, parseReference, referenceOf, slotIn, withLogin } from "./login.ts";
import { describe, each, usersOf } from "./postgres-admin.ts";
import { proveLogin } from "./postgres-proof.ts";
import { scramVerifier } from "./scram.ts";

const mark = "secret-rotation ";

/**
 * Settings:
 * - `adminUrl` (secret): connection string of a role that may create roles and grant the owner role; ending sessions
 *   needs membership in the logins or `pg_signal_backend` as well.
 * - `application`: stem of the logins, `visapi` for `visapi_a` and `visapi_b`.
 * - `owner`: the role that owns the application's objects; made, without login, when there is none.
 * - `consumerUrl`: what consumers connect to, without user and password; @default host, port and database of `adminUrl`.
 * - `poolerRef`: behind Supabase's pooler a user is called `<role>.<ref>`; @default none.
 * - `checks`: statements that must work as the new login, like `select 1 from workflows limit 1`; @default none.
 * - `withoutTemporary`: true where the application may not create temporary tables, by which it is otherwise proven that
 *   the owner role owns what the login creates.
 *
 * A reference is `<role>#<generation>`.
 */
export function postgresLogin(): CredentialKind {
  return {
    kind: "postgres-login",
    validate,
    issue,
    prove: (args, issued) =>
      proveLogin(
        issued.value,
        text(args, "owner"),
        list(args, "checks"),
        !flag(args, "withoutTemporary"),
        text(args, "consumerUrl") !== "",
      ),
    holder: async (args, slot) => {
      const role = await withAdmin(args, (admin) => describe(admin, loginOf(args, slot)));
      return role && referenceOf(role.name, generationIn(role.comment) || "?");
    },
    slotOf: slotIn,
    recognise: async (args, { family, value }) => {
      const slot = slotIn(args, value);
      if (!slot) return undefined;
      const made = async (which: Slot): Promise<string | undefined> => {
        const role = await withAdmin(args, (admin) => describe(admin, loginOf(args, which)));
        const ours = role?.canLogin && role.comment?.startsWith(`${mark}${family}-g`);
        return ours ? referenceOf(role.name, generationIn(role.comment)) : undefined;
      };
      const reference = await made(slot);
      return reference === undefined ? undefined : { reference, previous: await made(slot === "a" ? "b" : "a") };
    },
    valid: async (args, reference) => {
      const role = await withAdmin(args, (admin) => held(admin, reference));
      return role?.canLogin ?? false;
    },
    users: (args, reference) =>
      withAdmin(args, async (admin) => {
        const role = await held(admin, reference);
        return role ? usersOf(admin, role.name) : { count: 0, who: [] };
      }),
    revoke: (args, reference) =>
      withAdmin(args, async (admin) => {
        const role = await held(admin, reference);
        if (!role) return;
        await admin.query(`alter role ${pg.escapeIdentifier(role.name)} nologin password null`);
        await endSessions(admin, role.name);
      }),
  };
}

function validate(args: Properties): Failure[] {
  const failures = checkLogin(args, ["postgresql:", "postgres:"]);
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(text(args, "owner")))
    failures.push({
      property: "args.owner",
      reason: `owner is "${text(args, "owner")}"; give the role that owns the application's tables, like "app_owner"`,
    });
  if (text(args, "poolerRef") && !/^[a-z0-9]{1,40}$/.test(text(args, "poolerRef")))
    failures.push({
      property: "args.poolerRef",
      reason: `poolerRef is "${text(args, "poolerRef")}"; give the project's reference, 20 lower-case letters`,
    });
  return failures;
}

async function issue({ args, name, family, slot, generation }: Issue): Promise<Issued> {
  const [login, owner, password] = [loginOf(args, slot), text(args, "owner"), newPassword()];
  const [role, group] = [pg.escapeIdentifier(login), pg.escapeIdentifier(owner)];
  await withAdmin(args, async (admin) => {
    await admin.query("begin");
    // Two runs at once take turns, and neither sees half of what the other does.
    await admin.query("select pg_advisory_xact_lock(hashtext($1))", [`secret-rotation:${login}`]);
    const known = await describe(admin, login);
    if (known && !known.comment?.startsWith(`${mark}${family}-g`))
      throw new Error(
        `The role ${login} was not made by this stack${known.comment?.startsWith(mark) ? `, but by another one (${known.comment.slice(mark.length)})` : ""}, and is left as it is. Give the setting "application" another stem, or drop the role.`,
      );
    await each(admin, [
      ...((await describe(admin, owner)) ? [] : [`create role ${group} nologin`]),
      ...(known ? [] : [`create role ${role} nologin in role ${group}`]),
      ...(known ? [`grant ${group} to ${role}`] : []),
      // What the login creates belongs to the owner role.
      `alter role ${role} set role = ${pg.escapeLiteral(owner)}`,
      `alter role ${role} login valid until 'infinity' password ${pg.escapeLiteral(scramVerifier(password))}`,
      `comment on role ${role} is ${pg.escapeLiteral(mark + name)}`,
      "commit",
    ]);
    // Only a forced rotation or an attempt that was killed leaves anybody here.
    if (known) await endSessions(admin, login);
  });
  const ref = text(args, "poolerRef");
  const address = text(args, "consumerUrl") || text(args, "adminUrl");
  return {
    value: withLogin(address, ref ? `${login}.${ref}` : login, password),
    reference: referenceOf(login, String(generation)),
  };
}

/** The role of a reference, while it is of that generation. */
async function held(admin: pg.Client, reference: string) {
  const { login, mark: generation } = parseReference(reference);
  const role = await describe(admin, login);
  return role && (generationIn(role.comment) || "?") === generation ? role : undefined;
}

function generationIn(comment: string | null): string {
  return (comment?.startsWith(mark) && /-g(\d+)$/.exec(comment)?.[1]) || "";
}

/** Ends every session of a login and waits until they are gone. @throws after 10 s */
async function endSessions(admin: pg.Client, login: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    await admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and pid <> pg_backend_pid()",
      [login],
    );
    const { count } = await usersOf(admin, login);
    if (count === 0) return;
    if (Date.now() > deadline) throw new Error(`${count} sessions of ${login} do not end although they were told to.`);
    await sleep(100);
  }
}

/** @throws with what PostgreSQL said and a code, never with the connection string */
async function withAdmin<T>(args: Properties, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({
    connectionString: text(args, "adminUrl"),
    application_name: "secret-rotation",
    connectionTimeoutMillis: 10_000,
    query_timeout: 20_000,
  });
  // A connection that the server ends fails its query; without a listener it would end the process too.
  admin.on("error", () => undefined);
  const outcome = await admin
    .connect()
    .then(() => work(admin))
    .then(
      (value) => ({ value }),
      (error: unknown) => ({ error: explained(error, new URL(text(args, "adminUrl")).host) }),
    );
  await admin.end().catch(() => undefined);
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

function explained(error: unknown, host: string): unknown {
  const { code, message } = error as { code?: string; message: string };
  if (!code) return error;
  const hint = code === "42501" ? " The administrator's role may not do this: grant it, or use another one." : "";
  return new Error(`PostgreSQL at ${host} said: ${message} (${code}).${hint}`);
}
