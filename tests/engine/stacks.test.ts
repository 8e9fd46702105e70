// The stacks' own files, as they are in the repository, previewed by the real program against the simulators.
import assert from "node:assert/strict";
import { previewShipped } from "../support/shipped.ts";
import { World } from "../support/world.ts";

/** Placeholders in the files, and what stands for each in the sandbox. */
const places = {
  "vault:address": "VAULT_ADDR",
  "visapi:renderServiceId": "RENDER_SERVICE_ID",
  "visapi:vercelProjectId": "VERCEL_PROJECT_ID",
  "visapi:apiUrl": "VISAPI_API_URL",
  "visapi:appUrl": "VISAPI_APP_URL",
  "visapi:supabaseProjectRef": "SUPABASE_PROJECT_REF",
  "visapi:supabaseUrl": "SUPABASE_URL",
  "visapi:mailFrom": "VISAPI_MAIL_FROM",
};

describe("the stacks production and staging", () => {
  let world: World;
  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
  });
  after(() => world?.stop());

  for (const stack of ["production", "staging"])
    it(`${stack}: previews with the pack, holds no value, and is ${stack}`, async function () {
      this.timeout(300_000);
      const found = Object.entries(places).map(([key, name]) => [key, world.sandbox.env[name] ?? ""]);
      const shown = await previewShipped(world, stack, Object.fromEntries(found) as Record<string, string>);
      assert.match(shown, new RegExp(`environment *: "${stack}"`));
      assert.equal(/noticeHours *: 24\b/.test(shown), stack === "production");
    });
});
