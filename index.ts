// The stack: which applications it rotates. The rest is in applications/.
import * as pulumi from "@pulumi/pulumi";
import { visapi as declareVisapi } from "./applications/visapi.ts";
import { readStack } from "./components/stack.ts";

const stack = readStack(new pulumi.Config(), ["visapi"]);

/** The inventory of each application; it holds no value. */
export const visapi = await declareVisapi(stack);
