// Declares the secrets that the config `declared` lists, so that a test can declare them wrongly.
import * as pulumi from "@pulumi/pulumi";
import { Application } from "../../../components/application.ts";
import { githubActions } from "../../../components/destinations/github.ts";
import { RenderService } from "../../../components/destinations/render.ts";
import { vaultKv } from "../../../components/destinations/vault.ts";
import { VercelProject } from "../../../components/destinations/vercel.ts";
import { GeneratedSecret, type GeneratedSecretArgs } from "../../../components/generated-secret.ts";
import { preflight, type Touched } from "../../../components/preflight.ts";
import { readStack, setting } from "../../../components/stack.ts";

/** `destinations`: `vault`, `github`, `github@<environment>`, `render`, `vercel`; anything else goes through as it is. */
interface Declared {
  application?: string;
  /** The repository's name. @default "visapi" */
  repository?: string;
  /** A mount of Vault to ask for. @default "secret" */
  mount?: string;
  secrets: (Partial<Omit<GeneratedSecretArgs, "destinations">> & { name: string; destinations: string[] })[];
}

const config = new pulumi.Config();
const {
  application: name = "visapi",
  repository = "visapi",
  mount = "secret",
  secrets,
} = config.requireObject<Declared>("declared");
const used = new Set(secrets.flatMap(({ destinations }) => destinations.map((kind) => kind.split("@")[0])));
const stack = readStack(config, [name]);
const touched: Touched = { vaultMounts: [mount] };
const destinations: Record<string, (environment?: string) => unknown> = {
  vault: () => vaultKv({ mount }),
  github: (environment) => githubActions({ repository, ...(environment ? { environment } : {}) }),
};
if (used.has("github")) touched.repositories = [repository];
if (used.has("render")) {
  const proofUrl = `${setting("visapi", "apiUrl", "VISAPI_API_URL")}/api/v1/healthz/secrets`;
  const id = setting("visapi", "renderServiceId", "RENDER_SERVICE_ID");
  const service = new RenderService({ label: "api", id, instances: 2, health: [], proofUrl });
  touched.renderServices = [service];
  destinations["render"] = () => service.variable();
}
if (used.has("vercel")) {
  const project = new VercelProject({
    label: "frontend",
    id: setting("visapi", "vercelProjectId", "VERCEL_PROJECT_ID"),
    name: "visapi-frontend",
    gitSource: { type: "github", org: "visanet", repo: "visapi", ref: "main" },
    health: [],
    proofUrl: `${setting("visapi", "appUrl", "VISAPI_APP_URL")}/health/secrets`,
  });
  touched.vercelProjects = [project];
  destinations["vercel"] = () => project.variable();
}
await preflight(touched);

const application = new Application(name, stack);
for (const { name: secret, destinations: kinds, ...args } of secrets)
  new GeneratedSecret(application, secret, {
    class: "HIGH",
    owner: "tests@example.com",
    intervalDays: 30,
    format: "hex",
    length: 64,
    overlap: "cut-over",
    ...args,
    destinations: kinds.map((kind) => {
      const [base = "", environment] = kind.split("@");
      return destinations[base]?.(environment) ?? kind;
    }) as GeneratedSecretArgs["destinations"],
  });

export const inventory = application.finish();
