// Asks, before anything is declared, whether every service of this run can be used: one clear error, no effect.
import * as pulumi from "@pulumi/pulumi";
import { preflight as ask } from "../provider/sdk.ts";
import { checkRepository } from "./destinations/github.ts";
import type { KubernetesDeployment } from "./destinations/kubernetes.ts";
import type { RenderService } from "./destinations/render.ts";
import type { VercelProject } from "./destinations/vercel.ts";

export interface Touched {
  /** KV v2 mounts of Vault. */
  vaultMounts?: string[];
  /** Names of repositories whose Actions secrets are written. */
  repositories?: string[];
  renderServices?: RenderService[];
  vercelProjects?: VercelProject[];
  deployments?: KubernetesDeployment[];
  /** Whether ConfigMaps are written beside the Secrets of these Deployments. @default false */
  configMaps?: boolean;
}

/** @throws RunError that lists what is wrong and what to do about each */
export async function preflight({
  vaultMounts = [],
  repositories = [],
  renderServices = [],
  vercelProjects = [],
  deployments = [],
  configMaps = false,
}: Touched): Promise<void> {
  const vault = new pulumi.Config("vault");
  const github = new pulumi.Config("github");
  const owner = github.get("owner") ?? process.env["GITHUB_OWNER"] ?? "";
  if (repositories.length && !owner)
    throw new pulumi.RunError(
      "The GitHub owner is missing. Set it with: pulumi config set github:owner my-organisation",
    );
  for (const repository of repositories) checkRepository(repository);
  const address = vault.get("address") ?? process.env["VAULT_ADDR"] ?? "";
  if (vaultMounts.length && !address)
    throw new pulumi.RunError(
      "The address of Vault is missing. Set it with: pulumi config set vault:address https://vault.example.com:8200",
    );
  const problems = await ask({
    preview: pulumi.runtime.isDryRun(),
    ...(vaultMounts.length
      ? {
          vault: {
            address,
            token: vault.getSecret("token") ?? pulumi.secret(process.env["VAULT_TOKEN"] ?? ""),
            mounts: vaultMounts,
          },
        }
      : {}),
    ...(repositories.length
      ? {
          github: {
            baseUrl: github.get("baseUrl") ?? process.env["GITHUB_BASE_URL"] ?? "https://api.github.com",
            token: github.getSecret("token") ?? pulumi.secret(process.env["GITHUB_TOKEN"] ?? ""),
            repositories: repositories.map((name) => `${owner}/${name}`),
          },
        }
      : {}),
    renderServices: renderServices.map((service) => service.args.id),
    vercelProjects: vercelProjects.map((project) => project.args.id),
    deployments: deployments.map(({ id: deployment, minimumReplicas, cluster: { context } }) => ({
      deployment,
      minimumReplicas,
      configMaps,
      ...(context ? { context } : {}),
    })),
  });
  if (problems.length)
    throw new pulumi.RunError(
      `Nothing was changed, since not everything that this run needs can be used:\n${problems.map((each) => `- ${each}`).join("\n")}`,
    );
}
