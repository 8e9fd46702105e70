// As many secrets as the config `bench:secrets` says, through the same components as a real application's.
import * as pulumi from "@pulumi/pulumi";
import { Application } from "../../../components/application.ts";
import type { Destination } from "../../../components/destinations/destination.ts";
import { githubActions } from "../../../components/destinations/github.ts";
import { RenderService } from "../../../components/destinations/render.ts";
import { vaultKv } from "../../../components/destinations/vault.ts";
import { VercelProject } from "../../../components/destinations/vercel.ts";
import { GeneratedSecret } from "../../../components/generated-secret.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack, setting } from "../../../components/stack.ts";

const config = new pulumi.Config("bench");
const count = config.requireNumber("secrets");
const name = "many";
const stack = readStack(new pulumi.Config(), [name]);
// With `bench:everywhere`: not only Vault, but GitHub, and variables of one Render service and one Vercel project as well.
const everywhere = config.getBoolean("everywhere") ?? false;
const api = everywhere
  ? new RenderService({
      label: "api",
      id: setting("visapi", "renderServiceId", "RENDER_SERVICE_ID"),
      instances: 2,
      health: [`${setting("visapi", "apiUrl", "VISAPI_API_URL")}/api/v1/healthz`],
    })
  : undefined;
const frontend = everywhere
  ? new VercelProject({
      label: "frontend",
      id: setting("visapi", "vercelProjectId", "VERCEL_PROJECT_ID"),
      name: "visapi-frontend",
      gitSource: { type: "github", org: "visanet", repo: "visapi", ref: "main" },
      health: [`${setting("visapi", "appUrl", "VISAPI_APP_URL")}/health`],
    })
  : undefined;
await preflight({ vaultMounts: ["secret"] });
const application = new Application(name, stack, [["api", "frontend"]]);
const destinations: Destination[] = [
  vaultKv(),
  ...(everywhere ? [githubActions({ repository: "visapi" })] : []),
  ...(api ? [api.variable()] : []),
  ...(frontend ? [frontend.variable()] : []),
];
const names = Array.from({ length: count }, (_, at) => ({
  name: `SECRET_${String(at).padStart(4, "0")}`,
  ...(api ? { service: "api" } : {}),
}));
for (const { name: secret } of application.ours(names))
  new GeneratedSecret(application, secret, {
    class: "HIGH",
    owner: "bench@example.com",
    intervalDays: 30,
    format: "hex",
    length: 64,
    overlap: "cut-over",
    destinations,
  });
export const many = application.finish();
