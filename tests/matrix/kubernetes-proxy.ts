// A proxy before an API server of the sandbox, which speaks TLS under the sandbox's own authority.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Authority } from "../../sandbox/servers/certificates.ts";
import type { Kubernetes } from "../../sandbox/servers/kubernetes.ts";
import { HttpProxy } from "./http-proxy.ts";
import type { Wire } from "./wire.ts";

/** @returns the proxy, and a kubeconfig's text that leads to it */
export async function startKubernetesProxy(
  wire: Wire,
  { client, kubeconfig }: Kubernetes,
): Promise<{ proxy: HttpProxy; config: string }> {
  const { server, ca = "", certificate: cert = "", key = "" } = client.connection;
  const authority = new Authority(join(dirname(kubeconfig), "pki"), "secret-rotation sandbox");
  const own = authority.issue("matrix-proxy", { commonName: "kube-apiserver", server: true });
  const serve = { cert: readFileSync(own.certificate, "utf8"), key: readFileSync(own.key, "utf8") };
  const port = Number(new URL(server).port);
  const upstream = { host: "127.0.0.1", port };
  const proxy = new HttpProxy(wire, "kubernetes", upstream, { serve, upstream: { ca, cert, key } });
  const config = readFileSync(kubeconfig, "utf8");
  return { proxy, config: config.replace(`127.0.0.1:${port}`, `127.0.0.1:${await proxy.start()}`) };
}
