// The stacks' own files, as they are in the repository, with what their placeholders stand for in a world.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pulumi, repository } from "../../sandbox/stack.ts";
import type { World } from "./world.ts";

/**
 * Previews a stack by its file, with the pack, beside the world's own stack.
 * @param places the file's placeholders by key, and what stands for each; "" leaves it as it is
 * @throws AssertionError when the file lacks one, or holds a value, or the preview fails
 * @returns what was printed
 */
export async function previewShipped(world: World, stack: string, places: Record<string, string>): Promise<string> {
  let text = readFileSync(join(repository, `Pulumi.${stack}.yaml`), "utf8");
  assert.doesNotMatch(text, /secure:|token:|apiKey:|passphrase/i);
  for (const [key, value] of Object.entries(places)) {
    assert.match(text, new RegExp(`^ +${key}: \\S+$`, "m"), `${key} is not in the file`);
    if (value) text = text.replace(new RegExp(`(^ +${key}: ).*$`, "m"), (_, head: string) => head + value);
  }
  const scratch = join(world.dir, `init-${stack}`);
  mkdirSync(scratch);
  const file = join(scratch, `Pulumi.${stack}.yaml`);
  cpSync(join(repository, "Pulumi.yaml"), join(scratch, "Pulumi.yaml"));
  writeFileSync(file, text);
  const env = Object.fromEntries(
    Object.entries(world.sandbox.env).filter(([key]) => !/^PULUMI_(STACK|OPTION_CONFIG_FILE)$/.test(key)),
  );
  const made = await pulumi(["stack", "init", stack, "--non-interactive"], { env, cwd: scratch });
  assert.equal(made.code, 0, made.stderr);
  const now = { ROTATION_NOW: world.now, SANDBOX_NOW: world.now };
  const args = ["preview", "--non-interactive", "--stack", stack, "--config-file", file, "--diff"];
  args.push("--policy-pack", join(repository, "policies"));
  const ran = await pulumi(args, { env: { ...env, ...now } });
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  return ran.stdout;
}
