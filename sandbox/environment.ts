// The environment in which pulumi works against the sandbox.
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ToolchainPaths } from "./servers/toolchain-paths.ts";
import { writePrivate } from "./servers/wait.ts";
import { cacheRoot } from "./toolchain/cache.ts";

/** File in the sandbox's folder that a shell can read the environment from (0600, since it holds the tokens). */
export const environmentFile = "env.sh";

/** The applications of the sandbox, each with a stack of its own: VisAPI's does not wait for Kubernetes. */
export const applications = ["visapi", "intelliflow"] as const;
export type ApplicationName = (typeof applications)[number];

/** Name of the stack that rotates an application against the sandbox. */
export function stackName(application: ApplicationName): string {
  return application === "visapi" ? "sandbox" : `sandbox-${application}`;
}

/** What pulumi itself needs; endpoints and tokens of servers and vendors come on top. */
export function pulumiEnvironment(dir: string, toolchain: ToolchainPaths, passphrase: string): Record<string, string> {
  return {
    // Without files of metadata: one of those is written in two steps, and a run that is killed between them leaves a
    // state that cannot be read (gocloud.dev/blob/fileblob, setAttrs).
    PULUMI_BACKEND_URL: `file://${join(dir, "state")}?metadata=skip`,
    PULUMI_CONFIG_PASSPHRASE: passphrase,
    PULUMI_STACK: stackName("visapi"),
    // The CLI takes any flag from the environment; so a plain `pulumi up` uses the sandbox's own configuration.
    PULUMI_OPTION_CONFIG_FILE: join(dir, `Pulumi.${stackName("visapi")}.yaml`),
    // Every run against the sandbox is checked by the pack, also one that a person starts by hand.
    PULUMI_OPTION_POLICY_PACK: fileURLToPath(new URL("../policies", import.meta.url)),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // Each run starts half a dozen Node processes; compiled code kept between runs spares them a part of it.
    NODE_COMPILE_CACHE: join(cacheRoot(), "node-compile-cache"),
    ...(toolchain.pulumiHome ? { PULUMI_HOME: toolchain.pulumiHome } : {}),
    PATH: [...pathPrefix(toolchain), process.env.PATH ?? "/usr/bin:/bin"].join(delimiter),
  };
}

/** Folders that come first on PATH. */
export function pathPrefix(toolchain: ToolchainPaths): string[] {
  return [toolchain.binDir, dirname(toolchain.node)];
}

/** A text as one word of a POSIX shell. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Writes the file for shells: exports, with PATH put in front of the shell's own. */
export function writeEnvironmentFile(dir: string, env: Record<string, string>, prefix: readonly string[]): void {
  const exports = Object.entries(env)
    .filter(([name]) => name !== "PATH")
    .map(([name, value]) => `export ${name}=${shellQuote(value)}`);
  const path = `export PATH=${shellQuote(prefix.join(delimiter))}:"$PATH"`;
  writePrivate(join(dir, environmentFile), `${[...exports, path].join("\n")}\n`);
}
