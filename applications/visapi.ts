// VisAPI: an API on Render, a front end on Vercel. Reads like the inventory of its runbook.
import * as pulumi from "@pulumi/pulumi";
import { Application, type InventoryRow } from "../components/application.ts";
import { RenderService } from "../components/destinations/render.ts";
import { VercelProject } from "../components/destinations/vercel.ts";
import { preflight } from "../components/preflight.ts";
import { setting, type StackSettings } from "../components/stack.ts";
import { handOvers, repository } from "./visapi-hand-overs.ts";
import { vendorKeys } from "./visapi-keys.ts";
import { signing } from "./visapi-signing.ts";
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

  signing(application, { owner, overlap, api, frontend });
  stores(application, { owner, graceHours: overlap.graceHours, api });
  handOvers(application, owner, () => api.variable());
  vendorKeys(application, { owner, graceHours: overlap.graceHours, api, apiUrl, frontend, repository });
  return application.finish();
}
