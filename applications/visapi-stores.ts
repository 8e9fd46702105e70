// VisAPI's logins at its stores: two of each, one in use.
import type { Application } from "../components/application.ts";
import type { RenderService } from "../components/destinations/render.ts";
import { vaultKv } from "../components/destinations/vault.ts";
import { IssuedCredential } from "../components/issued-credential.ts";
import { secretSetting } from "../components/stack.ts";

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
    kind: "redis-acl-user",
    settings: {
      adminUrl: secretSetting("visapi", "redisAdminUrl", "VISAPI_REDIS_ADMIN_URL"),
      application: "visapi",
      rules: ["~visapi:*", "&visapi:*", "+@all", "-@admin", "-@dangerous", "+info", "+acl|whoami"],
      checks: ["llen visapi:queue:waiting"],
    },
    // One store at a time.
    apartFrom: database,
    destinations: [vaultKv(), api.variable()],
  });
}
