// The stacks' own files, as they are in the repository, previewed by the real program against the simulators.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pulumi, repository } from "../../sandbox/stack.ts";
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
      const { env } = world.sandbox;
      let text = readFileSync(join(repository, `Pulumi.${stack}.yaml`), "utf8");
      assert.doesNotMatch(text, /secure:|token:|apiKey:|passphrase/i);
      for (const [key, variable] of Object.entries(places)) {
        const value = env[variable];
        assert.match(text, new RegExp(`^ +${key}: \\S+$`, "m"), `${key} is not in the file`);
        if (value) text = text.replace(new RegExp(`(^ +${key}: ).*$`, "m"), (_, head: string) => head + value);
      }
      const scratch = join(world.dir, `init-${stack}`);
      mkdirSync(scratch);
      const file = join(scratch, `Pulumi.${stack}.yaml`);
      cpSync(join(repository, "Pulumi.yaml"), join(scratch, "Pulumi.yaml"));
      writeFileSync(file, text);
      const rest = Object.fromEntries(
        Object.entries(env).filter(([key]) => !/^PULUMI_(STACK|OPTION_CONFIG_FILE)$/.test(key)),
      );
      const made = await pulumi(["stack", "init", stack, "--non-interactive"], { env: rest, cwd: scratch });
      assert.equal(made.code, 0, made.stderr);
      const now = { ROTATION_NOW: world.now, SANDBOX_NOW: world.now };
      const args = ["preview", "--non-interactive", "--stack", stack, "--config-file", file, "--diff"];
      args.push("--policy-pack", join(repository, "policies"));
      const ran = await pulumi(args, { env: { ...rest, ...now } });
      assert.equal(ran.code, 0, ran.stdout + ran.stderr);
      assert.match(ran.stdout, new RegExp(`environment *: "${stack}"`));
      assert.equal(/noticeHours *: 24\b/.test(ran.stdout), stack === "production");
    });
});
