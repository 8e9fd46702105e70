// What a kubeconfig says about reaching a cluster, as kubectl reads it: certificates, tokens, or a program that signs
// in (as EKS, GKE and AKS have it); and inside a cluster the pod's own account.
// https://kubernetes.io/docs/reference/config-api/kubeconfig.v1, .../client-authentication.v1
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import yaml from "js-yaml";

/** How to reach one cluster as one user. */
export interface Cluster {
  /** For instance `https://10.0.0.1:6443`. */
  server: string;
  ca?: string | undefined;
  /** Only where the kubeconfig asks for it. */
  insecure?: boolean;
  serverName?: string | undefined;
  /** What proves the user, fresh for each connection. */
  credentials(): Promise<Credentials>;
}

export interface Credentials {
  certificate?: string | undefined;
  key?: string | undefined;
  token?: string | undefined;
}

type Entry = Record<string, unknown>;

const account = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * @param given contents or path of a kubeconfig; left out: `~/.kube/config`, else the pod's own account
 * @param context @default the current one
 * @throws Error that says what is missing in it
 */
export function readKubeconfig(given?: string, context?: string): Cluster {
  const inline = given !== undefined && /^\s*[{]|\n/.test(given);
  const file = inline ? undefined : resolve(given ?? join(homedir(), ".kube", "config"));
  if (file?.includes(delimiter) && !existsSync(file))
    throw new Error(
      `KUBECONFIG names several files; put them into one (kubectl config view --flatten > one.yaml) and name that.`,
    );
  if (file !== undefined && !existsSync(file)) {
    const inside = given === undefined ? insideCluster() : undefined;
    if (inside) return inside;
    throw new Error(
      `There is no kubeconfig ${file}. Set KUBECONFIG to the file of your cluster, or: pulumi config set rotation:kubeconfig <file>`,
    );
  }
  const config = parse(file === undefined ? (given ?? "") : readFileSync(file, "utf8"), file ?? "rotation:kubeconfig");
  const chosen = context ?? (config["current-context"] as string | undefined);
  if (!chosen)
    throw new Error(
      `The kubeconfig has no current context. Choose one: kubectl config use-context <name>, or pulumi config set rotation:kubeContext <name>`,
    );
  const find = (list: string, key: string, name: unknown): Entry => {
    const all = Array.isArray(config[list]) ? (config[list] as Entry[]) : [];
    const found = all.find((entry) => entry["name"] === name);
    if (!found)
      throw new Error(
        `The kubeconfig has no ${key} "${String(name)}"; it has ${all.map((entry) => String(entry["name"])).join(", ") || "none"}.`,
      );
    return (found[key] ?? {}) as Entry;
  };
  const { cluster: clusterName, user: userName } = find("contexts", "context", chosen);
  const cluster = find("clusters", "cluster", clusterName);
  const user = userName === undefined ? {} : find("users", "user", userName);
  const folder = file === undefined ? process.cwd() : dirname(file);
  const server = cluster["server"];
  if (typeof server !== "string" || !server.startsWith("https://"))
    throw new Error(
      `The cluster "${String(clusterName)}" of the kubeconfig has server "${String(server)}"; only https:// is used.`,
    );
  return {
    server: server.replace(/\/$/, ""),
    ca: pem(cluster, "certificate-authority", folder),
    insecure: cluster["insecure-skip-tls-verify"] === true,
    serverName: cluster["tls-server-name"] as string | undefined,
    credentials: credentialsOf(user, folder, String(userName)),
  };
}

function parse(text: string, where: string): Entry {
  let parsed: unknown;
  try {
    parsed = yaml.load(text);
  } catch {
    // The parser quotes the text, which holds keys.
    throw new Error(`${where} is no kubeconfig: it cannot be read as YAML.`);
  }
  if (typeof parsed !== "object" || parsed === null) throw new Error(`${where} is no kubeconfig.`);
  return parsed as Entry;
}

/** What is given in place (base64), or in a file beside the kubeconfig. */
function pem(part: Entry, name: string, folder: string): string | undefined {
  const data = part[`${name}-data`];
  if (typeof data === "string" && data) return Buffer.from(data, "base64").toString();
  const file = part[name];
  return typeof file === "string" && file ? readFileSync(resolve(folder, file), "utf8") : undefined;
}

function credentialsOf(user: Entry, folder: string, name: string): () => Promise<Credentials> {
  if (user["exec"]) return fromProgram(user["exec"] as Program, folder, name);
  for (const way of ["auth-provider", "username"])
    if (user[way])
      throw new Error(
        `The user "${name}" of the kubeconfig signs in by "${way}", which Kubernetes has removed; use a certificate, a token or exec.`,
      );
  return async () => {
    const tokenFile = user["tokenFile"];
    return {
      certificate: pem(user, "client-certificate", folder),
      key: pem(user, "client-key", folder),
      token:
        typeof tokenFile === "string"
          ? readFileSync(resolve(folder, tokenFile), "utf8").trim()
          : (user["token"] as string | undefined),
    };
  };
}

interface Program {
  command: string;
  args?: string[] | null;
  env?: { name: string; value: string }[] | null;
  apiVersion?: string;
  installHint?: string;
}

/** Runs the program that signs in, and remembers its answer until it expires. */
function fromProgram(program: Program, folder: string, name: string): () => Promise<Credentials> {
  let known: { credentials: Credentials; until: number } | undefined;
  return async () => {
    if (known && Date.now() < known.until - 60_000) return known.credentials;
    const command = program.command.includes("/") ? resolve(folder, program.command) : program.command;
    const info = { apiVersion: program.apiVersion, kind: "ExecCredential", spec: { interactive: false } };
    const env = {
      ...process.env,
      ...Object.fromEntries((program.env ?? []).map((each) => [each.name, each.value])),
      KUBERNETES_EXEC_INFO: JSON.stringify(info),
    };
    // Of a failure only its code is told: output and the parser's words may hold the token.
    const answer = await promisify(execFile)(command, program.args ?? [], { env, timeout: 60_000 }).then(
      ({ stdout }) => statusIn(stdout),
      (error: { code?: string | number }) => error.code ?? "killed",
    );
    if (typeof answer !== "object") {
      const hint = program.installHint ? ` ${program.installHint.trim()}` : "";
      throw new Error(
        `The program "${program.command}", by which the user "${name}" of the kubeconfig signs in, failed (${answer}).${hint} Run it by hand to see why.`,
      );
    }
    const status = answer;
    const credentials = {
      certificate: status["clientCertificateData"],
      key: status["clientKeyData"],
      token: status["token"],
    };
    const expiry = Date.parse(status["expirationTimestamp"] ?? "");
    known = { credentials, until: Number.isNaN(expiry) ? Infinity : expiry };
    return credentials;
  };
}

function statusIn(output: string): Record<string, string> | string {
  try {
    return (JSON.parse(output) as { status?: Record<string, string> }).status ?? "its answer has no status";
  } catch {
    return "its answer is no JSON";
  }
}

function insideCluster(): Cluster | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = process.env;
  if (!host || !existsSync(`${account}/token`)) return undefined;
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ca: readFileSync(`${account}/ca.crt`, "utf8"),
    // Read each time: the kubelet renews it.
    credentials: async () => ({ token: readFileSync(`${account}/token`, "utf8").trim() }),
  };
}
