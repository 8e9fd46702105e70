// As much of Vault as the vault plugin's suite needs, for machines without the real one. It keeps tokens, mounts and
// KV v2 versions, and answers in Vault's shapes. With CONTRACT_VAULT_ADDR and CONTRACT_VAULT_TOKEN the suite takes a
// real Vault instead, which is how this file is kept honest.
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface VaultUnderTest {
  address: string;
  token: string;
  /** One call with the root token. */
  call(method: string, path: string, body?: object): Promise<{ status: number; body: Body }>;
  stop(): Promise<void>;
}

type Body = Record<string, unknown>;
interface Version {
  data: unknown;
  created_time: string;
  deletion_time: string;
}
interface Secret {
  versions: Version[];
  settings: Body;
}

/** Declares a test that would put a real Vault, which others may use, out of service. */
export function itOfFakeVault(what: string, test: () => Promise<void>): void {
  if (!process.env["CONTRACT_VAULT_ADDR"]) it(what, test);
}

export async function vaultUnderTest(): Promise<VaultUnderTest> {
  const address = process.env["CONTRACT_VAULT_ADDR"];
  const token = process.env["CONTRACT_VAULT_TOKEN"] ?? "root-token-of-the-fake";
  const fake = address ? undefined : await startFake(token);
  const base = address ?? `http://127.0.0.1:${(fake?.address() as AddressInfo).port}`;
  return {
    address: base,
    token,
    call: async (method, path, body) => {
      const response = await fetch(`${base}/v1/${path}`, {
        method,
        headers: { "x-vault-token": token },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      const text = await response.text();
      return { status: response.status, body: JSON.parse(text || "{}") as Body };
    },
    stop: async () => {
      fake?.closeAllConnections();
      fake?.close();
    },
  };
}

async function startFake(root: string): Promise<Server> {
  const vault = new Fake(root);
  const server = createServer((request, response) => {
    void body(request).then((given) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://fake");
      // Vault takes a GET with this for its own verb, which not every client can send.
      const method = searchParams.has("list") ? "LIST" : (request.method ?? "");
      const path = decodeURIComponent(pathname.replace("/v1/", ""));
      const answer = vault.answer(String(request.headers["x-vault-token"]), method, path, given);
      response.writeHead(answer.status, { "content-type": "application/json" });
      response.end(answer.status === 204 ? undefined : JSON.stringify(answer.body ?? {}));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

async function body(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString() || "{}") as Body;
}

interface Reply {
  status: number;
  body?: Body;
}
const refuse = (status: number, ...errors: string[]): Reply => ({ status, body: { errors } });

class Fake {
  readonly #tokens: Map<string, Body>;
  readonly #mounts = new Map<string, Body>();
  readonly #secrets = new Map<string, Secret>();
  #sealed = false;

  constructor(root: string) {
    this.#tokens = new Map([[root, { display_name: "root", policies: ["root"], meta: null }]]);
  }

  answer(token: string, method: string, path: string, given: Body): Reply {
    if (path === "sys/seal" || path === "sys/unseal") {
      this.#sealed = path === "sys/seal";
      return { status: 204 };
    }
    if (this.#sealed) return refuse(503, "Vault is sealed");
    const known = this.#tokens.get(token);
    if (!known) return refuse(403, "permission denied", "invalid token");
    if (path === "auth/token/lookup-self") return { status: 200, body: { data: known } };
    if (path === "auth/token/create") {
      const child = `child-${this.#tokens.size}`;
      this.#tokens.set(child, {
        ...given,
        policies: ["root"],
        display_name: `token-${String(given["display_name"])}`,
        creation_ttl: Number.parseInt(String(given["ttl"]), 10),
        explicit_max_ttl: Number.parseInt(String(given["explicit_max_ttl"]), 10),
      });
      return { status: 200, body: { auth: { client_token: child, policies: ["root"] } } };
    }
    const accessors = new Map([...this.#tokens.values()].map((about, index) => [`accessor-${index}`, about]));
    if (method === "LIST" && path === "auth/token/accessors")
      return { status: 200, body: { data: { keys: [...accessors.keys()] } } };
    if (path === "auth/token/lookup-accessor")
      return { status: 200, body: { data: accessors.get(String(given["accessor"])) } };
    if (path.startsWith("sys/mounts/")) return this.#mount(method, path.slice("sys/mounts/".length), given);
    const [, mount = "", kind = "", name = ""] = /^(.+?)\/(data|metadata)\/(.+)$/.exec(path) ?? [];
    if (!this.#mounts.has(mount)) return refuse(404, `no handler for route "${path}". route entry not found.`);
    return kind === "data"
      ? this.#data(method, `${mount}/${name}`, given)
      : this.#metadata(method, `${mount}/${name}`, given);
  }

  #mount(method: string, path: string, given: Body): Reply {
    const mount = path.replace(/\/tune$/, "");
    const existing = this.#mounts.get(mount);
    const settings = (given["config"] ?? given) as Body;
    const seconds = (key: string, old: unknown): unknown =>
      settings[key] === undefined ? old : Number.parseInt(settings[key] as string, 10) || 2_764_800;
    if (method === "DELETE") this.#mounts.delete(mount);
    else if (method === "POST" && path === mount && existing) return refuse(400, `path is already in use at ${mount}/`);
    else if (method === "POST") {
      const old = (existing?.["config"] ?? {}) as Body;
      const alias = given["type"] === "kv-v2" ? { type: "kv", options: { version: "2" } } : {};
      this.#mounts.set(mount, {
        description: "",
        accessor: "kv_12345678",
        ...existing,
        ...given,
        ...alias,
        config: {
          default_lease_ttl: seconds("default_lease_ttl", old["default_lease_ttl"]),
          max_lease_ttl: seconds("max_lease_ttl", old["max_lease_ttl"]),
        },
      });
    } else if (!existing) return refuse(400, `No secret engine mount at ${mount}/`);
    else return { status: 200, body: { data: existing } };
    return { status: 204 };
  }

  #data(method: string, path: string, given: Body): Reply {
    const secret = this.#secrets.get(path) ?? { versions: [], settings: {} };
    const latest = secret.versions.at(-1);
    if (method === "DELETE") {
      if (latest) latest.deletion_time = new Date().toISOString();
      return { status: 204 };
    }
    if (method === "GET") {
      if (!latest) return refuse(404);
      const gone = latest.deletion_time !== "";
      return {
        status: gone ? 404 : 200,
        body: { data: { data: gone ? null : latest.data, metadata: version(secret) } },
      };
    }
    const cas = (given["options"] as Body | undefined)?.["cas"];
    if (cas === undefined && secret.settings["cas_required"] === true)
      return refuse(400, "check-and-set parameter required for this call");
    if (cas !== undefined && Number(cas) !== secret.versions.length)
      return refuse(400, "check-and-set parameter did not match the current version");
    secret.versions.push({ data: given["data"], created_time: new Date().toISOString(), deletion_time: "" });
    this.#secrets.set(path, secret);
    return { status: 200, body: { data: version(secret) } };
  }

  #metadata(method: string, path: string, given: Body): Reply {
    const secret = this.#secrets.get(path);
    if (method === "DELETE") this.#secrets.delete(path);
    else if (!secret) return refuse(404);
    else if (method === "GET") {
      const after = Number(secret.settings["delete_version_after"] ?? 0);
      const duration = after ? `${Math.floor(after / 3600)}h${Math.floor((after % 3600) / 60)}m${after % 60}s` : "0s";
      const defaults = { max_versions: 0, cas_required: false, custom_metadata: null };
      return { status: 200, body: { data: { ...defaults, ...secret.settings, delete_version_after: duration } } };
    } else Object.assign(secret.settings, given);
    return { status: 204 };
  }
}

function version(secret: Secret): Body {
  const latest = secret.versions.at(-1);
  return {
    version: secret.versions.length,
    created_time: latest?.created_time,
    deletion_time: latest?.deletion_time,
    destroyed: false,
    custom_metadata: secret.settings["custom_metadata"] ?? null,
  };
}
