// The programs that are built from source, each into an entry of the cache.
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { cached } from "./cache.ts";
import { buildGo } from "./go.ts";
import { introduce } from "./owner.ts";
import { isExecutable, marker } from "./path.ts";
import type { Progress } from "./progress.ts";
import {
  kubernetesVersion,
  kwokVersion,
  pulumiVersion,
  repository,
  vaultVersion,
  versitygwVersion,
} from "./versions.ts";

/** A program in the cache. */
export interface Built {
  /** The executable. */
  path: string;
  version: string;
}

export interface BuildOptions {
  /** The cache's folder. @default cacheRoot() */
  root?: string;
  /** Where `go` is looked for. @default PATH */
  path?: string;
}

/** The Pulumi CLI, built from its Go module; about five minutes on two cores, the first time. */
export function buildPulumi(progress: Progress, options: BuildOptions = {}): Promise<Built> {
  const versionVariable = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";
  return build(progress, options, {
    tool: "pulumi",
    version: pulumiVersion,
    module: join(repository, "sandbox/toolchain/pulumi"),
    target: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    linkerFlags: `-s -w -X ${versionVariable}=${pulumiVersion}`,
  });
}

/**
 * Our Vault server, built from sandbox/vault; about five minutes on two cores, the first time. `VAULT_BIN` names one
 * that was built before, elsewhere; it has to understand the same flags.
 */
export async function buildVault(progress: Progress, options: BuildOptions = {}): Promise<Built> {
  const given = process.env["VAULT_BIN"];
  if (given) {
    const version = await vaultVersionOf(given);
    progress.step(`vault ${version}`).done(`from VAULT_BIN: ${given}`);
    return { path: given, version };
  }
  const module = join(repository, "sandbox/vault");
  return build(progress, options, { tool: "vault", version: vaultVersion, module, target: "." });
}

/** The parts of Kubernetes' control plane. */
export type ControlPlanePart = "kube-apiserver" | "kube-controller-manager" | "kube-scheduler";

/** One part of the control plane; about ten minutes for all three on two cores, the first time. */
export function buildKubernetes(
  part: ControlPlanePart,
  progress: Progress,
  options: BuildOptions = {},
): Promise<Built> {
  const variables = "k8s.io/component-base/version";
  const [major, minor] = kubernetesVersion.split(".");
  const values = { gitVersion: `v${kubernetesVersion}`, gitMajor: major, gitMinor: minor };
  return build(progress, options, {
    tool: part,
    version: kubernetesVersion,
    module: join(repository, "sandbox/toolchain/kubernetes"),
    target: `k8s.io/kubernetes/cmd/${part}`,
    linkerFlags: ["-s -w", ...Object.entries(values).map(([name, value]) => `-X ${variables}.${name}=${value}`)].join(
      " ",
    ),
  });
}

/** kwok, which plays the nodes; about a minute, the first time. */
export function buildKwok(progress: Progress, options: BuildOptions = {}): Promise<Built> {
  return build(progress, options, {
    tool: "kwok",
    version: kwokVersion,
    module: join(repository, "sandbox/toolchain/kwok"),
    target: "sigs.k8s.io/kwok/cmd/kwok",
  });
}

/** versitygw, an S3 server on a folder; two minutes on two cores, the first time. Only tests of backends need it. */
export function buildVersitygw(progress: Progress, options: BuildOptions = {}): Promise<Built> {
  return build(progress, options, {
    tool: "versitygw",
    version: versitygwVersion,
    module: join(repository, "sandbox/toolchain/versitygw"),
    target: "github.com/versity/versitygw/cmd/versitygw",
    linkerFlags: `-s -w -X main.Version=${versitygwVersion}`,
  });
}

export interface Recipe {
  /** The executable's name, and the folder's in the cache, e.g. `kwok`. */
  tool: string;
  version: string;
  /** The folder of go.mod and go.sum; its own sources, if it has any, lie beside them. */
  module: string;
  /** What to build: an import path, or `.`. */
  target: string;
  /** For `-ldflags`. @default as `buildGo` has it */
  linkerFlags?: string;
}

/**
 * Builds a program into the cache, unless it is there: by version, machine and the sources in the module's folder.
 * @throws Error as `buildGo` does
 */
export async function build(progress: Progress, options: BuildOptions, recipe: Recipe): Promise<Built> {
  const { tool, version } = recipe;
  const name = `${tool} ${version}`;
  const step = progress.step(name);
  const machine = `${process.platform}-${process.arch}`;
  try {
    const entry = await cached({
      root: options.root,
      tool,
      key: `${version}-${machine}-${await fingerprint(recipe.module)}`,
      onWait: (owner) => step.update(`waiting for ${introduce(owner)}, which builds it`),
      build: async (folder) => {
        step.update("building");
        const output = join(folder, tool);
        await buildGo({ ...recipe, name, output, onProgress: (text) => step.update(text), path: options.path });
        // Tells detectOfficial() that what lies here is ours, whoever puts it on a PATH.
        await writeFile(join(folder, marker), JSON.stringify({ tool, version, origin: "built from source" }));
      },
    });
    step.done(entry.fresh ? undefined : "cached");
    return { path: join(entry.folder, tool), version };
  } catch (error) {
    step.failed("not built");
    throw error;
  }
}

/** Twelve hex digits that change with any of the sources. */
async function fingerprint(module: string): Promise<string> {
  const hash = createHash("sha256");
  const names = (await readdir(module)).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name)).sort();
  for (const name of names)
    hash
      .update(name)
      .update("\0")
      .update(await readFile(join(module, name)));
  return hash.digest("hex").slice(0, 12);
}

async function vaultVersionOf(binary: string): Promise<string> {
  const why = isExecutable(binary)
    ? await execa(binary, ["-version"], { stdin: "ignore", timeout: 10_000 }).then(
        ({ stdout }) => ({ version: stdout.match(/^Vault v(\S+)$/)?.[1] }),
        () => ({ version: undefined }),
      )
    : { version: undefined };
  if (why.version !== undefined) return why.version;
  throw new Error(
    `VAULT_BIN=${binary} is not a build of sandbox/vault (its "-version" should say "Vault v${vaultVersion}"; the ` +
      `official vault has other flags). Unset VAULT_BIN to have it built.`,
  );
}
