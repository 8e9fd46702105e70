// The Kubernetes API as the sandbox speaks it: HTTPS with what a kubeconfig holds, JSON, and errors in the API's words.
import { existsSync, readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { dirname, resolve } from "node:path";
import yaml from "js-yaml";

/** How to reach one cluster as one user. */
export interface Connection {
  /** For instance `https://127.0.0.1:6443`. */
  server: string;
  ca?: string;
  certificate?: string;
  key?: string;
  token?: string;
  /** The context's namespace. */
  namespace?: string;
}

/** An object of the API, as JSON. */
export type KubeObject = Record<string, unknown> & {
  apiVersion?: string;
  kind?: string;
  metadata?: Record<string, unknown>;
};

export interface Call {
  body?: object;
  /** @default application/json */
  contentType?: string;
  query?: Record<string, string>;
  /** Statuses that are returned, not thrown. */
  accept?: number[];
  /** @default 30000 */
  timeoutMs?: number;
}

/** An answer with an error status; the message is the API server's own. */
export class KubeError extends Error {
  readonly status: number;
  /** For instance `AlreadyExists`, `Conflict`, `NotFound`. */
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

/** No answer at all. */
export class Unreachable extends Error {}

export class KubeClient {
  readonly connection: Connection;
  readonly #agent: Agent;
  constructor(connection: Connection) {
    this.connection = connection;
    const { ca, certificate: cert, key } = connection;
    this.#agent = new Agent({ keepAlive: true, ca, cert, key });
  }

  /** @throws KubeError when the status is 400 or more, Unreachable when there is none */
  call(method: string, path: string, call: Call = {}): Promise<{ status: number; body: KubeObject }> {
    const { server, token } = this.connection;
    const url = new URL(server.replace(/\/$/, "") + path);
    for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    return new Promise((done, failed) => {
      const sent = request(
        url,
        {
          method,
          agent: this.#agent,
          timeout: call.timeoutMs ?? 30_000,
          headers: {
            accept: "application/json",
            ...(token ? { authorization: `Bearer ${token}` } : {}),
            ...(body
              ? // Node frames the body of a DELETE only by its length.
                { "content-type": call.contentType ?? "application/json", "content-length": Buffer.byteLength(body) }
              : {}),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", (error) =>
            failed(new Unreachable(`${method} "${url.origin}${path}": ${error.message}`)),
          );
          response.on("end", () => {
            const status = response.statusCode ?? 0;
            const answer = parse(Buffer.concat(chunks).toString());
            if (status < 400 || call.accept?.includes(status)) return done({ status, body: answer });
            const { message, reason } = answer as { message?: string; reason?: string };
            failed(new KubeError(status, reason ?? "Unknown", message ?? `the server answered ${status}`));
          });
        },
      );
      sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
      sent.on("error", (error: NodeJS.ErrnoException) =>
        failed(new Unreachable(`${method} "${url.origin}${path}": ${error.code ?? error.message}`)),
      );
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function parse(text: string): KubeObject {
  try {
    return JSON.parse(text || "{}") as KubeObject;
  } catch {
    return { message: text.slice(0, 200) };
  }
}

/**
 * Reads a kubeconfig.
 * @param given its contents or its path
 * @param context @default the current one
 * @throws when it cannot be read, or asks for a way to sign in that the sandbox does not know
 */
export function readKubeconfig(given: string, context?: string): Connection {
  const file = !given.includes("\n") && !given.trimStart().startsWith("{") ? resolve(given) : undefined;
  if (file !== undefined && !existsSync(file)) throw new Error(`there is no kubeconfig ${file}`);
  const config = yaml.load(file === undefined ? given : readFileSync(file, "utf8")) as Record<string, unknown> | null;
  const find = (list: string, name: unknown, key: string): Record<string, string> => {
    const entries = (config?.[list] ?? []) as Record<string, unknown>[];
    const found = entries.find((entry) => entry["name"] === name);
    if (!found) throw new Error(`the kubeconfig has no ${key} "${String(name)}"`);
    return (found[key] ?? {}) as Record<string, string>;
  };
  const chosen = find("contexts", context ?? config?.["current-context"], "context");
  const cluster = find("clusters", chosen["cluster"], "cluster");
  const user = find("users", chosen["user"], "user");
  for (const way of ["exec", "auth-provider", "username"])
    if (way in user)
      throw new Error(`the stand-in does not cover "${way}" in a kubeconfig; use a certificate or a token`);
  const folder = file === undefined ? process.cwd() : dirname(file);
  const pem = (part: Record<string, string>, name: string): string | undefined => {
    const data = part[`${name}-data`];
    if (data) return Buffer.from(data, "base64").toString();
    const path = part[name];
    return path ? readFileSync(resolve(folder, path), "utf8") : undefined;
  };
  return {
    server: cluster["server"] ?? "",
    ca: pem(cluster, "certificate-authority"),
    certificate: pem(user, "client-certificate"),
    key: pem(user, "client-key"),
    token:
      user["token"] ??
      (user["tokenFile"] ? readFileSync(resolve(folder, user["tokenFile"]), "utf8").trim() : undefined),
    namespace: chosen["namespace"],
  };
}
