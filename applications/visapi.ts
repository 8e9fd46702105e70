// VisAPI: an API on Render, a front end on Vercel. Reads like the inventory of its runbook.
import type * as pulumi from "@pulumi/pulumi";
import { Application, type InventoryRow } from "../components/application.ts";
import { preflight } from "../components/preflight.ts";
import type { StackSettings } from "../components/stack.ts";
import { listVendorNames } from "../components/vendor-names.ts";
import { handOvers } from "./visapi-hand-overs.ts";
import { vendorKeys } from "./visapi-keys.ts";
import { repository, services } from "./visapi-services.ts";
import { signing } from "./visapi-signing.ts";
import { stores } from "./visapi-stores.ts";

/** Declares VisAPI's secrets; resolves to the inventory. */
export async function visapi(stack: StackSettings): Promise<pulumi.Output<InventoryRow[]>> {
  const parts = services();
  const { api, frontend } = parts;
  const touched = { repositories: [repository], renderServices: [api], vercelProjects: [frontend] };
  await preflight({ vaultMounts: ["secret"], ...touched });
  if (stack.environment === "production") await listVendorNames("visapi-vendor-names", touched);

  const application = new Application("visapi", stack);
  const owner = "operations@visanet.com";
  // Sessions and tokens live for an hour; a day of both values leaves room for clients that slept.
  const graceHours = stack.environment === "production" ? 24 : 1;

  signing(application, { owner, overlap: { graceHours }, api, frontend });
  stores(application, { owner, graceHours, api });
  handOvers(application, { owner, ...parts });
  vendorKeys(application, { owner, graceHours, ...parts });
  return application.finish();
}
