// One `pulumi up` in this folder sets what guards the repository, and puts it back with `pulumi up --refresh`.
import * as pulumi from "@pulumi/pulumi";
import { RepositoryGuards } from "./guards.ts";

const config = new pulumi.Config();

new RepositoryGuards("guards", {
  repository: config.require("repository"),
  operations: config.get("operations") ?? "operations",
  security: config.get("security") ?? "security",
});
