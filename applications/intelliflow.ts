// IntelliFlow: an API and a web service on Kubernetes. Reads like the inventory of its runbook.
import type * as pulumi from "@pulumi/pulumi";
import { Application, type InventoryRow } from "../components/application.ts";
import { preflight } from "../components/preflight.ts";
import type { StackSettings } from "../components/stack.ts";
import { database } from "./intelliflow-database.ts";
import { encryption } from "./intelliflow-encryption.ts";
import { services } from "./intelliflow-services.ts";
import { tokens } from "./intelliflow-tokens.ts";
import { vendors } from "./intelliflow-vendors.ts";

/** Declares IntelliFlow's secrets; resolves to the inventory. */
export async function intelliflow(stack: StackSettings): Promise<pulumi.Output<InventoryRow[]>> {
  const parts = services(stack.environment);
  await preflight({ vaultMounts: ["secret"], deployments: [parts.api, parts.web], configMaps: true });

  const application = new Application("intelliflow", stack);
  const owner = "security@intelliflow.com";
  // The runbook's grace period for users of the database.
  const graceHours = 1;

  database(application, { owner, graceHours, ...parts });
  // The API alone calls vendors.
  vendors(application, { owner, graceHours, deployments: [parts.api] });
  tokens(application, { owner, ...parts });
  encryption(application, { owner, ...parts });
  return application.finish();
}
