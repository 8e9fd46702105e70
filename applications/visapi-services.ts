// The services that VisAPI consists of: what its secrets are written to, restarted and proven at.
import * as pulumi from "@pulumi/pulumi";
import type { Destination } from "../components/destinations/destination.ts";
import { githubActions } from "../components/destinations/github.ts";
import { RenderService } from "../components/destinations/render.ts";
import { VercelProject } from "../components/destinations/vercel.ts";
import { setting } from "../components/stack.ts";

/** The repository whose workflows deploy VisAPI and rotate its secrets, without its owner. */
export const repository = "visapi";

export interface Services {
  api: RenderService;
  /** Base URL of the API, without a slash at its end. */
  apiUrl: string;
  frontend: VercelProject;
  /**
   * A secret of GitHub Actions under its own name: of the repository, or of the deployment environment that
   * `visapi:githubEnvironment` names, so that only that environment's jobs read it.
   */
  actions: () => Destination;
}

/** Reads where the services are from the config `visapi`, else from the environment. */
export function services(): Services {
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
  const environment = new pulumi.Config("visapi").get("githubEnvironment");
  const actions = (): Destination => githubActions({ repository, ...(environment ? { environment } : {}) });
  return { api, apiUrl, frontend, actions };
}
