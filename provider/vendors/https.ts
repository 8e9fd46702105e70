// A `fetch` that can prove itself with a client certificate and trust a private authority, which the built-in one
// cannot be told to.
import { Agent, request } from "node:https";
import type { Cluster } from "./kubeconfig.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A `fetch` for one cluster; its connections are kept open between calls. Bodies and headers must be plain. */
export function clusterFetch(cluster: Cluster): Fetch {
  let agent: { key: string; agent: Agent } | undefined;
  return async (url, init) => {
    const { certificate: cert, key, token } = await cluster.credentials();
    const identity = `${cert ?? ""}${key ?? ""}`;
    if (agent?.key !== identity) {
      agent?.agent.destroy();
      agent = {
        key: identity,
        agent: new Agent({
          keepAlive: true,
          ca: cluster.ca,
          cert,
          key,
          rejectUnauthorized: !cluster.insecure,
          servername: cluster.serverName,
        }),
      };
    }
    const headers = {
      ...(init.headers as Record<string, string>),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    };
    return send(url, { ...init, headers }, agent.agent);
  };
}

function send(url: string, init: RequestInit, agent: Agent): Promise<Response> {
  const { method = "GET", signal } = init;
  const body = typeof init.body === "string" ? init.body : undefined;
  // Node frames the body of a DELETE only by its length.
  const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      // As fetch has it: the reason of the abort, or a TypeError around the network's error.
      reject(signal?.aborted ? (signal.reason as Error) : new TypeError("fetch failed", { cause: error }));
    };
    const sent = request(
      url,
      {
        method,
        headers: { ...(init.headers as Record<string, string>), ...length },
        agent,
        ...(signal ? { signal } : {}),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", fail);
        response.on("end", () => {
          const status = response.statusCode ?? 500;
          const empty = status === 204 || status === 304;
          const headers = new Headers();
          for (const [name, value] of Object.entries(response.headers))
            if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
          resolve(new Response(empty ? null : Buffer.concat(chunks), { status, headers }));
        });
      },
    );
    sent.on("error", fail);
    sent.end(body);
  });
}
