// A scrape endpoint on this machine, which serves the report's page too. It listens on 127.0.0.1 only: who else wants
// it puts a reverse proxy with logins before it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { page } from "../report/page.ts";
import type { ReportData } from "../report/data.ts";
import type { Facts } from "./facts.ts";
import type { Reads } from "./reads.ts";
import { openMetrics, plainText, registryOf } from "./registry.ts";

export interface Served {
  facts: Facts;
  report: ReportData;
}

export interface ServeOptions {
  /** 0 takes a free one. */
  port: number;
  /** What is served; asked at every request. */
  current: () => Served;
  /** Counts reads of Vault; caught up with at every scrape. */
  reads?: Reads | undefined;
  /** Told why the audit log could not be read, once until it can be again. */
  say: (text: string) => void;
}

/** @throws what the system says of the port; resolves once it listens */
export async function serve(options: ServeOptions): Promise<{ server: Server; port: number }> {
  let silent = false;
  const catchUp = async (): Promise<void> => {
    try {
      await options.reads?.catchUp();
      silent = false;
    } catch (error) {
      // The other metrics are worth having; Prometheus sees that this one stands still.
      if (!silent) options.say(`Vault's audit log cannot be read: ${(error as Error).message}`);
      silent = true;
    }
  };
  const server = createServer((request, response) => {
    answer(request, response, options, catchUp).catch((error: unknown) => {
      options.say(`A request could not be answered: ${(error as Error).message}`);
      response.writeHead(500).end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  return { server, port: (server.address() as AddressInfo).port };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { current, reads }: ServeOptions,
  catchUp: () => Promise<void>,
): Promise<void> {
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, {
      "content-type": type,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    response.end(request.method === "HEAD" ? undefined : body);
  };
  // A page in somebody's browser must not reach this by a name of its own that points here.
  const host = (request.headers.host ?? "").replace(/:\d+$/, "");
  if (!["127.0.0.1", "localhost", "[::1]"].includes(host)) return send(403, "text/plain", "unknown host\n");
  if (request.method !== "GET" && request.method !== "HEAD") return send(405, "text/plain", "GET only\n");
  const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
  if (pathname === "/metrics") {
    await catchUp();
    const type = /application\/openmetrics-text/.test(request.headers.accept ?? "") ? openMetrics : plainText;
    return send(200, type, await registryOf(current().facts, type, reads).metrics());
  }
  if (pathname === "/") return send(200, "text/html; charset=utf-8", page(current().report));
  if (pathname === "/healthz") return send(200, "text/plain", "ok\n");
  send(404, "text/plain", "there are /, /metrics and /healthz\n");
}
