// VisAPI's logins at its stores, as the application declares them.
import * as pulumi from "@pulumi/pulumi";
import { services } from "../../../applications/visapi-services.ts";
import { stores } from "../../../applications/visapi-stores.ts";
import { Application } from "../../../components/application.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack } from "../../../components/stack.ts";

const stack = readStack(new pulumi.Config(), ["visapi"]);
const { api } = services();
await preflight({ vaultMounts: ["secret"], renderServices: [api] });

const application = new Application("visapi", stack);
stores(application, { owner: "tests@example.com", graceHours: 1, api });
export const visapi = application.finish();
