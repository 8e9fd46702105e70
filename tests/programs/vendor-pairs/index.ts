// IntelliFlow's keys at its vendors, as the application declares them, without a cluster.
import * as pulumi from "@pulumi/pulumi";
import { vendors } from "../../../applications/intelliflow-vendors.ts";
import { Application } from "../../../components/application.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack } from "../../../components/stack.ts";

const stack = readStack(new pulumi.Config(), ["intelliflow"]);
await preflight({ vaultMounts: ["secret"] });

const application = new Application("intelliflow", stack);
vendors(application, { owner: "tests@example.com", graceHours: 1, deployments: [] });
export const intelliflow = application.finish();
