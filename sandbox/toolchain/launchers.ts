// The folder that goes first on PATH. It holds what the engine would otherwise not find, and nothing that is official.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cached } from "./cache.ts";
import type { Official } from "./official.ts";
import { marker, quote } from "./path.ts";
import type { Part } from "./toolchain.ts";
import { type Provider, pulumiVersion } from "./versions.ts";

export interface Bin {
  /** The repository whose `sandbox/plugins` stand in. */
  repo: string;
  /** The cache's folder. @default cacheRoot() */
  root?: string;
  /** The CLI if we built it. */
  built?: string;
  /** The folder of the official CLI if we downloaded it. */
  downloaded?: string;
  official: Official;
  providers: Provider[];
}

/**
 * Makes the folder, or finds it made. Its key covers all that it is made of, so that it never needs to be changed.
 * Plugins that are not official stand in a plugin folder of our own, `home`, together with links to the official ones:
 * the engine warns of each plugin that it finds on PATH, and leaves the person's own folder alone.
 */
export async function linkBin(bin: Bin): Promise<{ folder: string; home: string; parts: Part[] }> {
  const { official, downloaded, built } = bin;
  const parts: Part[] = [];
  const scripts = new Map<string, string>();
  /** By the folder's name: a script to put in, or the official folder to link to. */
  const plugins = new Map<string, { script: string } | { link: string }>();
  const standIn = (name: string) => join(bin.repo, "sandbox/plugins", name, "main.ts");

  if (official.languageHost ?? downloaded) {
    parts.push({ name: "nodejs host", version: official.pulumi?.version ?? pulumiVersion, origin: "official" });
  } else {
    scripts.set("pulumi-language-nodejs", script(process.execPath, standIn("nodejs")));
    parts.push({ name: "nodejs host", version: pulumiVersion, origin: "stand-in" });
  }
  for (const { name, version } of bin.providers) {
    const plugin = official.plugins.find((one) => one.name === name);
    if (plugin) {
      // The engine takes from its own folder only the very version asked for, but from PATH whatever is there.
      const folder = `resource-${name}-v${version ?? plugin.version ?? ""}`;
      if (!plugin.found) plugins.set(folder, { script: `#!/bin/sh\nexec ${quote(plugin.path)} "$@"\n` });
      else if (plugin.version !== undefined) plugins.set(folder, { link: dirname(plugin.path) });
      parts.push({ name, version: plugin.version ?? "", origin: "official" });
    } else if (name !== "kubernetes" || existsSync(standIn(name))) {
      plugins.set(`resource-${name}-v${version ?? "0.0.0"}`, { script: script(process.execPath, standIn(name)) });
      parts.push({ name, version: version ?? "", origin: "stand-in" });
    }
  }

  const hash = createHash("sha256").update(JSON.stringify(["no logs", built, downloaded, ...scripts, ...plugins]));
  const { folder } = await cached({
    root: bin.root,
    tool: "bin",
    key: `${pulumiVersion}-${hash.digest("hex").slice(0, 12)}`,
    build: async (folder) => {
      await writeFile(join(folder, marker), JSON.stringify({ repository: bin.repo, stands: [...scripts.keys()] }));
      // A hard link, where the file system can: the engine follows symbolic ones, then looks for the language host
      // beside the CLI's real place, and warns of one that is elsewhere on PATH.
      if (built) await link(built, join(folder, "pulumi")).catch(() => symlink(built, join(folder, "pulumi")));
      for (const name of downloaded ? await readdir(downloaded) : []) {
        await symlink(join(downloaded ?? "", name), join(folder, name));
      }
      for (const [name, text] of scripts) await writeFile(join(folder, name), text, { mode: 0o755 });
      await mkdir(join(folder, "home", "plugins"), { recursive: true });
      // The engine keeps a log of every command in a folder of this name, which takes it a third more time.
      // A file in its place: it keeps none.
      await writeFile(join(folder, "home", "logs"), "");
      for (const [name, plugin] of plugins) {
        const place = join(folder, "home", "plugins", name);
        if ("link" in plugin) {
          await symlink(plugin.link, place);
          continue;
        }
        await mkdir(place);
        await writeFile(join(place, `pulumi-${name.slice(0, name.lastIndexOf("-v"))}`), plugin.script, { mode: 0o755 });
      }
    },
  });
  const own = [...plugins.values()].some((plugin) => "script" in plugin);
  return { folder, home: own ? join(folder, "home") : official.home, parts };
}

/** What the engine starts: it is given a path alone, so that Node and the file to run have to be named inside. */
function script(node: string, file: string): string {
  return `#!/bin/sh\nexec ${quote(node)} --disable-warning=ExperimentalWarning ${quote(file)} "$@"\n`;
}
