// Declares secrets that go to Kubernetes, and the Deployments that read them, as the config `cluster` says.
import * as pulumi from "@pulumi/pulumi";
import { Application } from "../../../components/application.ts";
import {
  KubernetesCluster,
  KubernetesDeployment,
  kubernetesSecret,
  type DeploymentArgs,
} from "../../../components/destinations/kubernetes.ts";
import { vaultKv } from "../../../components/destinations/vault.ts";
import { GeneratedSecret } from "../../../components/generated-secret.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack, type Environment } from "../../../components/stack.ts";

interface Declared {
  /** What the Deployments' own rule goes by. @default "sandbox" */
  environment?: Environment;
  deployments: Omit<DeploymentArgs, "namespace">[];
  secrets: { name: string; secret?: string; graceHours?: number }[];
}

const config = new pulumi.Config();
const { environment = "sandbox", deployments, secrets } = config.requireObject<Declared>("cluster");
const stack = readStack(config, ["intelliflow"]);
const cluster = new KubernetesCluster({ environment });
// Pods that kwok plays answer nobody; what serves here in their place is Vault.
const health = [`${process.env["VAULT_ADDR"] ?? ""}/v1/sys/health`];
const readers = deployments.map(
  (each) => new KubernetesDeployment(cluster, { namespace: "intelliflow", health, ...each }),
);
await preflight({ vaultMounts: ["secret"], deployments: readers });

const application = new Application("intelliflow", stack);
for (const { name, secret, graceHours } of secrets)
  new GeneratedSecret(application, name, {
    class: "HIGH",
    owner: "tests@example.com",
    intervalDays: 30,
    format: "hex",
    length: 64,
    overlap: graceHours ? { graceHours } : "cut-over",
    destinations: [vaultKv(), kubernetesSecret({ deployments: readers, ...(secret ? { name: secret } : {}) })],
  });

export const intelliflow = application.finish();
