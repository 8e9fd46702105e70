// applications/shop.ts
import type * as pulumi from "@pulumi/pulumi";
import { Application, type InventoryRow } from "../../../components/application.ts";
import { RenderService } from "../../../components/destinations/render.ts";
import { vaultKv } from "../../../components/destinations/vault.ts";
import { GeneratedSecret } from "../../../components/generated-secret.ts";
import type { StackSettings } from "../../../components/stack.ts";

export function shop(stack: StackSettings): pulumi.Output<InventoryRow[]> {
  const application = new Application("shop", stack);
  const api = new RenderService({
    label: "api",
    id: "srv-c9abcdefghij01234567",
    instances: 2,
    health: ["https://shop.example.com/healthz"],
    proofUrl: "https://shop.example.com/healthz/secrets",
  });
  new GeneratedSecret(application, "COOKIE_SECRET", {
    class: "HIGH",
    owner: "shop@example.com",
    intervalDays: 30,
    format: "hex",
    length: 64,
    overlap: { graceHours: 24 },
    destinations: [vaultKv(), api.variable()],
  });
  return application.finish();
}
