// Every version that the toolchain pins, in one place. What npm pins is in package-lock.json and is read from the
// installed packages, so that a stand-in or an official plugin always matches the SDK that the program is written with.
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository: the folder that holds package.json. */
export const repository = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/**
 * The Pulumi CLI. Built from the Go module `github.com/pulumi/pulumi/pkg/v3` of this version
 * (sandbox/toolchain/pulumi/go.mod says the same, with the checksums of everything under it), or downloaded as it is.
 */
export const pulumiVersion = "3.259.0";

/**
 * Vault's core. The newest version that compiles against a published `vault/sdk`: 1.20.4 and 1.21.4 do not
 * (measured 2026-11). sandbox/vault/go.mod says the same.
 */
export const vaultVersion = "1.19.5";

/**
 * The Kubernetes control plane, built from the Go module `k8s.io/kubernetes` with each staging module at the same
 * release (`k8s.io/api` and so on, v0.36.3). sandbox/toolchain/kubernetes/go.mod says the same.
 */
export const kubernetesVersion = "1.36.3";

/** Plays the nodes and the pods on them. sandbox/toolchain/kwok/go.mod says the same. */
export const kwokVersion = "0.8.0";

/** The S3 server, for state in a bucket. sandbox/toolchain/versitygw/go.mod says the same. */
export const versitygwVersion = "1.8.0";

/** The oldest Node that runs this project's TypeScript without flags and the current Pulumi packages. */
export const oldestNode = 24;

/** A provider of a published npm package: which plugin it needs and where the official one comes from. */
export interface Provider {
  /** The plugin's name in `pulumi-resource-<name>`. */
  name: string;
  /** The npm package whose version the plugin must match. */
  package: string;
  /** Installed version of the npm package, without a leading `v`; `undefined` when it is not installed. */
  version: string | undefined;
  /** `--server` of `pulumi plugin install` when the plugin is not Pulumi's own. */
  server: string | undefined;
}

const providers: Record<string, string> = {
  random: "@pulumi/random",
  time: "@pulumiverse/time",
  vault: "@pulumi/vault",
  github: "@pulumi/github",
  kubernetes: "@pulumi/kubernetes",
};

/**
 * The providers that the stack uses, with the versions of the installed npm packages. The version and the server are
 * read as the engine's language host reads them: `pulumi.version`, else `version`, and `pulumi.server`.
 * @param root the repository; its `node_modules` is read. Defaults to this one.
 */
export async function providerPackages(root: string = repository): Promise<Provider[]> {
  return Promise.all(
    Object.entries(providers).map(async ([name, npmPackage]) => {
      const file = join(root, "node_modules", npmPackage, "package.json");
      const text = await readFile(file, "utf8").catch(() => "{}");
      const manifest = JSON.parse(text) as { version?: string; pulumi?: { version?: string; server?: string } };
      const version = (manifest.pulumi?.version ?? manifest.version)?.replace(/^v/, "");
      return { name, package: npmPackage, version, server: manifest.pulumi?.server };
    }),
  );
}
