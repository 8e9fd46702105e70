// Every secret of VisAPI, tried at the service that accepts it: what a consumer sees, whatever the stack says of it.
import { accepted } from "../../provider/vendors/supabase.ts";
import { openDatabase, openRedis } from "./stores-load.ts";
import type { World } from "./world.ts";

export const stores = ["DATABASE_URL", "REDIS_URL"];
export const vendorKeys = [
  "SUPABASE_SERVICE_ROLE_KEY",
  "SUPABASE_ANON_KEY",
  "RESEND_API_KEY",
  "VERCEL_API_TOKEN",
  "ADMIN_API_KEY",
];
export const generated = ["JWT_SECRET", "SESSION_SECRET", "CRON_SECRET"];
export const all = [...generated, ...stores, ...vendorKeys];
/** JWT and session secrets sign what users hold; they are tried with that. */
export const tried = all.filter((name) => name !== "JWT_SECRET" && name !== "SESSION_SECRET");
/** What `works` gives when each of these is accepted, or is not. */
export const each = (names: string[], good: boolean): Record<string, boolean> =>
  Object.fromEntries(names.map((name) => [name, good]));
export type Values = Record<string, string>;

/** What Vault holds: what every consumer should have. */
export async function valuesOf(world: World, names: string[]): Promise<Values> {
  const found = names.map(async (name) => [name, (await world.vaultField(`visapi/${name}`, "value")) ?? ""]);
  return Object.fromEntries(await Promise.all(found)) as Values;
}

/** What a run in CI is given, once GitHub Actions holds these values. */
export function ci(held: Values): Record<string, string> {
  return { VERCEL_API_TOKEN: held["VERCEL_API_TOKEN"] ?? "", VISAPI_ADMIN_API_KEY: held["ADMIN_API_KEY"] ?? "" };
}

async function status(url: string, headers: Record<string, string>, body?: object): Promise<number> {
  for (;;) {
    const response = await fetch(url, {
      headers: { ...headers, connection: "close", ...(body ? { "content-type": "application/json" } : {}) },
      ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
    });
    await response.body?.cancel();
    if (response.status !== 429) return response.status;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Whether the service accepts each of these values. Sessions and tokens are another matter: they need a person. */
export async function works(world: World, held: Values): Promise<Record<string, boolean>> {
  const env = (name: string): string => world.sandbox.env[name] ?? "";
  const connects = async (open: typeof openDatabase, url: string): Promise<boolean> => {
    try {
      const connection = await open(url);
      await connection.use();
      await connection.close();
      return true;
    } catch {
      return false;
    }
  };
  const ways: Record<string, (value: string) => Promise<boolean>> = {
    DATABASE_URL: (url) => connects(openDatabase, url),
    REDIS_URL: (url) => connects(openRedis, url),
    SUPABASE_SERVICE_ROLE_KEY: (key) => accepted(env("SUPABASE_URL"), "secret", key),
    SUPABASE_ANON_KEY: (key) => accepted(env("SUPABASE_URL"), "publishable", key),
    RESEND_API_KEY: async (key) => {
      const mail = { from: "a@visanet.app", to: "b@example.com", subject: "s", html: "h" };
      return (await status(`${env("RESEND_API_URL")}/emails`, { authorization: `Bearer ${key}` }, mail)) === 200;
    },
    VERCEL_API_TOKEN: async (token) =>
      (await status(`${env("VERCEL_API_URL")}/v2/user`, { authorization: `Bearer ${token}` })) === 200,
    ADMIN_API_KEY: async (key) =>
      (await status(`${env("VISAPI_API_URL")}/api/v1/api-keys`, { "x-api-key": key })) === 200,
    CRON_SECRET: async (secret) =>
      (await status(`${env("VISAPI_API_URL")}/api/v1/cron/run`, { authorization: `Bearer ${secret}` }, {})) === 200,
  };
  const tried = Object.entries(held).flatMap(([name, value]) => {
    const way = ways[name];
    return way ? [way(value).then((good) => [name, good] as const)] : [];
  });
  return Object.fromEntries(await Promise.all(tried));
}

/** How many of what this stack has made each service accepts. */
export async function live(world: World): Promise<Record<string, number>> {
  const { supabase, resend, vercel } = world.sandbox.simulators;
  const ours = (name: string): boolean => /[-_]g\d+$/.test(name);
  const { tokens } = vercel.names() as { tokens: { name: string }[] };
  const logins = await world.sandbox.postgres.query(
    "select 1 from pg_roles where rolcanlogin and rolname in ('visapi_a', 'visapi_b')",
  );
  const keys = await world.sandbox.postgres.query<{ name: string }>("select name from api_keys");
  return {
    postgres: logins.length,
    supabase: supabase.liveKeys(world.sandbox.env["SUPABASE_PROJECT_REF"] ?? "").filter(ours).length,
    resend: resend.liveKeys.filter(ours).length,
    vercel: tokens.filter(({ name }) => ours(name)).length,
    visapi: keys.filter(({ name }) => ours(name)).length,
  };
}
