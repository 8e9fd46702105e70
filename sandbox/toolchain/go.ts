// Builds a program from a Go module, and says how far it is.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa, ExecaError } from "execa";
import { share } from "./progress.ts";
import { findOnPath } from "./path.ts";

export interface GoBuild {
  /** The folder of the go.mod; it and go.sum must be complete, since the build may not change them. */
  module: string;
  /** What to build: an import path, or `.` for the module's own main package. */
  target: string;
  /** Where the binary goes. */
  output: string;
  /** For `-ldflags`. @default "-s -w" (no debug information: half the size) */
  linkerFlags?: string;
  /** What is being built, for messages, e.g. `vault 1.19.5`. */
  name: string;
  /** Told how it goes, about once a second and package. */
  onProgress?: (text: string) => void;
  /** The folders in which `go` is looked for. @default PATH */
  path?: string;
}

/**
 * Builds and returns when the binary is there.
 * @throws Error that says what to install when Go is missing, or the last lines of Go's own output when it fails
 */
export async function buildGo(build: GoBuild): Promise<void> {
  const say = build.onProgress ?? (() => {});
  const needed = (await readFile(join(build.module, "go.mod"), "utf8")).match(/^go (\S+)$/m)?.[1] ?? "1.24";
  const go = findOnPath("go", build.path);
  const version = go && (await versionOf(go));
  if (go === undefined || version === undefined || tooOld(version)) {
    const trouble = version ? `Go ${version} (${go}) is too old` : "Go is not on PATH";
    throw new Error(
      `${trouble}, and ${build.name} cannot be downloaded here, so it has to be built from source with Go ${needed} ` +
        `or newer (1.21 and newer fetch that by themselves). Install Go from https://go.dev/dl (or: brew install go; ` +
        `apt-get install golang-go from Debian 13 or Ubuntu 24.04 on) and run this again.`,
    );
  }
  // GOWORK: a go.work in some parent folder must not join in.
  const settings = { cwd: build.module, env: { GOWORK: "off" }, stdin: "ignore", buffer: false, reject: true } as const;
  const noise: string[] = [];

  try {
    const total = await count(go, build.target, settings, noise, say);
    const started = Date.now();
    const seen = new Set<string>();
    const flags = ["-v", "-mod=readonly", "-buildvcs=false", "-ldflags", build.linkerFlags ?? "-s -w"];
    const run = execa(go, ["build", ...flags, "-o", build.output, build.target], settings);
    for await (const line of run.iterable({ from: "stderr" })) {
      // `-v` prints the import path of each package as its turn comes; packages in Go's own cache are passed over.
      if (/^[\w.~/-]+$/.test(line)) seen.add(line);
      else keep(noise, line);
      say(`building  ${share(seen.size, total, "packages", Date.now() - started)}`);
    }
    await run;
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    const why = noise.length > 0 ? noise.join("\n") : error.shortMessage;
    throw new Error(`Building ${build.name} from source failed. Go says:\n${why}`, { cause: error });
  }
}

/** E.g. `1.26.8`, or undefined when it does not answer like Go. */
async function versionOf(go: string): Promise<string | undefined> {
  const { stdout } = await execa(go, ["version"], { stdin: "ignore", reject: false, timeout: 10_000 });
  return String(stdout).match(/^go version \D*(\d+\.\d+\S*)/)?.[1];
}

/** Go before 1.21 can neither read a go.mod of today nor fetch a newer Go. */
function tooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map((part) => parseInt(part, 10));
  return major < 1 || (major === 1 && minor < 21);
}

/** How many packages the target is made of, with the standard library. Downloads the modules that are not there. */
async function count(
  go: string,
  target: string,
  settings: { cwd: string; env: Record<string, string>; stdin: "ignore"; buffer: false; reject: true },
  noise: string[],
  say: (text: string) => void,
): Promise<number> {
  let total = 0;
  let modules = 0;
  const run = execa(go, ["list", "-mod=readonly", "-deps", target], settings);
  const errors = async () => {
    for await (const line of run.iterable({ from: "stderr" })) {
      if (line.startsWith("go: downloading")) say(`downloading  ${++modules} modules so far`);
      else keep(noise, line);
    }
  };
  const packages = async () => {
    for await (const line of run.iterable({ from: "stdout" })) if (line !== "") total++;
  };
  await Promise.all([errors(), packages(), run]);
  return Math.max(total, 1);
}

/** Remembers the last lines, for the error. */
function keep(noise: string[], line: string): void {
  noise.push(line);
  if (noise.length > 15) noise.shift();
}
