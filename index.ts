// The stack: the applications that it rotates, of those that are known. The rest is in applications/.
import * as pulumi from "@pulumi/pulumi";
import { intelliflow } from "./applications/intelliflow.ts";
import { visapi } from "./applications/visapi.ts";
import { readStack } from "./components/stack.ts";

const known = { visapi, intelliflow };
const stack = readStack(new pulumi.Config(), Object.keys(known));
const declared = Object.entries(known).filter(([name]) => stack.applications.includes(name));

/** The inventory of each application that the stack has, by its name; it holds no value. */
export default Object.fromEntries(
  await Promise.all(declared.map(async ([name, declare]) => [name, await declare(stack)] as const)),
);
