// The background process that holds a sandbox: `node sandbox/daemon.ts <dir>`, started by client.ts.
// It ends on SIGTERM or when the control server is told to stop, and takes every process of the sandbox with it.
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { alreadyRunning, daemonFiles } from "./daemon-file.ts";
import type { DaemonFile, DaemonStatus } from "./daemon-file.ts";
import { Sandbox, SandboxBusy } from "./sandbox.ts";
import type { SandboxOptions } from "./sandbox.ts";
import { sameSecret } from "./consumers/visapi/tokens.ts";
import { identityOf } from "./servers/identity.ts";
import { writePrivate } from "./servers/wait.ts";
import type { KubernetesToolchain } from "./toolchain/kubernetes.ts";

const [dir] = process.argv.slice(2);
if (!dir) throw new Error("usage: node sandbox/daemon.ts <folder of the sandbox>");
mkdirSync(dir, { recursive: true, mode: 0o700 });
const files = daemonFiles(dir);
const token = randomBytes(24).toString("hex");

let state: DaemonStatus["state"] = "starting";
let sandbox: Sandbox | undefined;
const lines: string[] = [];
const log = (line: string): void => {
  lines.push(line);
  console.log(`${new Date().toISOString()} ${line}`);
};

const server = createServer((request, response) => {
  const answer = (status: number, body: object): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  if (!sameSecret(request.headers.authorization ?? "", `Bearer ${token}`)) return answer(401, { error: "wrong token" });
  const url = new URL(request.url ?? "/", "http://localhost");
  if (request.method === "POST" && url.pathname === "/stop") stop(0);
  else if (request.method === "POST" && url.pathname === "/kubernetes") addCluster(request);
  else if (url.pathname !== "/status") return answer(404, { error: "not found" });
  const status: DaemonStatus = {
    state,
    lines: lines.slice(Number(url.searchParams.get("after") ?? 0)),
    last: lines.length,
    ...(sandbox && state === "ready" ? { env: sandbox.env } : {}),
    ...(clusterFailure === undefined ? {} : { clusterFailure }),
  };
  answer(200, status);
});

let cluster: Promise<void> | undefined;
let clusterFailure: string | undefined;
/** Takes the toolchain as the body and starts the cluster with it; how it ends shows in the status. */
function addCluster(request: IncomingMessage): void {
  clusterFailure = undefined;
  cluster ??= (async () => {
    try {
      const toolchain = (await json(request)) as KubernetesToolchain;
      await starting;
      await sandbox?.addKubernetes({ toolchain });
    } catch (error) {
      clusterFailure = (error as Error).message;
      log(`kubernetes: ${clusterFailure}`);
      cluster = undefined;
    }
  })();
}

let starting: Promise<unknown> = Promise.resolve();
let stopping = false;
/** Ends everything and exits; a second call changes nothing. */
function stop(code: number): void {
  if (stopping) return;
  stopping = true;
  state = "stopping";
  void (async () => {
    await starting.catch(() => undefined);
    await sandbox?.stop().catch((error: unknown) => log(`stopping: ${(error as Error).message}`));
    leave(code);
  })();
}

function leave(code: number): never {
  // Only its own file: another daemon may have taken over.
  try {
    if ((JSON.parse(readFileSync(files.daemon, "utf8")) as DaemonFile).token === token) rmSync(files.daemon);
  } catch {
    // Not written yet, or gone.
  }
  process.exit(code);
}

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => stop(0));
process.on("uncaughtException", (error) => {
  console.error(error);
  stop(1);
});

/** Tells clients where to ask. Called once the folder is ours, so that a daemon that loses never overwrites the winner's file. */
function announce(): void {
  const file: DaemonFile = {
    pid: process.pid,
    identity: identityOf(process.pid) ?? "",
    port: (server.address() as AddressInfo).port,
    token,
  };
  writePrivate(files.daemon, JSON.stringify(file));
}

await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
rmSync(files.failure, { force: true });
const options = JSON.parse(readFileSync(files.options, "utf8")) as Pick<SandboxOptions, "toolchain" | "limitScale">;
starting = Sandbox.start({ ...options, dir, log, owned: announce });
try {
  sandbox = (await starting) as Sandbox;
  if (!stopping) state = "ready";
} catch (error) {
  if (error instanceof SandboxBusy) leave(alreadyRunning);
  console.error(error);
  writePrivate(files.failure, JSON.stringify({ pid: process.pid, error: (error as Error).message }));
  leave(1);
}
