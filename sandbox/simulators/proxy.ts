import http from "node:http";

/** An instance as the proxy sees it. */
export interface Target {
  port: number;
  /** Requests under way at it. */
  inFlight: number;
}

/**
 * For how long an idle connection is kept, as load balancers do: for longer than callers keep theirs. Who sends on one that
 * is ended at that moment finds it reset; within five seconds, Node's default, that is as soon as this process is busy.
 */
const keptMs = 65_000;

/** Headers that belong to one connection and are not passed on. */
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/**
 * The public address of a service: one port that stays, instances that come and go behind it.
 *
 * Bodies stream both ways. Each request goes round-robin to the instances of the moment; one that was chosen before a
 * switch ends at the instance it began with. A request without a body that an instance did not take is tried once
 * at each of the others; one with a body is not repeated, because its body is gone.
 */
export class ServiceProxy {
  #targets: Target[] = [];
  #turn = 0;
  readonly #server: http.Server;
  readonly #agent = new http.Agent({ keepAlive: true, keepAliveMsecs: 1000, maxFreeSockets: 64 });

  constructor() {
    this.#server = http.createServer((request, response) => {
      this.#forward(request, response, this.#targets.length);
    });
    this.#server.keepAliveTimeout = keptMs;
  }

  /** Listens on 127.0.0.1 and returns the port. */
  async start(port = 0): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  /** From now on requests go to these, and to these alone. */
  switchTo(targets: Target[]): void {
    this.#targets = targets;
  }

  #forward(request: http.IncomingMessage, response: http.ServerResponse, attempts: number): void {
    const target = this.#targets[this.#turn++ % Math.max(1, this.#targets.length)];
    if (!target) {
      response.writeHead(503, { "content-type": "text/plain" }).end("no instance of this service is running\n");
      return;
    }
    const hasBody =
      request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;
    target.inFlight++;
    let open = true;
    const done = () => {
      if (open) target.inFlight--;
      open = false;
    };
    const upstream = http.request({
      host: "127.0.0.1",
      port: target.port,
      method: request.method,
      path: request.url,
      headers: forwardedHeaders(request),
      // A kept connection may be closed by the instance at any moment; a body could not be sent a second time.
      agent: hasBody ? false : this.#agent,
    });
    upstream.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, withoutHopByHop(answer.headers));
      answer.pipe(response);
      answer.on("end", done);
      answer.on("error", () => {
        done();
        response.destroy();
      });
    });
    upstream.on("error", () => {
      done();
      if (response.headersSent || response.destroyed) response.destroy();
      else if (!hasBody && attempts > 0) this.#forward(request, response, attempts - 1);
      else response.writeHead(502, { "content-type": "text/plain" }).end("the instance closed the connection\n");
    });
    response.on("close", () => {
      done();
      if (!response.writableFinished) upstream.destroy();
    });
    if (hasBody) request.pipe(upstream);
    else upstream.end();
  }
}

function forwardedHeaders(request: http.IncomingMessage): http.OutgoingHttpHeaders {
  const client = request.socket.remoteAddress ?? "127.0.0.1";
  return {
    ...withoutHopByHop(request.headers),
    "x-forwarded-for": client,
    "x-forwarded-proto": "http",
    "x-forwarded-host": request.headers.host ?? "",
  };
}

function withoutHopByHop(headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}
