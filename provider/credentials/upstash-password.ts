// The one password of an Upstash Redis database: a reset ends the old one at the same moment, so this is a cut-over.
// A reset whose reply gets lost has happened or not, and a second one would change the password again: it is never
// sent twice in a run, and what the database says now is read before it is sent at all.
import { createHash } from "node:crypto";
import { flag, text } from "../resources/inputs.ts";
import { request, VendorError, type Vendor } from "../vendors/http.ts";
import type { Failure, Properties } from "../wire/contract.ts";
import { hasUnknown } from "../wire/values.ts";
import type { CredentialKind, Issue, Issued } from "./kind.ts";
import { referenceOf, withLogin } from "./login.ts";
import { withRedis } from "./redis-acl-user.ts";

interface Database {
  endpoint: string;
  port: number;
  tls: boolean;
  /** Absent where Upstash no longer shows it. */
  password?: string;
}

/**
 * Settings:
 * - `databaseId`: from the console's address, a UUID.
 * - `email`, `apiKey` (secret): the management API's login; keys are made in Upstash's console.
 * - `user`: @default "default".
 * - `current` (secret): the password in use, needed for the first run where Upstash does not show it.
 * - `baseUrl`: @default https://api.upstash.com/v2
 * - `plain`: true connects without TLS, for tests; @default what Upstash says of the database.
 *
 * A reference is `<databaseId>#<tag>`, where the tag says nothing about the password.
 */
export function upstashPassword(): CredentialKind {
  return {
    kind: "upstash-password",
    cutOver: true,
    validate,
    issue,
    prove: (_args, { value }) =>
      withRedis(value, "it", async (redis) => {
        await redis.ping();
      }),
    valid: async (args, reference) => {
      const { password } = await read(args);
      return password !== undefined && referenceOf(text(args, "databaseId"), tagOf(password)) === reference;
    },
    users: () => Promise.resolve(undefined),
    revoke: () => Promise.resolve(),
  };
}

function validate(args: Properties): Failure[] {
  const failures: Failure[] = [];
  if (!/^[0-9a-f-]{36}$/.test(text(args, "databaseId")))
    failures.push({
      property: "args.databaseId",
      reason: `databaseId is "${text(args, "databaseId")}"; give the UUID at the end of the database's address in the console`,
    });
  for (const key of ["email", "apiKey"])
    if (text(args, key) === "" && !hasUnknown(args[key]))
      failures.push({ property: `args.${key}`, reason: `${key} is missing: Upstash's API needs e-mail and API key` });
  return failures;
}

async function issue({ args, current, log }: Issue): Promise<Issued> {
  const before = await read(args);
  if (current === undefined) {
    const password = before.password ?? text(args, "current");
    if (!password)
      throw new Error(
        `Upstash does not show the password of ${text(args, "databaseId")}. Give the one in use as the setting "current" (pulumi config set --secret), so that nothing is reset without need.`,
      );
    return issued(args, before, password);
  }
  if (before.password !== undefined && urlOf(args, before, before.password) !== current) {
    log.info("The password has been reset already, by a run that was interrupted or by a person; it is taken over.");
    return issued(args, before, before.password);
  }
  const answered = await reset(args);
  const password = answered ?? (await changed(args, current));
  if (password === undefined)
    throw new Error(
      `Upstash does not tell the new password of ${text(args, "databaseId")}. Look in its console whether the reset took place; if consumers are refused, run again: that resets once more. If this comes again, Upstash shows no password to this key, and no program can complete a reset (docs/stores.md).`,
    );
  return issued(args, before, password);
}

/** @returns the password, where the answer holds it; undefined where it does not or got lost */
async function reset(args: Properties): Promise<string | undefined> {
  const id = text(args, "databaseId");
  try {
    const purpose = `reset the password of database ${id}`;
    const path = `/redis/reset-password/${id}`;
    const { body } = await request(vendor(args), { method: "POST", path, purpose, repeatable: false });
    return parse(body).password;
  } catch (error) {
    const unsure = error instanceof VendorError && (error.status === undefined || error.status >= 500);
    if (!unsure || (await changed(args, undefined)) === undefined) throw error;
    return undefined;
  }
}

/** The password now, where it can be read and is not the old one. */
async function changed(args: Properties, old: string | undefined): Promise<string | undefined> {
  const now = await read(args);
  return now.password === undefined || urlOf(args, now, now.password) === old ? undefined : now.password;
}

async function read(args: Properties): Promise<Database> {
  const id = text(args, "databaseId");
  const purpose = `read database ${id}`;
  const { body } = await request(vendor(args), { method: "GET", path: `/redis/database/${id}`, purpose });
  return parse(body);
}

function vendor(args: Properties): Vendor {
  const login = Buffer.from(`${text(args, "email")}:${text(args, "apiKey")}`).toString("base64");
  return {
    name: "Upstash",
    baseUrl: (text(args, "baseUrl") || "https://api.upstash.com/v2").replace(/\/$/, ""),
    headers: { authorization: `Basic ${login}` },
    tokenName: "the setting apiKey",
  };
}

function parse(body: unknown): Database {
  const { endpoint, port, tls, password } = (body ?? {}) as Record<string, unknown>;
  if (typeof endpoint !== "string" || typeof port !== "number")
    throw new Error("Upstash's answer names no endpoint and port; its API may have changed.");
  return { endpoint, port, tls: tls !== false, ...(typeof password === "string" && password ? { password } : {}) };
}

function urlOf(args: Properties, { endpoint, port, tls }: Database, password: string): string {
  const scheme = tls && !flag(args, "plain") ? "rediss" : "redis";
  return withLogin(`${scheme}://${endpoint}:${port}`, text(args, "user") || "default", password);
}

function issued(args: Properties, database: Database, password: string): Issued {
  return {
    value: urlOf(args, database, password),
    reference: referenceOf(text(args, "databaseId"), tagOf(password)),
  };
}

function tagOf(password: string): string {
  return createHash("sha256").update(`rotation-reference:v1:${password}`).digest("hex").slice(0, 12);
}
