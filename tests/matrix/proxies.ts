// One proxy before each server that an environment names, whatever the variable is called: a new vendor is covered by itself.
import { join } from "node:path";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { writePrivate } from "../../sandbox/servers/wait.ts";
import { postgresDialect, redisDialect } from "./dialects.ts";
import { HttpProxy } from "./http-proxy.ts";
import { startKubernetesProxy } from "./kubernetes-proxy.ts";
import { StoreProxy } from "./store-proxy.ts";
import type { Wire } from "./wire.ts";

const labels: Record<string, string> = {
  VAULT_ADDR: "vault",
  SUPABASE_URL: "supabase",
  VISAPI_API_URL: "visapi",
  VISAPI_APP_URL: "frontend",
  INTELLIFLOW_API_URL: "api",
  INTELLIFLOW_WEB_URL: "web",
};
/** Read by tests and people alone, or the same server under another name. */
const ignored = new Set(["PULUMI_BACKEND_URL"]);

export interface Proxies {
  /** The environment with our addresses in place of the servers'. */
  env: Record<string, string>;
  stop(): Promise<void>;
}

/** @throws when a port cannot be listened on; those that do are stopped with `stop` */
export async function startProxies(
  wire: Wire,
  env: Record<string, string>,
  { dir, kubernetes }: Partial<Pick<Sandbox, "dir" | "kubernetes">> = {},
): Promise<Proxies> {
  const started = new Map<string, { vendor: string; proxy: HttpProxy | StoreProxy; port: number }>();
  const changed: Record<string, string> = { ...env };
  for (const [name, value] of Object.entries(env)) {
    const [, scheme = "", port = ""] =
      /^(https?|postgres(?:ql)?|redis):\/\/(?:[^@/]*@)?127\.0\.0\.1:(\d+)/.exec(value) ?? [];
    if (!scheme || ignored.has(name)) continue;
    if (scheme === "https") throw new Error(`${name} is reached by TLS, which these proxies do not end`);
    const known = started.get(port);
    const upstream = { host: "127.0.0.1", port: Number(port) };
    const vendor =
      labels[name] ?? (scheme.startsWith("http") ? label(name) : scheme === "redis" ? "redis" : "postgres");
    let entry = known;
    if (!entry) {
      const proxy = scheme.startsWith("http")
        ? new HttpProxy(wire, vendor, upstream)
        : new StoreProxy(wire, vendor, upstream, scheme === "redis" ? redisDialect : postgresDialect);
      entry = { vendor, proxy, port: await proxy.start() };
      started.set(port, entry);
    }
    changed[name] = value.replace(`127.0.0.1:${port}`, `127.0.0.1:${entry.port}`);
  }
  // A person's own cluster lets us in by means that a proxy does not have.
  if (dir && kubernetes?.nodes.length) {
    const { proxy, config } = await startKubernetesProxy(wire, kubernetes);
    changed["KUBECONFIG"] = join(dir, "kubeconfig.matrix");
    writePrivate(changed["KUBECONFIG"], config);
    started.set("kubernetes", { vendor: proxy.vendor, proxy, port: 0 });
  }
  const all = [...started.values()];
  return {
    env: changed,
    stop: async () => void (await Promise.all(all.map(({ proxy }) => proxy.stop()))),
  };
}

/** `RENDER_API_URL` is Render's. */
function label(variable: string): string {
  return variable
    .toLowerCase()
    .replace(/_(api_url|base_url|webhook_url|url|addr)$/, "")
    .replaceAll("_", "-");
}
