// Two logins of PostgreSQL whose passwords Vault's database engine sets: for those who let Vault hold the administrator's
// login. The stack says when, and which of the two is in use; it never sees an administrator's password.
import pg from "pg";
import { flag, list, text } from "../resources/inputs.ts";
import type { Settings } from "../settings.ts";
import { VaultDatabase } from "../vendors/vault-database.ts";
import type { Failure, Properties } from "../wire/contract.ts";
import type { CredentialKind, Slot } from "./kind.ts";
import { parseReference, referenceOf, withLogin } from "./login.ts";
import { usersOf } from "./postgres-admin.ts";
import { proveLogin } from "./postgres-proof.ts";

/** Shorter, and Vault would change a password that consumers hold. */
const leastPeriodDays = 730;

/**
 * Settings:
 * - `mount`: of the database engine; @default "database".
 * - `roles`: the two static roles, like `["intelliflow-a", "intelliflow-b"]`. Their logins are members of `owner` and take
 *   its role (`alter role … set role = owner`); their `rotation_period` is two years or more, since Vault's own clock
 *   knows nothing of consumers.
 * - `consumerUrl`: what consumers connect to, without user and password.
 * - `owner`, `checks`, `withoutTemporary`: as of `postgres-login`.
 *
 * A reference is `<static role>#<Vault's time of its rotation>`. To end a login is to give it a password that nobody has
 * read, and to end its sessions as the login itself.
 */
export function vaultStaticRole(settings: Settings): CredentialKind {
  const engine = (args: Properties): VaultDatabase =>
    new VaultDatabase(settings.vaultVendor(), text(args, "mount") || "database");
  const login = async (args: Properties, role: string): Promise<string> => {
    const { username, password } = await engine(args).read(role);
    return withLogin(text(args, "consumerUrl"), username, password);
  };
  const holds = async (args: Properties, reference: string): Promise<boolean> => {
    const { login: role, mark } = parseReference(reference);
    return (await engine(args).read(role)).rotatedAt === mark;
  };
  return {
    kind: "vault-static-role",
    validate,
    issue: async ({ args, slot }) => {
      const [vault, role] = [engine(args), roleOf(args, slot)];
      const days = (await vault.periodOf(role)) / 86_400;
      if (days < leastPeriodDays)
        throw new Error(
          `Vault would change the password of ${role} by itself, ${days > 0 ? `every ${Math.round(days)} days` : "on a schedule"}, behind its consumers. Give it two years or more: vault write ${text(args, "mount") || "database"}/static-roles/${role} rotation_period=87600h`,
        );
      await vault.rotate(role);
      const { username, password, rotatedAt } = await vault.read(role);
      return {
        value: withLogin(text(args, "consumerUrl"), username, password),
        reference: referenceOf(role, rotatedAt),
      };
    },
    prove: (args, { value }) =>
      proveLogin(value, text(args, "owner"), list(args, "checks"), !flag(args, "withoutTemporary"), false),
    valid: holds,
    // Any login sees how many sessions another one has, if not from where.
    users: async (args, reference) => {
      if (!(await holds(args, reference))) return { count: 0, who: [] };
      const { login: role } = parseReference(reference);
      const { username } = await engine(args).read(role);
      return asLogin(await login(args, role), (client) => usersOf(client, username));
    },
    revoke: async (args, reference) => {
      if (!(await holds(args, reference))) return;
      const { login: role } = parseReference(reference);
      await engine(args).rotate(role);
      await asLogin(await login(args, role), async (client) => {
        // Only as itself, not as the owner role, may it end its own sessions.
        await client.query("set role none");
        await client.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where usename = session_user and pid <> pg_backend_pid()",
        );
      });
    },
  };
}

function roleOf(args: Properties, slot: Slot): string {
  return list<string>(args, "roles")[slot === "a" ? 0 : 1] ?? "";
}

function validate(args: Properties): Failure[] {
  const failures: Failure[] = [];
  const roles = list<string>(args, "roles");
  if (roles.length !== 2 || roles[0] === roles[1] || roles.some((role) => !/^[\w-]{1,64}$/.test(role)))
    failures.push({
      property: "args.roles",
      reason: `roles is ${JSON.stringify(roles)}; name the two static roles, like ["intelliflow-a", "intelliflow-b"]`,
    });
  const url = text(args, "consumerUrl");
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol) || new URL(url).username !== "")
    failures.push({
      property: "args.consumerUrl",
      reason: "consumerUrl is no address of a database without user; it looks like postgresql://host:5432/name",
    });
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(text(args, "owner")))
    failures.push({
      property: "args.owner",
      reason: `owner is "${text(args, "owner")}"; give the role that owns the application's tables, like "app_owner"`,
    });
  return failures;
}

/** @throws with what PostgreSQL said, never with the connection string */
async function asLogin<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "secret-rotation",
    connectionTimeoutMillis: 10_000,
    query_timeout: 20_000,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    throw code ? new Error(`PostgreSQL at ${new URL(url).host} said: ${message} (${code}).`) : error;
  } finally {
    await client.end().catch(() => undefined);
  }
}
