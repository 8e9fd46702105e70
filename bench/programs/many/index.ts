// As many secrets as the config `bench:secrets` says, through the same components as a real application's.
import * as pulumi from "@pulumi/pulumi";
import { Application } from "../../../components/application.ts";
import type { Destination } from "../../../components/destinations/destination.ts";
import { vaultKv } from "../../../components/destinations/vault.ts";
import { GeneratedSecret } from "../../../components/generated-secret.ts";
import { preflight } from "../../../components/preflight.ts";
import { readStack } from "../../../components/stack.ts";

const config = new pulumi.Config("bench");
const count = config.requireNumber("secrets");
const name = "many";
const stack = readStack(new pulumi.Config(), [name]);
await preflight({ vaultMounts: ["secret"] });
const application = new Application(name, stack);
const destinations: Destination[] = [vaultKv()];
const names = Array.from({ length: count }, (_, at) => ({ name: `SECRET_${String(at).padStart(4, "0")}` }));
for (const { name: secret } of application.ours(names))
  new GeneratedSecret(application, secret, {
    class: "HIGH",
    owner: "bench@example.com",
    intervalDays: 30,
    format: "hex",
    length: 64,
    overlap: "cut-over",
    destinations,
  });
export const many = application.finish();
