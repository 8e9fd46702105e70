// Fetching what is official and missing, where the network lets us.
import { createWriteStream } from "node:fs";
import { lookup } from "node:dns/promises";
import { rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";
import { cached } from "./cache.ts";
import { introduce } from "./owner.ts";
import type { Progress } from "./progress.ts";
import type { Provider } from "./versions.ts";

/** Where Pulumi's releases are. */
const releases = "https://get.pulumi.com/releases/sdk";

/** The network as this run sees it. It is asked once: a closed one costs two seconds at most, and one time only. */
export interface Network {
  /** Whether the official downloads can be reached. */
  isOpen(): Promise<boolean>;
  /** Says that it let us down after all; from then on `isOpen` is false. */
  close(): void;
}

/**
 * @param server the host name and port to try. @default get.pulumi.com, 443
 * @param limit for the name and the connection together, in ms. @default 2000
 */
export function network(server = { host: "get.pulumi.com", port: 443 }, limit = 2_000): Network {
  let answer: Promise<boolean> | undefined;
  return {
    isOpen: () => (answer ??= offline() ? Promise.resolve(false) : reach(server, limit)),
    close: () => {
      answer = Promise.resolve(false);
    },
  };
}

/** `SECRET_ROTATION_OFFLINE=1` keeps us from even trying. */
function offline(): boolean {
  return (process.env["SECRET_ROTATION_OFFLINE"] ?? "0") !== "0";
}

async function reach(server: { host: string; port: number }, limit: number): Promise<boolean> {
  const deadline = AbortSignal.timeout(limit);
  const late = new Promise<false>((resolve) => deadline.addEventListener("abort", () => resolve(false)));
  const attempt = async () => {
    // A look-up cannot be called off; it is left behind when the deadline comes first.
    const { address } = await lookup(server.host);
    return new Promise<boolean>((resolve) => {
      const socket = connect({ host: address, port: server.port, signal: deadline });
      socket.unref();
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
  };
  return Promise.race([attempt().catch(() => false), late]);
}

/**
 * Downloads the official CLI with its language hosts into the cache.
 * @param version without a leading `v`
 * @param from the folder of the releases; https but for tests
 * @returns the folder that holds `pulumi` and `pulumi-language-nodejs`, or undefined when it did not work
 */
export async function downloadPulumi(
  version: string,
  net: Network,
  progress: Progress,
  options: { root?: string; from?: string } = {},
): Promise<string | undefined> {
  if (!(await net.isOpen())) return undefined;
  const step = progress.step(`pulumi ${version}`);
  const machine = `${process.platform}-${process.arch}`;
  try {
    const entry = await cached({
      root: options.root,
      tool: "pulumi-official",
      key: `${version}-${machine}`,
      onWait: (owner) => step.update(`waiting for ${introduce(owner)}`),
      build: async (folder) => {
        step.update("downloading");
        const archive = join(folder, "archive.tar.gz");
        const url = `${options.from ?? releases}/pulumi-v${version}-${machine}.tar.gz`;
        const reply = await fetch(url, { signal: AbortSignal.timeout(300_000) });
        if (!reply.ok || reply.body === null) throw new Error(`${url} answered ${reply.status}`);
        await pipeline(Readable.fromWeb(reply.body), createWriteStream(archive));
        await execa("tar", ["-xzf", archive, "-C", folder, "--strip-components=1"], { stdin: "ignore" });
        await rm(archive);
      },
    });
    step.done(entry.fresh ? "downloaded (official)" : "cached (official)");
    return entry.folder;
  } catch (error) {
    net.close();
    step.failed(`could not be downloaded: ${(error as Error).message}`);
    return undefined;
  }
}

/**
 * Lets the CLI install a plugin of the version that the npm package asks for.
 * @returns whether it did; when it did not, the network counts as closed for the rest of the run
 */
export async function downloadPlugin(
  pulumi: string,
  provider: Provider,
  home: string,
  net: Network,
  progress: Progress,
): Promise<boolean> {
  if (provider.version === undefined || !(await net.isOpen())) return false;
  const step = progress.step(`${provider.name} ${provider.version}`);
  step.update("downloading the official plugin");
  const server = provider.server === undefined ? [] : ["--server", provider.server];
  const args = ["plugin", "install", "resource", provider.name, `v${provider.version}`, ...server];
  const env = { PULUMI_SKIP_UPDATE_CHECK: "true", PULUMI_HOME: home };
  const { failed, stderr } = await execa(pulumi, args, { env, timeout: 180_000, stdin: "ignore", reject: false });
  if (failed) {
    net.close();
    step.failed(`the official plugin could not be downloaded: ${String(stderr).trim().split("\n").at(-1) ?? ""}`);
  } else {
    step.done("downloaded (official)");
  }
  return !failed;
}
