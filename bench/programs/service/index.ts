// One service of an estate: each of its secrets goes to Vault, its repository, the cluster and its project at Vercel.
import * as pulumi from "@pulumi/pulumi";
import { Application } from "../../../components/application.ts";
import { githubActions } from "../../../components/destinations/github.ts";
import { KubernetesCluster, kubernetesSecret } from "../../../components/destinations/kubernetes.ts";
import { vaultKv } from "../../../components/destinations/vault.ts";
import { VercelProject } from "../../../components/destinations/vercel.ts";
import { GeneratedSecret } from "../../../components/generated-secret.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack } from "../../../components/stack.ts";

const config = new pulumi.Config("bench");
const name = config.require("service");
const stack = readStack(new pulumi.Config(), [name]);
await preflight({ vaultMounts: ["secret"] });
const cluster = new KubernetesCluster({ environment: stack.environment });
const frontend = new VercelProject({
  label: "frontend",
  id: config.require("project"),
  name,
  gitSource: { type: "github", org: "visanet", repo: name, ref: "main" },
  health: [`${config.require("url")}/`],
});
const application = new Application(name, stack);
for (let at = 0; at < config.requireNumber("secrets"); at++) {
  const secret = `SECRET_${String(at).padStart(4, "0")}`;
  const inCluster = `${name}-${secret.toLowerCase().replaceAll("_", "-")}`;
  new GeneratedSecret(application, secret, {
    class: "HIGH",
    owner: "bench@example.com",
    intervalDays: 30,
    format: "hex",
    length: 64,
    overlap: "cut-over",
    destinations: [
      vaultKv(),
      githubActions({ repository: name }),
      kubernetesSecret({ deployments: [], cluster, namespace: "services", name: inCluster }),
      frontend.variable(),
    ],
  });
}
export const service = application.finish();
