// The Stack of the Pulumi Kubernetes Operator as far as our manifests use it: a definition of our own after its API
// (pulumi/pulumi-kubernetes-operator 2, operator/api/pulumi/shared/stack_types.go and operator/api/auto/v1alpha1), for an
// API server that then refuses every field that is not in it and every value of another type.
import type { KubeObject } from "../../sandbox/plugins/kubernetes/client.ts";

const [string, boolean] = [{ type: "string" }, { type: "boolean" }];
const object = (properties: object, required: string[] = []): object => ({
  type: "object",
  properties,
  ...(required.length ? { required } : {}),
});
const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

const resourceRef = object(
  {
    type: { type: "string", enum: ["Env", "FS", "Secret", "Literal"] },
    secret: object({ namespace: string, name: string, key: string }, ["name", "key"]),
    literal: object({ value: string }, ["value"]),
    env: object({ name: string }, ["name"]),
    filesystem: object({ path: string }, ["path"]),
  },
  ["type"],
);

const workspace = object({
  metadata: anything,
  spec: object({
    serviceAccountName: string,
    securityProfile: { type: "string", enum: ["baseline", "restricted"] },
    image: string,
    imagePullPolicy: string,
    resources: object({ requests: quantities(), limits: quantities() }),
    // A pod's own fields are checked as a PodTemplate.
    podTemplate: object({ metadata: anything, spec: anything }),
  }),
});

function quantities(): object {
  return {
    type: "object",
    additionalProperties: { anyOf: [{ type: "integer" }, { type: "string" }], "x-kubernetes-int-or-string": true },
  };
}

const spec = object(
  {
    serviceAccountName: string,
    projectRepo: string,
    repoDir: string,
    branch: string,
    commit: string,
    shallow: boolean,
    stack: string,
    backend: string,
    config: { type: "object", additionalProperties: string },
    envRefs: { type: "object", additionalProperties: resourceRef },
    targets: { type: "array", items: string },
    continueResyncOnCommitMatch: boolean,
    resyncFrequencySeconds: { type: "integer", format: "int64" },
    retryOnUpdateConflict: boolean,
    destroyOnFinalize: boolean,
    refresh: boolean,
    expectNoRefreshChanges: boolean,
    useLocalStackOnly: boolean,
    workspaceTemplate: workspace,
  },
  ["stack"],
);

export const stackDefinition: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "stacks.pulumi.com" },
  spec: {
    group: "pulumi.com",
    scope: "Namespaced",
    names: { kind: "Stack", listKind: "StackList", plural: "stacks", singular: "stack" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: object({ apiVersion: string, kind: string, metadata: { type: "object" }, spec }) },
      },
    ],
  },
};
