// A checkout of this repository as a job of GitHub Actions finds it.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pulumi, repository } from "../../sandbox/stack.ts";
import type { World } from "./world.ts";

/**
 * As actions/checkout would leave it: the sources, with the two stacks' placeholders filled in and their state made.
 * @param program in place of the real one: fewer secrets than that has, and what CI does about them is the same
 * @returns the folder
 */
export async function makeCheckout(world: World, program = "./tests/programs/workflows/index.ts"): Promise<string> {
  const checkout = join(world.dir, "checkout");
  mkdirSync(checkout);
  const skipped = new Set(["node_modules", ".git", ".sandbox"]);
  for (const entry of readdirSync(repository))
    if (!skipped.has(entry)) cpSync(join(repository, entry), join(checkout, entry), { recursive: true });
  writeFileSync(join(checkout, "index.ts"), `export * from "${program}";\n`);
  symlinkSync(join(repository, "node_modules"), join(checkout, "node_modules"));
  const { env } = world.sandbox;
  const rest = Object.fromEntries(
    Object.entries(env).filter(([key]) => !/^PULUMI_(STACK|OPTION_CONFIG_FILE)$/.test(key)),
  );
  for (const stack of ["staging", "production"]) {
    const file = join(checkout, `Pulumi.${stack}.yaml`);
    writeFileSync(file, filled(readFileSync(file, "utf8"), env));
    const scratch = join(world.dir, `init-${stack}`);
    mkdirSync(scratch);
    cpSync(join(checkout, "Pulumi.yaml"), join(scratch, "Pulumi.yaml"));
    cpSync(file, join(scratch, `Pulumi.${stack}.yaml`));
    const made = await pulumi(["stack", "init", stack, "--non-interactive"], { env: rest, cwd: scratch });
    assert.equal(made.code, 0, made.stderr);
    cpSync(join(scratch, `Pulumi.${stack}.yaml`), file);
    rmSync(scratch, { recursive: true });
  }
  return checkout;
}

/** The repository's own file, with the sandbox's addresses and ids in place of the placeholders. */
function filled(text: string, env: Record<string, string>): string {
  const put = (key: string, variable: string): void => {
    if (env[variable])
      text = text.replace(new RegExp(`(^ +${key}: ).*$`, "m"), (_, head: string) => head + env[variable]);
  };
  put("vault:address", "VAULT_ADDR");
  put("visapi:renderServiceId", "RENDER_SERVICE_ID");
  put("visapi:vercelProjectId", "VERCEL_PROJECT_ID");
  put("visapi:apiUrl", "VISAPI_API_URL");
  put("visapi:appUrl", "VISAPI_APP_URL");
  put("visapi:supabaseProjectRef", "SUPABASE_PROJECT_REF");
  put("visapi:supabaseUrl", "SUPABASE_URL");
  put("visapi:mailFrom", "VISAPI_MAIL_FROM");
  return text;
}
