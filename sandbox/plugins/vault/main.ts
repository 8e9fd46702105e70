// Stands in for the official vault plugin (npm @pulumi/vault 7.8.0). What it covers: docs/stand-ins.md.
import { serve } from "../../../provider/wire/serve.ts";
import { checkSettings, configuration, type Settings } from "../shared/config.ts";
import { VaultClient } from "./client.ts";
import { mount } from "./mount.ts";
import { secretV2 } from "./secret-v2.ts";

const settings: Settings = {
  address: { kind: "string" },
  token: { kind: "string" },
  tokenName: { kind: "string" },
  namespace: { kind: "string" },
  skipChildToken: { kind: "boolean" },
  maxLeaseTtlSeconds: { kind: "number" },
  maxRetries: { kind: "number" },
  skipTlsVerify: {},
  addAddressToEnv: {},
  caCertDir: {},
  caCertFile: {},
  clientAuth: {},
  headers: {},
  maxRetriesCcc: {},
  setNamespaceFromToken: {},
  skipGetVaultVersion: {},
  tlsServerName: {},
  vaultVersionOverride: {},
};
for (const method of [
  "",
  "Aws",
  "Azure",
  "Cert",
  "Gcp",
  "Jwt",
  "Kerberos",
  "Oci",
  "Oidc",
  "Radius",
  "TokenFile",
  "Userpass",
])
  settings[`authLogin${method}`] = {};

const client = new VaultClient();
await serve({
  name: "vault",
  version: "7.8.0",
  acceptSecrets: false,
  resources: [mount(client), secretV2(client)],
  checkConfig: (inputs) => checkSettings("vault", settings, inputs),
  configure: async (values) => client.configure(configuration(values)),
});
