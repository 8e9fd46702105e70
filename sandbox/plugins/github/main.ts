// Stands in for the official github plugin (npm @pulumi/github 6.15.0). What it covers: docs/stand-ins.md.
import { serve } from "../../../provider/wire/serve.ts";
import { checkSettings, configuration, type Settings } from "../shared/config.ts";
import { apiUrl, GithubClient } from "./client.ts";
import { environmentDeploymentPolicy, repositoryEnvironment } from "./environment.ts";
import { repositoryRuleset } from "./ruleset.ts";
import { actionsEnvironmentSecret, actionsSecret } from "./secret.ts";
import { getTeam, workflowRepositoryPermissions } from "./workflow-permissions.ts";

const settings: Settings = {
  baseUrl: { kind: "string" },
  owner: { kind: "string" },
  organization: { kind: "string" },
  token: { kind: "string" },
  writeDelayMs: { kind: "number" },
  readDelayMs: { kind: "number" },
  maxRetries: { kind: "number" },
  retryDelayMs: { kind: "number" },
  parallelRequests: { kind: "boolean" },
  appAuth: {},
  cachePath: {},
  insecure: {},
  legacyClient: {},
  maxPerPage: {},
  retryableErrors: {},
};

const client = new GithubClient();
await serve({
  name: "github",
  version: "6.15.0",
  acceptSecrets: false,
  resources: [
    actionsSecret(client),
    actionsEnvironmentSecret(client),
    repositoryEnvironment(client),
    environmentDeploymentPolicy(client),
    repositoryRuleset(client),
    workflowRepositoryPermissions(client),
  ],
  functions: { "github:index/getTeam:getTeam": (args) => getTeam(client, args) },
  checkConfig: (inputs) => {
    const result = checkSettings("github", settings, inputs);
    const baseUrl = configuration(inputs).text("baseUrl");
    try {
      if (baseUrl) apiUrl(baseUrl);
    } catch (error) {
      result.failures?.push({ property: "baseUrl", reason: error instanceof Error ? error.message : String(error) });
    }
    return result;
  },
  configure: async (values) => client.configure(configuration(values)),
});
