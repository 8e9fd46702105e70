// Lists, in every run, what the services of a stack hold by name. The policy pack reports what nobody rotates.
import * as pulumi from "@pulumi/pulumi";
import { vendorNames, VendorNames } from "../provider/sdk.ts";
import type { Touched } from "./preflight.ts";

/**
 * @param name of the resource that keeps the names
 * @param touched where the stack writes
 */
export async function listVendorNames(
  name: string,
  { repositories = [], renderServices = [], vercelProjects = [] }: Touched,
): Promise<void> {
  const github = new pulumi.Config("github");
  const owner = github.get("owner") ?? process.env["GITHUB_OWNER"] ?? "";
  const { places, problems } = await vendorNames({
    renderServices: renderServices.map((service) => service.args.id),
    vercelProjects: vercelProjects.map((project) => project.args.id),
    ...(repositories.length
      ? {
          github: {
            baseUrl: github.get("baseUrl") ?? process.env["GITHUB_BASE_URL"] ?? "https://api.github.com",
            token: github.getSecret("token") ?? pulumi.secret(process.env["GITHUB_TOKEN"] ?? ""),
            repositories: repositories.map((repository) => `${owner}/${repository}`),
          },
        }
      : {}),
  });
  // A place that cannot be listed holds up no rotation.
  for (const problem of problems) await pulumi.log.warn(`Not compared with what the stack rotates: ${problem}`);
  const plain = new pulumi.Config("secret-rotation").getObject<string[]>("plainVariables") ?? [];
  new VendorNames(name, { places, plain });
}
