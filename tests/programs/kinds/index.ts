// One credential of every kind, each in four places: Vault, GitHub Actions, Render, Vercel.
import * as pulumi from "@pulumi/pulumi";
import { repository, services } from "../../../applications/visapi-services.ts";
import { Application } from "../../../components/application.ts";
import { RenderService } from "../../../components/destinations/render.ts";
import { vaultKv } from "../../../components/destinations/vault.ts";
import { VercelProject } from "../../../components/destinations/vercel.ts";
import { IssuedCredential, type IssuedCredentialArgs } from "../../../components/issued-credential.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack, secretSetting, setting } from "../../../components/stack.ts";

const stack = readStack(new pulumi.Config(), ["shop"]);
const { api: visapi, apiUrl, frontend: website, actions } = services();
// The services are VisAPI's and know nothing of these: they can be asked whether they live, not for a proof.
const api = new RenderService({
  label: "api",
  id: visapi.args.id,
  instances: 2,
  health: [`${apiUrl}/health/liveness`],
});
const { id, label, name, gitSource, health } = website.args;
const frontend = new VercelProject({ id, label, name, gitSource, health });
await preflight({
  vaultMounts: ["secret"],
  repositories: [repository],
  renderServices: [api],
  vercelProjects: [frontend],
});

const application = new Application("shop", stack);
const quietMinutes = 0.03;
const kinds: Record<string, Pick<IssuedCredentialArgs, "kind" | "settings" | "cutOver">> = {
  POSTGRES: {
    kind: "postgres-login",
    settings: {
      adminUrl: secretSetting("visapi", "databaseAdminUrl", "VISAPI_DATABASE_ADMIN_URL"),
      application: "shop",
      owner: "shop_owner",
      checks: ["select 1 from shop_orders limit 1"],
      withoutTemporary: true,
    },
  },
  REDIS: {
    kind: "redis-acl-user",
    settings: {
      adminUrl: secretSetting("visapi", "redisAdminUrl", "VISAPI_REDIS_ADMIN_URL"),
      application: "shop",
      rules: ["~shop:*", "+@all", "-@admin", "-@dangerous", "+info"],
      checks: ["llen shop:queue"],
    },
  },
  UPSTASH: {
    kind: "upstash-password",
    cutOver: true,
    settings: {
      databaseId: setting("visapi", "upstashDatabaseId", "UPSTASH_DATABASE_ID"),
      email: setting("visapi", "upstashEmail", "UPSTASH_EMAIL"),
      apiKey: secretSetting("visapi", "UPSTASH_API_KEY", "UPSTASH_API_KEY"),
      user: setting("visapi", "redisUser", "VISAPI_REDIS_USER"),
      baseUrl: process.env["UPSTASH_API_URL"],
    },
  },
  SUPABASE: {
    kind: "supabase-key",
    settings: {
      projectRef: setting("visapi", "supabaseProjectRef", "SUPABASE_PROJECT_REF"),
      projectUrl: setting("visapi", "supabaseUrl", "SUPABASE_URL"),
      type: "secret",
    },
  },
  RESEND: { kind: "resend-key", settings: { from: setting("visapi", "mailFrom", "VISAPI_MAIL_FROM"), quietMinutes } },
  VERCEL: { kind: "vercel-token", settings: { intervalDays: 90, graceHours: 1, quietMinutes } },
  VISAPI: { kind: "visapi-key", settings: { url: apiUrl, scopes: ["keys:read"], quietMinutes } },
};
for (const [secret, kind] of Object.entries(kinds))
  new IssuedCredential(application, secret, {
    class: "HIGH",
    owner: "tests@example.com",
    intervalDays: 90,
    graceHours: 1,
    ...kind,
    destinations: [vaultKv(), actions(), api.variable(`SHOP_${secret}`), frontend.variable(`SHOP_${secret}`)],
  });
export const shop = application.finish();
