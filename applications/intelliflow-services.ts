// What IntelliFlow consists of: two Deployments of one namespace, which read their Secrets when their pods start.
import * as pulumi from "@pulumi/pulumi";
import { KubernetesCluster, KubernetesDeployment } from "../components/destinations/kubernetes.ts";
import { setting, type Environment } from "../components/stack.ts";

export interface Services {
  cluster: KubernetesCluster;
  namespace: string;
  /** `deployment/api`: signs tokens, encrypts. */
  api: KubernetesDeployment;
  /** `deployment/web`: checks tokens, and asks the API. */
  web: KubernetesDeployment;
  /** Base URL of the API, without a slash at its end. */
  apiUrl: string;
}

/** Reads where the services are from the config `intelliflow`, else from the environment. */
export function services(environment: Environment): Services {
  const url = (key: string, variable: string): string => setting("intelliflow", key, variable).replace(/\/$/, "");
  const [apiUrl, webUrl] = [url("apiUrl", "INTELLIFLOW_API_URL"), url("webUrl", "INTELLIFLOW_WEB_URL")];
  const cluster = new KubernetesCluster({ environment });
  const namespace = new pulumi.Config("intelliflow").get("namespace") ?? "intelliflow";
  const deployment = (name: string, base: string): KubernetesDeployment =>
    new KubernetesDeployment(cluster, {
      namespace,
      name,
      instances: 2,
      health: [`${base}/healthz`],
      proofUrl: `${base}/healthz/secrets`,
    });
  return { cluster, namespace, api: deployment("api", apiUrl), web: deployment("web", webUrl), apiUrl };
}
