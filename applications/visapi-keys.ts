// The rows of VisAPI's inventory that vendors issue: two are valid at once, the old one is deleted after verification
// and grace. The stack's own tokens are among them; docs/own-tokens.md tells why it cannot lock itself out.
import * as pulumi from "@pulumi/pulumi";
import { SupabaseLegacyKeys } from "../provider/sdk.ts";
import type { Application } from "../components/application.ts";
import { vaultKv } from "../components/destinations/vault.ts";
import { IssuedCredential } from "../components/issued-credential.ts";
import { secretSetting, setting } from "../components/stack.ts";
import type { Services } from "./visapi-services.ts";

export interface VendorKeysArgs extends Services {
  owner: string;
  /** Hours for which an old key stays valid after verification. */
  graceHours: number;
}

export function vendorKeys(application: Application, args: VendorKeysArgs): void {
  const { owner, graceHours, api, apiUrl, frontend, actions } = args;
  const common = { owner, intervalDays: 90, graceHours };
  // A job reads its secrets when it is queued: up to 24 hours before it starts, and 6 more until it ends.
  const jobs = application.stack.environment === "production" ? Math.max(30, graceHours) : graceHours;
  const project = {
    projectRef: setting("visapi", "supabaseProjectRef", "SUPABASE_PROJECT_REF"),
    projectUrl: setting("visapi", "supabaseUrl", "SUPABASE_URL"),
  };
  // In the sandbox days pass in seconds.
  const quiet = (minutes: number): { quietMinutes: number } => ({
    quietMinutes: application.stack.environment === "sandbox" ? 0.03 : minutes,
  });

  // Under the names of the legacy keys whose place they take: docs/supabase-keys.md.
  const serviceKey = new IssuedCredential(application, "SUPABASE_SERVICE_ROLE_KEY", {
    ...common,
    class: "CRITICAL",
    kind: "supabase-key",
    settings: { ...project, type: "secret" },
    destinations: [vaultKv(), api.variable(), frontend.variable("SUPABASE_SERVICE_KEY")],
  });
  const anonKey = new IssuedCredential(application, "SUPABASE_ANON_KEY", {
    ...common,
    class: "MEDIUM",
    kind: "supabase-key",
    settings: { ...project, type: "publishable" },
    destinations: [vaultKv(), api.variable(), frontend.variable("NEXT_PUBLIC_SUPABASE_ANON_KEY")],
  });
  const legacy = new pulumi.Config("visapi").get("supabaseLegacyKeys");
  if (legacy !== undefined && legacy !== "on" && legacy !== "off")
    throw new pulumi.RunError(
      `visapi:supabaseLegacyKeys is "${legacy}"; give "off" once nothing uses the legacy keys any more, or "on" to bring them back: pulumi config set visapi:supabaseLegacyKeys off`,
    );
  if (legacy)
    new SupabaseLegacyKeys(
      "visapi/supabase-legacy-keys",
      { projectRef: project.projectRef, enabled: legacy === "on" },
      { parent: application, dependsOn: [serviceKey, anonKey] },
    );
  new IssuedCredential(application, "RESEND_API_KEY", {
    ...common,
    class: "MEDIUM",
    kind: "resend-key",
    // As long as the grace period: then any use since the new key went live holds the old one.
    settings: { from: setting("visapi", "mailFrom", "VISAPI_MAIL_FROM"), ...quiet(graceHours * 60) },
    destinations: [vaultKv(), api.variable()],
  });
  // Not longer than an hour: the run that rotates goes on with the old token, and the next one must be able to end it.
  new IssuedCredential(application, "VERCEL_API_TOKEN", {
    ...common,
    class: "HIGH",
    kind: "vercel-token",
    graceHours: jobs,
    settings: { intervalDays: common.intervalDays, graceHours: jobs, ...quiet(60) },
    destinations: [vaultKv(), actions()],
  });
  new IssuedCredential(application, "ADMIN_API_KEY", {
    ...common,
    graceHours: jobs,
    class: "HIGH",
    kind: "visapi-key",
    settings: {
      url: apiUrl,
      scopes: ["keys:create", "keys:read", "keys:delete", "workflows:read", "logs:read", "tests:run"],
      databaseUrl: secretSetting("visapi", "databaseAdminUrl", "VISAPI_DATABASE_ADMIN_URL"),
      ...quiet(60),
    },
    destinations: [vaultKv(), actions()],
  });
}
