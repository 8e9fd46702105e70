// Everything that the sandbox runs on, found or made: official where it is on the machine or can be downloaded, built
// from source or stood in for where it cannot.
import { join } from "node:path";
import { type Built, buildPulumi, buildVault } from "./builds.ts";
import { ensureServers, type Servers } from "./debian.ts";
import { downloadPlugin, downloadPulumi, network, type Network } from "./download.ts";
import { linkBin } from "./launchers.ts";
import { detectOfficial } from "./official.ts";
import { type Progress, reporter, type Step } from "./progress.ts";
import { oldestNode, providerPackages, pulumiVersion, repository } from "./versions.ts";

/** Where a part of the toolchain came from. */
export type Origin = "official" | "built from source" | "stand-in" | "debian" | "npm";

export interface Part {
  name: string;
  version: string;
  origin: Origin;
}

export interface Toolchain {
  /** The folder to put first on PATH: `pulumi` if we brought it, and launchers of the stand-ins. */
  binDir: string;
  /** The CLI. */
  pulumi: string;
  /** Our Vault server (sandbox/vault): `-listen HOST:PORT -data DIR`. */
  vault: string;
  /** Node, for child processes. */
  node: string;
  /** The folder that holds `postgres`, `initdb`, `pg_ctl`. */
  postgresBin: string;
  redisServer: string;
  /** What `PULUMI_HOME` has to be for the engine to find the plugins counted here. */
  pulumiHome: string;
  parts: Part[];
}

export interface ToolchainOptions {
  /** @default a reporter on stderr */
  progress?: Progress;
  /** The repository whose stand-ins and packages are used. @default this one */
  repo?: string;
  /** The cache's folder. @default cacheRoot() */
  cache?: string;
  /** Where programs are looked for. @default PATH */
  path?: string;
  /** @default $PULUMI_HOME, else ~/.pulumi */
  pulumiHome?: string;
  /** @default asks get.pulumi.com once, unless SECRET_ROTATION_OFFLINE=1 */
  network?: Network;
  /** How the slow parts come about; tests put quick ones in their place. */
  makers?: Partial<Makers>;
}

/** The slow parts. */
export interface Makers {
  pulumi: (progress: Progress, options: { root?: string; path?: string }) => Promise<Built>;
  vault: (progress: Progress, options: { root?: string; path?: string }) => Promise<Built>;
  servers: (step: Step, search: { path?: string }) => Promise<Servers>;
}

/**
 * Brings up the toolchain: a second when all of it is there, ten minutes when the CLI and Vault have to be built.
 * @throws Error that says what to install when something is missing that cannot be made here
 */
export async function ensureToolchain(options: ToolchainOptions = {}): Promise<Toolchain> {
  const nodeVersion = process.versions.node;
  if (Number(nodeVersion.split(".")[0]) < oldestNode) {
    throw new Error(`Node ${nodeVersion} is too old; run this by "npm start", which finds Node ${oldestNode}.`);
  }
  const { path, cache } = options;
  const repo = options.repo ?? repository;
  const progress = options.progress ?? reporter();
  const net = options.network ?? network();
  const makers: Makers = { pulumi: buildPulumi, vault: buildVault, servers: ensureServers, ...options.makers };
  const search = { path, home: options.pulumiHome };
  const providers = await providerPackages(repo);
  const parts: Part[] = [];

  // First what may need a person (a server that cannot be installed), then what takes long.
  const step = progress.step("servers");
  const servers = await makers.servers(step, { path });
  step.done(`postgresql ${servers.postgresVersion}, redis ${servers.redisVersion}`);

  let official = await detectOfficial(providers, search);
  const downloaded = official.pulumi ? undefined : await downloadPulumi(pulumiVersion, net, progress, { root: cache });
  const built = official.pulumi || downloaded ? undefined : await makers.pulumi(progress, { root: cache, path });
  const pulumi = official.pulumi?.path ?? (downloaded && join(downloaded, "pulumi")) ?? built?.path ?? "";
  parts.push({
    name: "pulumi",
    version: official.pulumi?.version ?? pulumiVersion,
    origin: built ? "built from source" : "official",
  });
  const vault = await makers.vault(progress, { root: cache, path });
  parts.push({ name: "vault", version: vault.version, origin: "built from source" });

  let installed = false;
  for (const provider of providers) {
    if (official.plugins.some(({ name }) => name === provider.name)) continue;
    installed = (await downloadPlugin(pulumi, provider, official.home, net, progress)) || installed;
  }
  if (installed) official = await detectOfficial(providers, search);

  const linked = await linkBin({ repo, root: cache, built: built?.path, downloaded, official, providers });
  parts.push(...linked.parts);
  parts.push({ name: "postgresql", version: servers.postgresVersion, origin: "debian" });
  parts.push({ name: "redis", version: servers.redisVersion, origin: "debian" });
  const packaged = process.execPath.includes("node_modules");
  parts.push({ name: "node", version: nodeVersion, origin: packaged ? "npm" : "official" });
  return {
    binDir: linked.folder,
    pulumi: built || downloaded ? join(linked.folder, "pulumi") : pulumi,
    vault: vault.path,
    node: process.execPath,
    postgresBin: servers.postgresBin,
    redisServer: servers.redisServer,
    pulumiHome: linked.home,
    parts,
  };
}

/**
 * The toolchain in one line: `official: none; built from source: pulumi 3.259.0, vault 1.19.5; stand-ins: nodejs host,
 * random, ...; Debian: postgresql 15.18, redis 7.0.15; npm: node 24.21.0`. Of the stand-ins only the names are shown:
 * their version is that of the npm package they stand beside.
 */
export function summary(parts: Part[]): string {
  const titles: [Origin, string][] = [
    ["official", "official"],
    ["built from source", "built from source"],
    ["stand-in", "stand-ins"],
    ["debian", "Debian"],
    ["npm", "npm"],
  ];
  return titles
    .map(([origin, title]) => ({ title, of: parts.filter((part) => part.origin === origin), origin }))
    .filter(({ of, origin }) => of.length > 0 || origin === "official")
    .map(({ title, of, origin }) => {
      const names = of.map(({ name, version }) => (origin === "stand-in" ? name : `${name} ${version}`.trim()));
      return `${title}: ${names.join(", ") || "none"}`;
    })
    .join("; ");
}
