// Three of VisAPI's secrets, for runs of the workflows: what CI does is the same for three as for twenty.
import * as pulumi from "@pulumi/pulumi";
import { services } from "../../../applications/visapi-services.ts";
import { Application } from "../../../components/application.ts";
import { vaultKv } from "../../../components/destinations/vault.ts";
import { GeneratedSecret } from "../../../components/generated-secret.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack } from "../../../components/stack.ts";
import { listVendorNames } from "../../../components/vendor-names.ts";

const stack = readStack(new pulumi.Config("secret-rotation"), ["visapi"]);
const { api, frontend } = services();
const touched = { renderServices: [api], vercelProjects: [frontend] };
await preflight({ vaultMounts: ["secret"], ...touched });
if (stack.environment === "production") await listVendorNames("visapi-vendor-names", touched);

const application = new Application("visapi", stack);
// Both stacks work at the one Vault of the sandbox, where no two may keep the same entry.
const kept = (secret: string) => vaultKv(stack.environment === "staging" ? { path: `visapi/staging/${secret}` } : {});
const common = {
  owner: "operations@visanet.com",
  intervalDays: 30,
  format: "hex" as const,
  overlap: { graceHours: 24 },
};
const jwt = new GeneratedSecret(application, "JWT_SECRET", {
  ...common,
  class: "HIGH",
  length: 64,
  destinations: [kept("JWT_SECRET"), api.variable()],
});
new GeneratedSecret(application, "SESSION_SECRET", {
  ...common,
  class: "HIGH",
  length: 64,
  apartFrom: jwt,
  destinations: [kept("SESSION_SECRET"), api.variable()],
});
new GeneratedSecret(application, "CRON_SECRET", {
  ...common,
  class: "MEDIUM",
  length: 32,
  destinations: [kept("CRON_SECRET"), api.variable(), frontend.variable()],
});

/** The inventory; it holds no value. */
export const visapi = application.finish();
