// What of Pulumi's official distribution is on this machine.
import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { findOnPath, isExecutable, isOurs } from "./path.ts";
import type { Provider } from "./versions.ts";

/** An official plugin for one of the providers. */
export interface OfficialPlugin {
  name: string;
  /** Without a leading `v`; undefined when it was found on PATH, where nothing says its version. */
  version: string | undefined;
  /** The executable. */
  path: string;
  /**
   * Whether the engine finds it by itself: it takes any from PATH, but only the very version that the npm package
   * asks for from its own folder. Another one of the same major version serves too, once it is put on PATH.
   */
  found: boolean;
}

export interface Official {
  /** The CLI, at least version 3. */
  pulumi?: { path: string; version: string };
  /** `pulumi-language-nodejs`, beside the CLI or on PATH. */
  languageHost?: string;
  plugins: OfficialPlugin[];
  /** Where plugins are kept: `$PULUMI_HOME`, else `~/.pulumi`. */
  home: string;
}

export interface Search {
  /** Folders as in PATH. @default PATH */
  path?: string;
  /** @default $PULUMI_HOME, else ~/.pulumi */
  home?: string;
}

/**
 * Looks for the official distribution and changes nothing.
 * @param providers the providers to look for; one without a version matches any plugin of its name
 */
export async function detectOfficial(providers: Provider[], search: Search = {}): Promise<Official> {
  const set = process.env["PULUMI_HOME"];
  // A shell of the sandbox has the folder of our own making for its home; what the person has is elsewhere.
  const home = search.home ?? (set && !isOurs(set) ? set : join(homedir(), ".pulumi"));
  const notOurs = (file: string) => !isOurs(file);
  const pulumi = await identify(findOnPath("pulumi", search.path, notOurs));
  const beside = pulumi && join(dirname(pulumi.path), "pulumi-language-nodejs");
  const languageHost =
    beside && isExecutable(beside) ? beside : findOnPath("pulumi-language-nodejs", search.path, notOurs);

  const folders = listing(join(home, "plugins"));
  const plugins = providers.flatMap((provider): OfficialPlugin[] => {
    const binary = `pulumi-resource-${provider.name}`;
    const onPath = findOnPath(binary, search.path, notOurs);
    if (onPath) return [{ name: provider.name, version: undefined, path: onPath, found: true }];
    const installed = folders
      .map((folder) => ({ folder, version: folder.match(/^resource-(.+)-v(\d+\.\d+\.\d+)$/) }))
      .filter(({ version }) => version?.[1] === provider.name)
      .map(({ folder, version }) => ({ version: version?.[2] ?? "", path: join(home, "plugins", folder, binary) }))
      .filter(({ version, path }) => isExecutable(path) && sameMajor(version, provider.version));
    const best = installed.sort((a, b) => closeness(b.version, provider) - closeness(a.version, provider))[0];
    if (!best) return [];
    const found = provider.version === undefined || best.version === provider.version;
    return [{ name: provider.name, ...best, found }];
  });
  return { pulumi, languageHost, plugins, home };
}

/** Asks a CLI for its version; one that does not answer like Pulumi 3 is not one. */
async function identify(path: string | undefined): Promise<Official["pulumi"]> {
  if (path === undefined) return undefined;
  try {
    const env = { PULUMI_SKIP_UPDATE_CHECK: "true" };
    const { stdout } = await execa(path, ["version"], { env, timeout: 10_000, stdin: "ignore" });
    const version = stdout.trim().match(/^v?(3\.\d+\.\d+\S*)$/)?.[1];
    return version === undefined ? undefined : { path, version };
  } catch {
    return undefined;
  }
}

function sameMajor(version: string, wanted: string | undefined): boolean {
  return wanted === undefined || version.split(".")[0] === wanted.split(".")[0];
}

/** The very version first, then the newest. */
function closeness(version: string, provider: Provider): number {
  if (version === provider.version) return Infinity;
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  return major * 1e8 + minor * 1e4 + patch;
}

function listing(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
