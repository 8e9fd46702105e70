// VisAPI's logins at its stores: two of each, one in use. Redis may be Upstash's, which knows one password only.
import * as pulumi from "@pulumi/pulumi";
import type { Application } from "../components/application.ts";
import type { RenderService } from "../components/destinations/render.ts";
import { vaultKv } from "../components/destinations/vault.ts";
import { IssuedCredential, type IssuedCredentialArgs } from "../components/issued-credential.ts";
import { secretSetting, setting } from "../components/stack.ts";

export interface StoresArgs {
  owner: string;
  /** Hours for which an old login stays valid; what holds a connection for longer delays its end. */
  graceHours: number;
  api: RenderService;
}

export function stores(application: Application, { owner, graceHours, api }: StoresArgs): void {
  const database = new IssuedCredential(application, "DATABASE_URL", {
    class: "CRITICAL",
    owner,
    intervalDays: 90,
    graceHours,
    kind: "postgres-login",
    settings: {
      adminUrl: secretSetting("visapi", "databaseAdminUrl", "VISAPI_DATABASE_ADMIN_URL"),
      application: "visapi",
      owner: "app_owner",
      checks: ["select 1 from workflows limit 1"],
    },
    destinations: [vaultKv(), api.variable()],
  });
  new IssuedCredential(application, "REDIS_URL", {
    class: "HIGH",
    owner,
    intervalDays: 90,
    graceHours,
    ...redis(),
    // One store at a time.
    apartFrom: database,
    destinations: [vaultKv(), api.variable()],
  });
}

/** By `visapi:redis`: `acl` (two users, any Redis and Upstash's paid plans) or `upstash` (one password, cut-over). */
function redis(): Pick<IssuedCredentialArgs, "kind" | "settings" | "cutOver"> {
  const config = new pulumi.Config("visapi");
  const way = config.get("redis") ?? "acl";
  if (way === "upstash") {
    const baseUrl = process.env["UPSTASH_API_URL"];
    const current = config.getSecret("redisPassword");
    return {
      kind: "upstash-password",
      // Whoever uses the old password between the reset and the end of the deploy is refused.
      cutOver: true,
      settings: {
        databaseId: setting("visapi", "upstashDatabaseId", "UPSTASH_DATABASE_ID"),
        email: setting("visapi", "upstashEmail", "UPSTASH_EMAIL"),
        // The same entry that `rotate hand-over UPSTASH_API_KEY` writes.
        apiKey: secretSetting("visapi", "UPSTASH_API_KEY", "UPSTASH_API_KEY"),
        user: config.get("redisUser") ?? process.env["VISAPI_REDIS_USER"] ?? "default",
        ...(baseUrl ? { baseUrl } : {}),
        ...(current ? { current } : {}),
      },
    };
  }
  if (way !== "acl")
    throw new pulumi.RunError(
      `visapi:redis is "${way}"; give "acl" for two users of one Redis, or "upstash" for a database of Upstash with one password: pulumi config set visapi:redis acl`,
    );
  return {
    kind: "redis-acl-user",
    settings: {
      adminUrl: secretSetting("visapi", "redisAdminUrl", "VISAPI_REDIS_ADMIN_URL"),
      application: "visapi",
      rules: ["~visapi:*", "&visapi:*", "+@all", "-@admin", "-@dangerous", "+info", "+acl|whoami"],
      checks: ["llen visapi:queue:waiting"],
    },
  };
}
