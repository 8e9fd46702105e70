// VisAPI's own secrets alone, as the application declares them.
import * as pulumi from "@pulumi/pulumi";
import { signing } from "../../../applications/visapi-signing.ts";
import { Application } from "../../../components/application.ts";
import { RenderService } from "../../../components/destinations/render.ts";
import { VercelProject } from "../../../components/destinations/vercel.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack, setting } from "../../../components/stack.ts";

const stack = readStack(new pulumi.Config(), ["visapi"]);
const apiUrl = setting("visapi", "apiUrl", "VISAPI_API_URL");
const appUrl = setting("visapi", "appUrl", "VISAPI_APP_URL");
const api = new RenderService({
  label: "api",
  id: setting("visapi", "renderServiceId", "RENDER_SERVICE_ID"),
  instances: 2,
  health: [`${apiUrl}/api/v1/healthz`, `${apiUrl}/api/v1/queue/metrics`],
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
await preflight({ vaultMounts: ["secret"], renderServices: [api], vercelProjects: [frontend] });

const application = new Application("visapi", stack);
signing(application, { owner: "tests@example.com", overlap: { graceHours: 1 }, api, frontend });
export const visapi = application.finish();
