// Reads what another stack of the same backend has in its outputs.
import * as pulumi from "@pulumi/pulumi";

const other = new pulumi.StackReference(new pulumi.Config().require("reads"));
const rows = other.requireOutput("inventory").apply((inventory: { secret: string }[]) => inventory);
export const names = rows.apply((inventory) => inventory.map(({ secret }) => secret));
