// The part of VisAPI that vendors issue, as the application declares it.
import * as pulumi from "@pulumi/pulumi";
import { vendorKeys } from "../../../applications/visapi-keys.ts";
import { Application } from "../../../components/application.ts";
import { RenderService } from "../../../components/destinations/render.ts";
import { VercelProject } from "../../../components/destinations/vercel.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack, setting } from "../../../components/stack.ts";

const stack = readStack(new pulumi.Config(), ["visapi"]);
const [apiUrl, appUrl] = [setting("visapi", "apiUrl", "VISAPI_API_URL"), setting("visapi", "appUrl", "VISAPI_APP_URL")];
const api = new RenderService({
  label: "api",
  id: setting("visapi", "renderServiceId", "RENDER_SERVICE_ID"),
  instances: 2,
  health: [`${apiUrl}/api/v1/healthz`],
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
  repositories: ["visapi"],
  renderServices: [api],
  vercelProjects: [frontend],
});

const application = new Application("visapi", stack);
vendorKeys(application, { owner: "tests@example.com", graceHours: 1, api, apiUrl, frontend, repository: "visapi" });
export const visapi = application.finish();
