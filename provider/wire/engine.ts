// What a plugin has to do with the engine that started it: where it listens, what is to be shown, and whether the engine
// is still there.
import { flushCompileCache } from "node:module";
import { createConnection } from "node:net";
import grpc from "@grpc/grpc-js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import enginepb from "@pulumi/pulumi/proto/engine_pb.js";

export interface EngineLog {
  log(severity: "info" | "warn", urn: string, message: string): void;
}

/** Milliseconds after which an engine that does not answer is looked at again. */
const waitMs = 5000;

/**
 * @param address the engine's, `host:port`; without one nothing is shown
 * @param gone called once, when the engine has ended without ending this plugin. A killed engine leaves its plugins
 *   behind, and they would go on with their steps beside the next run's.
 */
export function connect(address: string | undefined, gone: () => void): EngineLog {
  if (!address) return { log: () => undefined };
  const client = new engineGrpc.EngineClient(address, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  const severities = { info: enginepb.LogSeverity.INFO, warn: enginepb.LogSeverity.WARNING };
  watch(client, address, gone);
  return {
    log: (severity, urn, message) => {
      client.log(
        new enginepb.LogRequest().setSeverity(severities[severity]).setUrn(urn).setMessage(message),
        () => undefined,
      );
    },
  };
}

/** Tells the engine where this plugin listens, which is what it waits for. */
export function listening(port: number): void {
  process.stdout.write(`${port}\n`);
  // The engine ends a plugin without asking, and Node keeps compiled code only when a process ends by itself.
  flushCompileCache();
}

/** A connection that ends and is refused from then on is an engine that ended: both are on one machine. */
function watch(client: grpc.Client, address: string, gone: () => void): void {
  client.waitForReady(Date.now() + waitMs, (error) => {
    const look = (): void => {
      void refused(address).then((ended) => (ended ? gone() : watch(client, address, gone)));
    };
    // A machine that is busy answers late; only a closed port tells that nobody is there.
    if (error) look();
    else client.getChannel().watchConnectivityState(grpc.connectivityState.READY, Infinity, look);
  });
}

function refused(address: string): Promise<boolean> {
  const { hostname: host, port } = new URL(`tcp://${address}`);
  return new Promise((resolve) => {
    const socket = createConnection({ host, port: Number(port) });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("connect", () => end(false));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code === "ECONNREFUSED"));
  });
}
