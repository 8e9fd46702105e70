// A JWKS document as a ConfigMap: it is public, pods read it as a file, and Kubernetes brings mounted files up to date
// within a minute, so that no verifier has to be restarted for a new key.
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap.js";
import { shaped } from "../stack.ts";
import type { JwksDestination } from "../signing-keys.ts";
import { ownMetadata, type KubernetesCluster } from "./kubernetes.ts";

export interface JwksConfigMapArgs {
  cluster: KubernetesCluster;
  namespace: string;
  /** The ConfigMap's name. */
  name: string;
  /** The key, and so the name of the file. @default "jwks.json" */
  key?: string;
}

/** It is changed in place, never replaced, and left behind when the keys are taken out of the program. */
export function jwksConfigMap({ cluster, namespace, name, key = "jwks.json" }: JwksConfigMapArgs): JwksDestination {
  shaped(name, /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, "The name of the ConfigMap with the key set", "jwks");
  shaped(key, /^[-._a-zA-Z0-9]{1,253}$/, "The key of the ConfigMap with the key set", "jwks.json");
  return {
    label: `kubernetes:${namespace}/${name}`,
    publish: (jwks, { application, secret, part, options }) => [
      new ConfigMap(
        part(`kubernetes-${namespace}-${name}`),
        {
          metadata: ownMetadata(namespace, name, `${application}/${secret}`),
          data: { [key]: jwks },
        },
        { ...options, provider: cluster.provider, retainOnDelete: true },
      ),
    ],
  };
}
