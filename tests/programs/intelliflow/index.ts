// IntelliFlow as its application declares it.
import * as pulumi from "@pulumi/pulumi";
import { intelliflow as declare } from "../../../applications/intelliflow.ts";
import { readStack } from "../../../components/stack.ts";

export const intelliflow = await declare(readStack(new pulumi.Config(), ["intelliflow"]));
