// A reverse proxy before one HTTP server: whole requests and whole answers, with faults between.
import http from "node:http";
import https from "node:https";
import type net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { killsConsumers, subject, template, type Call, type Kind } from "./calls.ts";
import { after, before, type Armed, type Wire } from "./wire.ts";

interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
  at: number;
}

const statuses: readonly Kind[] = ["429", "500", "half a body", "lost reply", "time-out"];
/** Whose reads are of one copy of the truth, and cannot be stale. */
const consistent = new Set(["vault", "visapi", "frontend", "api", "web", "kubernetes"]);
const kept = 40;

/** Where the server speaks TLS: whom callers see, and who we are to the server. All PEM. */
export interface Tls {
  serve: { cert: string; key: string };
  upstream: { ca: string; cert: string; key: string };
}

export class HttpProxy {
  readonly vendor: string;
  readonly #wire: Wire;
  readonly #upstream: { host: string; port: number };
  readonly #tls: Tls | undefined;
  readonly #server: http.Server;
  /** Answers by URL, oldest first, for stale reads. */
  readonly #past = new Map<string, Answer[]>();
  #lastWrite = 0;

  constructor(wire: Wire, vendor: string, upstream: { host: string; port: number }, tls?: Tls) {
    this.#wire = wire;
    this.vendor = vendor;
    this.#upstream = upstream;
    this.#tls = tls;
    const serve: http.RequestListener = (request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    };
    this.#server = tls ? https.createServer(tls.serve, serve) : http.createServer(serve);
    this.#server.on("connection", (socket) => {
      socket.on("error", () => undefined);
      if (wire.refuses(vendor)) socket.destroy();
    });
    // The callers keep connections; a fault ends the one that it concerns.
    this.#server.keepAliveTimeout = 2_000;
  }

  start(): Promise<number> {
    return listen(this.#server);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await whole(request);
    const { method = "GET", url = "/" } = request;
    const [remotePort, localPort] = [request.socket.remotePort ?? 0, request.socket.localPort ?? 0];
    if (this.#wire.refuses(this.vendor)) return void request.socket.destroy();
    const armed = await this.#wire.meet(this.#call(method, url, body));
    const beside = armed !== undefined && killsConsumers(armed.kind);
    if (armed && !beside && (await this.#instead(armed, request, response, { remotePort, localPort }))) return;
    if (beside) await this.#wire.beside(armed, "before");
    if (method !== "GET") this.#lastWrite = Date.now();
    const answer = await this.#forward(request, body).catch(() => undefined);
    if (!answer) return void request.socket.destroy();
    if (method !== "GET") this.#lastWrite = Date.now();
    else if (answer.status < 300) this.#past.set(url, [...(this.#past.get(url) ?? []), answer].slice(-kept));
    if (beside) await this.#wire.beside(armed, "after");
    if (!armed || beside) return send(response, answer);
    this.#wire.happened(armed);
    if (armed.kind === "half a body") return halve(request, response, answer);
    if (after(armed.kind)) await this.#wire.kill(armed.kind, { remotePort, localPort });
    request.socket.destroy();
  }

  #call(method: string, url: string, body: Buffer): Call {
    const what = `${method} ${template(url, this.vendor)}${subject(body.toString("utf8"))}`;
    const eventual = method === "GET" && !consistent.has(this.vendor);
    return { vendor: this.vendor, what, write: method !== "GET", eventual, statuses };
  }

  /** What happens in place of the call. @returns false when the server is to see it after all */
  async #instead(
    armed: Armed,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    source: { remotePort: number; localPort: number },
  ): Promise<boolean> {
    const { kind } = armed;
    const done = (): true => {
      this.#wire.happened(armed);
      return true;
    };
    if (before(kind)) {
      await this.#wire.kill(kind, source);
      request.socket.destroy();
      return done();
    }
    const date = new Date().toUTCString();
    if (kind === "429") {
      response.writeHead(429, { "content-type": "application/json", "retry-after": "1", date });
      response.end('{"error":"too many requests"}');
      return done();
    }
    if (kind === "500") {
      response.writeHead(500, { "content-type": "application/json", date });
      response.end('{"error":"internal server error"}');
      return done();
    }
    if (kind === "time-out") {
      done();
      const gone = new Promise((resolve) => request.socket.once("close", resolve));
      await Promise.race([gone, sleep(this.#wire.hangMs)]);
      request.socket.destroy();
      return true;
    }
    if (kind === "stale read") {
      const past = (this.#past.get(request.url ?? "/") ?? []).findLast(({ at }) => at < this.#lastWrite);
      // Nothing was seen here before the last write; the call goes through, and the cell was not met.
      if (past) send(response, { ...past, headers: { ...past.headers, date } });
      return past ? done() : false;
    }
    return false;
  }

  #forward(request: http.IncomingMessage, body: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { ...request.headers, connection: "close" };
      const { method, url } = request;
      const to = { ...this.#upstream, method, path: url, headers, agent: false };
      const take = (answer: http.IncomingMessage): void => {
        whole(answer).then(
          (bytes) =>
            resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: bytes, at: Date.now() }),
          reject,
        );
      };
      const upstream = this.#tls ? https.request({ ...to, ...this.#tls.upstream }, take) : http.request(to, take);
      upstream.on("error", reject);
      upstream.end(body);
    });
  }
}

function send(response: http.ServerResponse, { status, headers, body }: Answer): void {
  const rest = { ...headers };
  for (const name of ["connection", "keep-alive", "transfer-encoding", "content-length"]) delete rest[name];
  response.writeHead(status, status === 204 ? rest : { ...rest, "content-length": body.length });
  response.end(body);
}

function halve(request: http.IncomingMessage, response: http.ServerResponse, { status, headers, body }: Answer): void {
  const type = headers["content-type"];
  response.writeHead(status, { ...(type ? { "content-type": type } : {}), "content-length": Math.max(2, body.length) });
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => request.socket.destroy());
}

async function whole(stream: http.IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Listens on a free port of 127.0.0.1. @returns the port */
export async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}
