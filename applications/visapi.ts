// VisAPI: an API on Render, a front end on Vercel. Reads like the inventory of its runbook.
import * as pulumi from "@pulumi/pulumi";
import { Application, type InventoryRow } from "../components/application.ts";
import { RenderService } from "../components/destinations/render.ts";
import { vaultKv } from "../components/destinations/vault.ts";
import { VercelProject } from "../components/destinations/vercel.ts";
import { GeneratedSecret } from "../components/generated-secret.ts";
import { preflight } from "../components/preflight.ts";
import { PrefixSecret } from "../components/prefix-secret.ts";
import { setting, type StackSettings } from "../components/stack.ts";
import { handOvers, repository } from "./visapi-hand-overs.ts";
import { vendorKeys } from "./visapi-keys.ts";
import { stores } from "./visapi-stores.ts";

/** Declares VisAPI's secrets; resolves to the inventory. */
export async function visapi(stack: StackSettings): Promise<pulumi.Output<InventoryRow[]>> {
  const url = (key: string, variable: string): string => setting("visapi", key, variable).replace(/\/$/, "");
  const [apiUrl, appUrl] = [url("apiUrl", "VISAPI_API_URL"), url("appUrl", "VISAPI_APP_URL")];
  const api = new RenderService({
    label: "api",
    id: setting("visapi", "renderServiceId", "RENDER_SERVICE_ID"),
    instances: 2,
    health: ["/api/v1/healthz", "/api/v1/healthz/database", "/api/v1/healthz/redis", "/api/v1/queue/metrics"].map(
      (path) => apiUrl + path,
    ),
    proofUrl: `${apiUrl}/api/v1/healthz/secrets`,
  });
  const frontend = new VercelProject({
    label: "frontend",
    id: setting("visapi", "vercelProjectId", "VERCEL_PROJECT_ID"),
    name: "visapi-frontend",
    gitSource: { type: "github", org: "visanet", repo: "visapi", ref: "main" },
    health: [`${appUrl}/health`],
    proofUrl: `${appUrl}/health/secrets`,
  });
  await preflight({
    vaultMounts: ["secret"],
    repositories: [repository],
    renderServices: [api],
    vercelProjects: [frontend],
  });

  const application = new Application("visapi", stack);
  const owner = "operations@visanet.com";
  // Sessions and tokens live for an hour; a day of both values leaves room for clients that slept.
  const overlap = { graceHours: stack.environment === "production" ? 24 : 1 };

  const jwt = new GeneratedSecret(application, "JWT_SECRET", {
    class: "HIGH",
    owner,
    intervalDays: 30,
    format: "hex",
    length: 64,
    overlap,
    destinations: [vaultKv(), api.variable()],
  });
  // Both sign what users hold: never changed in the same run, so that trouble with one is not hidden by the other.
  new GeneratedSecret(application, "SESSION_SECRET", {
    class: "HIGH",
    owner,
    intervalDays: 30,
    format: "hex",
    length: 64,
    overlap,
    apartFrom: jwt,
    destinations: [vaultKv(), api.variable()],
  });
  // The API checks it, the front end's scheduled calls send it.
  new GeneratedSecret(application, "CRON_SECRET", {
    class: "MEDIUM",
    owner,
    intervalDays: 30,
    format: "hex",
    length: 32,
    overlap,
    destinations: [vaultKv(), api.variable(), frontend.variable()],
  });
  new PrefixSecret(application, "API_KEY_PREFIX", {
    class: "LOW",
    owner,
    intervalDays: 90,
    stem: "vapi",
    warning: "every API key issued under the old prefix stops working once the API restarts",
    destinations: [vaultKv(), api.variable()],
  });
  stores(application, { owner, graceHours: overlap.graceHours, api });
  handOvers(application, owner, () => api.variable());
  vendorKeys(application, { owner, graceHours: overlap.graceHours, api, apiUrl, frontend, repository });
  return application.finish();
}
