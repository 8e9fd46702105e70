// PostgreSQL, Redis and etcd: used where they are installed, else installed from Debian's own packages. They run from the
// sandbox's folders as the sandbox's processes; no service of the machine is ever started or touched.
import { readdirSync, realpathSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa, ExecaError } from "execa";
import { cacheRoot, withLock } from "./cache.ts";
import { introduce } from "./owner.ts";
import { findOnPath, isExecutable } from "./path.ts";
import type { Step } from "./progress.ts";

/** The servers that the distribution has. */
export interface Servers {
  /** The folder that holds `postgres`, `initdb`, `pg_ctl` and `psql`. */
  postgresBin: string;
  /** E.g. `15.18`. */
  postgresVersion: string;
  /** The path of `redis-server`. */
  redisServer: string;
  /** E.g. `7.0.15`. */
  redisVersion: string;
}

export interface ServerSearch {
  /** Folders as in PATH. @default PATH */
  path?: string;
  /** Where Debian keeps a folder per major version of PostgreSQL. @default /usr/lib/postgresql */
  postgresHome?: string;
  /** Where the lock of the installation is. @default cacheRoot() */
  cache?: string;
  /** What invoke-rc.d asks before it starts a service. @default /usr/sbin/policy-rc.d */
  policy?: string;
}

const packages = { postgres: "postgresql", redis: "redis-server", etcd: "etcd-server" } as const;
/** What they are called elsewhere. */
const homebrew: Record<string, string> = {
  postgresql: "postgresql",
  "redis-server": "redis",
  "etcd-server": "etcd",
  "fonts-liberation": "font-liberation",
};
const byHand = (names: string[]) => `apt-get install -y --no-install-recommends ${names.join(" ")}`;

/** Looks for the servers and changes nothing. */
export function findServers(search: ServerSearch = {}): { postgresBin?: string; redisServer?: string } {
  const home = search.postgresHome ?? "/usr/lib/postgresql";
  const onPath = findOnPath("postgres", search.path);
  const versions = listing(home).sort((a, b) => Number(b) - Number(a));
  // Debian links `postgres` alone into /usr/local/bin at times: the other programs are beside the real one.
  const candidates = [...(onPath ? [dirname(realpathSync(onPath))] : []), ...versions.map((v) => join(home, v, "bin"))];
  const complete = (folder: string) =>
    ["postgres", "initdb", "pg_ctl"].every((name) => isExecutable(join(folder, name)));
  return { postgresBin: candidates.find(complete), redisServer: findOnPath("redis-server", search.path) };
}

/**
 * The servers, installed first if they are missing and this may be done here.
 * @param step where to say how it goes
 * @throws Error that names the command to run when they cannot be installed from here
 */
export async function ensureServers(step: Step, search: ServerSearch = {}): Promise<Servers> {
  const missing = () => {
    const found = findServers(search);
    return [
      ...(found.postgresBin === undefined ? [packages.postgres] : []),
      ...(found.redisServer === undefined ? [packages.redis] : []),
    ];
  };
  await installOnce(missing, step, search);
  const { postgresBin, redisServer } = findServers(search);
  if (postgresBin === undefined || redisServer === undefined) {
    throw new Error(`${missing().join(" and ")} still not found after installing; is it for another machine type?`);
  }
  const [postgresVersion, redisVersion] = await Promise.all([
    versionOf(join(postgresBin, "postgres"), /(\d+(?:\.\d+)+)/),
    versionOf(redisServer, /v=(\S+)/),
  ]);
  return { postgresBin, postgresVersion, redisServer, redisVersion };
}

/** etcd's executable. */
export interface Etcd {
  path: string;
  /** E.g. `3.4.23`. */
  version: string;
}

/** etcd, in which Kubernetes keeps its objects; installed first if it is missing. Errors as with `ensureServers`. */
export async function ensureEtcd(step: Step, search: ServerSearch = {}): Promise<Etcd> {
  const find = () => findOnPath("etcd", search.path);
  await installOnce(() => (find() === undefined ? [packages.etcd] : []), step, search);
  const path = find();
  if (path === undefined) throw new Error(`${packages.etcd} was installed, but no etcd is on PATH`);
  return { path, version: await versionOf(path, /etcd Version: (\S+)/) };
}

/** Installs what is missing, while no other run does. */
export async function installOnce(missing: () => string[], step: Step, search: ServerSearch): Promise<void> {
  if (missing().length === 0) return;
  const cache = search.cache ?? cacheRoot();
  await mkdir(cache, { recursive: true });
  const onWait = (owner: Parameters<typeof introduce>[0]) => step.update(`waiting for ${introduce(owner)}`);
  await withLock(join(cache, "apt.lock"), { unless: () => missing().length === 0, onWait }, () =>
    install(missing(), step, search),
  );
}

async function install(names: string[], step: Step, search: ServerSearch): Promise<void> {
  const apt = findOnPath("apt-get", search.path);
  if (apt === undefined) {
    throw new Error(
      `${names.join(" and ")} not found on PATH, and this machine has no apt-get to install from. Install that by the ` +
        `machine's own means (on macOS: brew install ${names.map((name) => homebrew[name] ?? name).join(" ")}) and run this again.`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new Error(`${names.join(" and ")} not found. Run this once, then try again:\n  sudo ${byHand(names)}`);
  }
  const releasePolicy = await forbidServices(search.policy ?? "/usr/sbin/policy-rc.d");
  try {
    const env = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };
    const options = { env, stdin: "ignore", buffer: { stdout: false, stderr: true } } as const;
    const wait = ["-o", "DPkg::Lock::Timeout=300"];
    for (const args of [
      ["update", "-q", ...wait],
      ["install", "-q", "-y", "--no-install-recommends", ...wait, ...names],
    ]) {
      const run = execa(apt, args, options);
      for await (const line of run.iterable({ from: "stdout" })) {
        if (/^(Get|Unpacking|Setting up|Hit)\b/.test(line)) step.update(`installing  ${line.slice(0, 60)}`);
      }
      await run;
    }
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    const said = String(error.stderr ?? "")
      .trim()
      .split("\n")
      .slice(-8)
      .join("\n");
    throw new Error(`Installing ${names.join(" and ")} failed. apt-get says:\n${said}\nBy hand: ${byHand(names)}`, {
      cause: error,
    });
  } finally {
    await releasePolicy();
  }
}

/**
 * Keeps packages from starting their services while they are installed: a policy-rc.d as invoke-rc.d(8) asks for, with
 * 101 for "forbidden". It forbids only as long as this process lives, so that one left behind by a kill does no harm.
 */
async function forbidServices(file: string): Promise<() => Promise<void>> {
  const script = `#!/bin/sh\n# secret-rotation: no services while it installs packages\nkill -0 ${process.pid} 2>/dev/null && exit 101\nexit 0\n`;
  try {
    await writeFile(file, script, { flag: "wx", mode: 0o755 });
  } catch {
    return async () => {}; // the machine has a policy of its own, as containers do
  }
  return () => rm(file, { force: true });
}

/** What a program says of itself to `--version`. */
export async function versionOf(binary: string, pattern: RegExp): Promise<string> {
  const { stdout } = await execa(binary, ["--version"], { stdin: "ignore" });
  return stdout.match(pattern)?.[1] ?? "unknown";
}

function listing(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}
