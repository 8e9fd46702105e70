// Stands in for the official kubernetes plugin (npm @pulumi/kubernetes 4.34.2). What it covers: docs/stand-ins.md.
import { serve } from "../../../provider/wire/serve.ts";
import { checkSettings, configuration, type Settings } from "../shared/config.ts";
import { Cluster } from "./cluster.ts";
import { kubeObject } from "./object.ts";

const settings: Settings = {
  kubeconfig: { kind: "string" },
  context: { kind: "string" },
  clusterIdentifier: { kind: "string" },
  namespace: { kind: "string" },
  enableSecretMutable: { kind: "boolean" },
  enableConfigMapMutable: { kind: "boolean" },
  enableServerSideApply: { kind: "boolean" },
  enablePatchForce: { kind: "boolean" },
  upsertExistingObjects: { kind: "boolean" },
  suppressDeprecationWarnings: { kind: "boolean" },
  suppressHelmHookWarnings: { kind: "boolean" },
  alwaysRender: {},
  cluster: {},
  deleteUnreachable: {},
  helmReleaseSettings: {},
  kubeClientSettings: {},
  renderYamlToDirectory: {},
  skipUpdateUnreachable: {},
};

const cluster = new Cluster();
await serve({
  name: "kubernetes",
  version: "4.34.2",
  acceptSecrets: true,
  resources: [
    kubeObject(
      { kind: "Namespace", plural: "namespaces", namespaced: false, fields: ["spec"], replaces: () => [] },
      cluster,
    ),
    kubeObject(
      {
        kind: "Secret",
        plural: "secrets",
        namespaced: true,
        fields: ["data", "immutable", "type"],
        refused: { stringData: "what the server makes of it cannot be compared; write data, in base64" },
        replaces: (inputs, { secretsMutable }) =>
          secretsMutable && inputs["immutable"] !== true ? [] : ["type", "data", "stringData"],
      },
      cluster,
    ),
    kubeObject(
      {
        kind: "ConfigMap",
        plural: "configmaps",
        namespaced: true,
        fields: ["data", "binaryData", "immutable"],
        replaces: (inputs, { configMapsMutable }) =>
          configMapsMutable && inputs["immutable"] !== true ? [] : ["data", "binaryData"],
      },
      cluster,
    ),
  ],
  checkConfig: (inputs) => {
    const checked = checkSettings("kubernetes", settings, inputs);
    const apply = inputs["enableServerSideApply"];
    if (apply === false || apply === "false")
      checked.failures?.push({
        property: "enableServerSideApply",
        reason:
          "The stand-in for the kubernetes plugin only covers server-side apply. Leave 'enableServerSideApply' out, or install the official plugin.",
      });
    return checked;
  },
  configure: async (values) => cluster.configure(configuration(values)),
});
