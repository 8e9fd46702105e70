// The part of VisAPI that vendors issue, as the application declares it.
import * as pulumi from "@pulumi/pulumi";
import { vendorKeys } from "../../../applications/visapi-keys.ts";
import { repository, services } from "../../../applications/visapi-services.ts";
import { Application } from "../../../components/application.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack } from "../../../components/stack.ts";

const stack = readStack(new pulumi.Config(), ["visapi"]);
const parts = services();
await preflight({
  vaultMounts: ["secret"],
  repositories: [repository],
  renderServices: [parts.api],
  vercelProjects: [parts.frontend],
});

const application = new Application("visapi", stack);
vendorKeys(application, { owner: "tests@example.com", graceHours: 1, ...parts });
export const visapi = application.finish();
