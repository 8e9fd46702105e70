// The keys that IntelliFlow signs tokens with (runbook, "JWT Signing Keys"): published before they sign, and published
// until the last token that they signed has ended.
import type { Application } from "../components/application.ts";
import { jwksConfigMap } from "../components/destinations/kubernetes-jwks.ts";
import { kubernetesSecret } from "../components/destinations/kubernetes.ts";
import { SigningKeys } from "../components/signing-keys.ts";
import type { Services } from "./intelliflow-services.ts";

export interface TokensArgs extends Services {
  owner: string;
}

export function tokens(application: Application, { owner, cluster, namespace, api, apiUrl }: TokensArgs): void {
  new SigningKeys(application, "JWT_SIGNING_KEY", {
    class: "CRITICAL",
    owner,
    intervalDays: 7,
    algorithm: "RS256",
    rsaBits: 4096,
    tokenSeconds: 3600,
    cacheSeconds: 3600,
    path: "intelliflow/jwt",
    jwks: [jwksConfigMap({ cluster, namespace, name: "jwks" })],
    jwksUrls: [`${apiUrl}/.well-known/jwks.json`],
    // Only the API signs; everybody else reads the key set, and is not restarted for it.
    destinations: [
      kubernetesSecret({
        deployments: [api],
        name: "jwt",
        key: "JWT_PRIVATE_KEY",
        entries: (privateKey, { kid = "" }) => ({ JWT_PRIVATE_KEY: privateKey, JWT_KID: kid }),
      }),
    ],
  });
}
