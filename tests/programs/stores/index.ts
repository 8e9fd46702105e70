// VisAPI's logins at its stores, as the application declares them.
import * as pulumi from "@pulumi/pulumi";
import { stores } from "../../../applications/visapi-stores.ts";
import { Application } from "../../../components/application.ts";
import { RenderService } from "../../../components/destinations/render.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack, setting } from "../../../components/stack.ts";

const stack = readStack(new pulumi.Config(), ["visapi"]);
const apiUrl = setting("visapi", "apiUrl", "VISAPI_API_URL");
const api = new RenderService({
  label: "api",
  id: setting("visapi", "renderServiceId", "RENDER_SERVICE_ID"),
  instances: 2,
  health: ["/api/v1/healthz", "/api/v1/healthz/database", "/api/v1/healthz/redis"].map((path) => apiUrl + path),
  proofUrl: `${apiUrl}/api/v1/healthz/secrets`,
});
await preflight({ vaultMounts: ["secret"], renderServices: [api] });

const application = new Application("visapi", stack);
stores(application, { owner: "tests@example.com", graceHours: 1, api });
export const visapi = application.finish();
