// Terraform and its providers: official where they are on the machine or can be installed, built from source or stood in
// for where they cannot. On demand of this bench alone; neither the sandbox nor a test needs it.
import { chmodSync, copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { repository } from "../../sandbox/stack.ts";
import { build, type BuildOptions, type Built } from "../../sandbox/toolchain/builds.ts";
import { findOnPath } from "../../sandbox/toolchain/path.ts";
import type { Progress } from "../../sandbox/toolchain/progress.ts";
import type { Part } from "../../sandbox/toolchain/toolchain.ts";

/** Terraform's core, where none is on PATH. bench/terraform/core/go.mod says the same. */
const terraformVersion = "1.13.3";

/** The official time provider, where it cannot be installed. bench/terraform/time/go.mod says the same. */
const timeVersion = "0.14.2";

/** The releases that the stand-ins stand beside. */
const besides = { random: "3.7.2", vault: "5.0.0" };

/** Where a program asks for `hashicorp/random` when no host is named. */
const registries: Record<string, string> = { terraform: "registry.terraform.io", tofu: "registry.opentofu.org" };

/** What the bench runs on. */
export interface TerraformToolchain {
  /** The executable. */
  terraform: string;
  /** E.g. `Terraform 1.11.4`. */
  title: string;
  /** What it needs in its environment to find its providers and to ask nobody for news. */
  env: Record<string, string>;
  /** What is official and what is not, for the line that says so. */
  parts: Part[];
}

/**
 * Brings up Terraform in a folder: the configuration of bench/terraform/stack, with its providers installed.
 * @param dir an empty folder, which becomes the working folder
 * @throws Error with Terraform's or Go's own words when that does not work
 */
export async function ensureTerraform(
  dir: string,
  progress: Progress,
  options: BuildOptions = {},
): Promise<TerraformToolchain> {
  cpSync(join(repository, "bench/terraform/stack"), dir, { recursive: true });
  const found = ["terraform", "tofu"].map((name) => ({ name, path: findOnPath(name, options.path) }));
  const [onPath] = found.filter(({ path }) => path !== undefined);
  const name = onPath?.name ?? "terraform";
  const terraform = onPath?.path ?? (await buildTerraform(progress, options)).path;
  // No question, no colour, no look for a newer release.
  const quiet = { CHECKPOINT_DISABLE: "1", TF_IN_AUTOMATION: "1", TF_INPUT: "0" };
  const core = await versions(terraform, dir, quiet);
  const origin = onPath ? "official" : "built from source";
  const title = `${name === "tofu" ? "OpenTofu" : "Terraform"} ${core.version}`;
  const parts: Part[] = [{ name, version: core.version, origin }];

  const step = progress.step("providers");
  step.update("asking for the official ones");
  // As the person's own settings say it: a registry, a mirror or a cache. A closed network says no at once.
  const offline = (process.env["SECRET_ROTATION_OFFLINE"] ?? "0") !== "0";
  const open = offline ? false : await initialized(terraform, dir, quiet);
  if (open) {
    const { providers } = await versions(terraform, dir, quiet);
    parts.push(...Object.entries(providers).map(([of, version]): Part => ({ name: of, version, origin: "official" })));
    step.done("official");
    return { terraform, title, env: quiet, parts };
  }
  step.done("the official ones cannot be installed here");
  const env = {
    ...quiet,
    TF_CLI_CONFIG_FILE: await mirror(join(dir, "mirror"), registries[name] ?? "", progress, options),
  };
  const init = await execa(terraform, ["init", "-no-color"], { cwd: dir, env, reject: false, stdin: "ignore" });
  if (init.exitCode !== 0) throw new Error(`terraform init failed:\n${init.stdout}\n${init.stderr}`);
  parts.push({ name: "time", version: timeVersion, origin: "built from source" });
  for (const [of, version] of Object.entries(besides)) parts.push({ name: of, version, origin: "stand-in" });
  return { terraform, title, env, parts };
}

/**
 * Terraform's core, built from its Go module. It is under the Business Source License 1.1: none of it is in this
 * repository, and the program is made for this measurement alone, on the machine that measures, and handed to nobody.
 */
function buildTerraform(progress: Progress, options: BuildOptions): Promise<Built> {
  return build(progress, options, {
    tool: "terraform",
    version: terraformVersion,
    module: join(repository, "bench/terraform/core"),
    target: "github.com/hashicorp/terraform",
    linkerFlags: "-s -w -X github.com/hashicorp/terraform/version.dev=no",
  });
}

/** A folder that holds all providers, as `terraform init` wants it. @returns the CLI's configuration that names it alone */
async function mirror(dir: string, host: string, progress: Progress, options: BuildOptions): Promise<string> {
  const time = await build(progress, options, {
    tool: "terraform-provider-time",
    version: timeVersion,
    module: join(repository, "bench/terraform/time"),
    target: "github.com/hashicorp/terraform-provider-time",
  });
  const ours = await build(progress, options, {
    tool: "terraform-provider-stand-in",
    version: besides.random,
    module: join(repository, "bench/terraform/provider"),
    target: ".",
  });
  const programs: [string, string, string][] = [
    ["time", timeVersion, time.path],
    ["random", besides.random, ours.path],
    ["vault", besides.vault, ours.path],
  ];
  for (const [name, version, program] of programs) {
    const file = join(dir, mirrorPath(host, name, version));
    mkdirSync(join(file, ".."), { recursive: true });
    copyFileSync(program, file);
    chmodSync(file, 0o755);
  }
  const config = join(dir, "cli.tfrc");
  writeFileSync(config, cliConfig(dir));
  return config;
}

/** Where a mirror holds a provider: `<host>/hashicorp/<name>/<version>/<system>/terraform-provider-<name>_v<version>`. */
export function mirrorPath(
  host: string,
  name: string,
  version: string,
  system: { platform: string; arch: string } = process,
): string {
  const arch = { x64: "amd64", ia32: "386" }[system.arch] ?? system.arch;
  const platform = system.platform === "win32" ? "windows" : system.platform;
  return join(host, "hashicorp", name, version, `${platform}_${arch}`, `terraform-provider-${name}_v${version}`);
}

/** A mirror and no other way: what it does not hold is an error, and no registry is asked. */
export function cliConfig(mirror: string): string {
  return `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirror)}\n  }\n}\n`;
}

async function initialized(terraform: string, dir: string, quiet: Record<string, string>): Promise<boolean> {
  const impatient = { TF_REGISTRY_DISCOVERY_RETRY: "0", TF_REGISTRY_CLIENT_TIMEOUT: "5" };
  const settings = { cwd: dir, env: { ...quiet, ...impatient }, stdin: "ignore", reject: false } as const;
  const ran = await execa(terraform, ["init", "-no-color"], { ...settings, timeout: 300_000 });
  return ran.exitCode === 0;
}

/** @returns the core's version, and those of the providers that the folder has chosen, by their short names */
async function versions(
  terraform: string,
  dir: string,
  env: Record<string, string>,
): Promise<{ version: string; providers: Record<string, string> }> {
  const { stdout } = await execa(terraform, ["version", "-json"], { cwd: dir, env, stdin: "ignore" });
  const said = JSON.parse(stdout) as { terraform_version: string; provider_selections?: Record<string, string> };
  const chosen = Object.entries(said.provider_selections ?? {});
  const providers = Object.fromEntries(
    chosen.map(([address, version]) => [address.split("/").pop() ?? address, version]),
  );
  return { version: said.terraform_version, providers };
}
