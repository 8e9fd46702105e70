// Runs a consumer as a platform expects it: listens on PORT, and on SIGTERM takes no new connections,
// finishes the requests under way, closes what it opened and exits with 0.
import type { FastifyInstance, FastifyServerOptions } from "fastify";

/** Longest time that requests under way get to finish, in milliseconds; the platforms kill after 10 to 30 s. */
const shutdownTimeoutMs = 8_000;

/**
 * Listens on 127.0.0.1 at `port` and wires the graceful shutdown.
 * What the application opened is closed by its `onClose` hooks.
 * @param port text of the PORT variable
 * @throws when PORT is no port number, or the address is in use
 */
export async function serve(app: FastifyInstance, port: string | undefined): Promise<void> {
  const number = Number(port);
  if (!port || !Number.isInteger(number) || number < 0 || number > 65_535) {
    throw new Error(`PORT is ${JSON.stringify(port)}; the platform sets it to a port number such as 10000.`);
  }
  let closing = false;
  const shutdown = (): void => {
    if (closing) return;
    closing = true;
    setTimeout(() => process.exit(1), shutdownTimeoutMs).unref();
    app.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on("SIGTERM", shutdown);
  process.on("SIGINT", shutdown);
  await app.listen({ host: "127.0.0.1", port: number });
}

/**
 * Options of every consumer's server: while closing it still answers what reaches it, so that no request is lost.
 * @param logger whether to log warnings and errors to standard output; requests, most of them polls, are not logged
 */
export function serverOptions(logger: boolean): FastifyServerOptions {
  return { logger: logger && { level: "warn" }, return503OnClosing: false, forceCloseConnections: "idle" };
}
