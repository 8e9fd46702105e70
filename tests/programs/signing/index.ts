// VisAPI's own secrets alone, as the application declares them.
import * as pulumi from "@pulumi/pulumi";
import { services } from "../../../applications/visapi-services.ts";
import { signing } from "../../../applications/visapi-signing.ts";
import { Application } from "../../../components/application.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack } from "../../../components/stack.ts";

const stack = readStack(new pulumi.Config(), ["visapi"]);
const { api, frontend } = services();
await preflight({ vaultMounts: ["secret"], renderServices: [api], vercelProjects: [frontend] });

const application = new Application("visapi", stack);
signing(application, { owner: "tests@example.com", overlap: { graceHours: 1 }, api, frontend });
export const visapi = application.finish();
