// As much of the Kubernetes API as the kubernetes plugin's suite needs, for machines without a cluster: Namespaces,
// Secrets and ConfigMaps with resource versions, dry runs and server-side apply by field manager. With
// CONTRACT_KUBECONFIG the suite takes a real cluster instead, which is how this file is kept honest.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeClient, readKubeconfig, type KubeObject } from "../../sandbox/plugins/kubernetes/client.ts";
import type { ManagedField } from "../../sandbox/plugins/kubernetes/managers.ts";
import { Authority } from "../../sandbox/servers/certificates.ts";

export interface ClusterUnderTest {
  /** Path of a kubeconfig. */
  kubeconfig: string;
  client: KubeClient;
  stop(): Promise<void>;
}

export async function clusterUnderTest(): Promise<ClusterUnderTest> {
  const given = process.env["CONTRACT_KUBECONFIG"];
  if (given) return { kubeconfig: given, client: new KubeClient(readKubeconfig(given)), stop: async () => undefined };
  const dir = mkdtempSync(join(tmpdir(), "fake-kubernetes-"));
  const authority = new Authority(dir, "fake");
  const serving = authority.issue("server", { commonName: "kube-apiserver", server: true });
  const user = authority.issue("user", { commonName: "tester" });
  const fake = new Fake();
  const server = createServer(
    {
      cert: readFileSync(serving.certificate),
      key: readFileSync(serving.key),
      ca: readFileSync(authority.file),
      requestCert: true,
    },
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const url = new URL(request.url ?? "/", "https://localhost");
        const given = JSON.parse(Buffer.concat(chunks).toString() || "null") as unknown;
        const type = request.headers["content-type"] ?? "";
        const [status, body] = fake.answer(request.method ?? "", url, type, given);
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const kubeconfig = join(dir, "kubeconfig");
  const entry = {
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    "certificate-authority": authority.file,
  };
  const config = {
    "current-context": "fake",
    clusters: [{ name: "fake", cluster: entry }],
    users: [{ name: "tester", user: { "client-certificate": user.certificate, "client-key": user.key } }],
    contexts: [{ name: "fake", context: { cluster: "fake", user: "tester" } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  return {
    kubeconfig,
    client: new KubeClient(readKubeconfig(kubeconfig)),
    stop: async () => {
      close(server);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function close(server: Server): void {
  server.closeAllConnections();
  server.close();
}

type Answer = [number, object];
type Stored = KubeObject & { metadata: Record<string, unknown> & { managedFields: ManagedField[] } };

const refuse = (code: number, reason: string, message: string): Answer => [
  code,
  { kind: "Status", status: "Failure", message, reason, code },
];

class Fake {
  readonly #objects = new Map<string, Stored>([["/api/v1/namespaces/default", stored("v1", "Namespace", "default")]]);
  #version = 1;

  answer(method: string, url: URL, type: string, body: unknown): Answer {
    const path = url.pathname;
    const [, namespace, plural = "namespaces", name] =
      /^\/api\/v1\/namespaces(?:\/([^/]+)(?:\/([^/]+)(?:\/([^/]+))?)?)?$/.exec(path) ?? [];
    const missing = (kind: string, which: string): Answer => refuse(404, "NotFound", `${kind} "${which}" not found`);
    if (
      namespace &&
      plural !== "namespaces" &&
      !this.#objects.has(`/api/v1/namespaces/${namespace}`) &&
      method !== "GET"
    )
      return missing("namespaces", namespace);
    const query = url.searchParams;
    const dry = query.has("dryRun");
    const manager = query.get("fieldManager") ?? "unknown";
    const found = this.#objects.get(path);
    const subject = name ?? namespace ?? "";
    if (method === "POST") {
      const object = body as KubeObject;
      const made = String(object.metadata?.["name"]);
      const place = `${path}/${made}`;
      if (this.#objects.has(place)) return refuse(409, "AlreadyExists", `${plural} "${made}" already exists`);
      return [201, this.#keep(place, merged(undefined, object, manager, "Update"), dry)];
    }
    if (method === "PATCH" && type.startsWith("application/apply-patch")) {
      const object = body as KubeObject;
      const theirs = found && conflicts(found, object, manager);
      if (theirs?.length && query.get("force") !== "true")
        return refuse(
          409,
          "Conflict",
          `Apply failed with ${theirs.length} conflict: conflict with ${theirs.join(", ")}`,
        );
      if (found?.["immutable"] === true && JSON.stringify(found["data"]) !== JSON.stringify(object["data"]))
        return refuse(
          422,
          "Invalid",
          `${plural} "${subject}" is invalid: data: Forbidden: field is immutable when \`immutable\` is set`,
        );
      const next = merged(found, object, manager, "Apply");
      if (found && sameContent(found, next)) return [200, found];
      return [found ? 200 : 201, this.#keep(path, next, dry)];
    }
    if (!found) return missing(plural, subject);
    if (method === "PATCH") {
      const [fields] = body as { value: ManagedField[] }[];
      return [
        200,
        this.#keep(path, { ...found, metadata: { ...found.metadata, managedFields: fields?.value ?? [] } }, dry),
      ];
    }
    if (method === "DELETE") {
      if (path === "/api/v1/namespaces/default")
        return refuse(403, "Forbidden", `namespaces "default" is forbidden: this namespace may not be deleted`);
      this.#objects.delete(path);
    }
    return [200, found];
  }

  #keep(path: string, object: Stored, dry: boolean): Stored {
    const before = this.#objects.get(path)?.metadata["uid"];
    object.metadata = {
      ...object.metadata,
      resourceVersion: `${++this.#version}`,
      uid: before ?? `uid-${this.#version}`,
    };
    if (!dry) this.#objects.set(path, object);
    return object;
  }
}

function stored(apiVersion: string, kind: string, name: string): Stored {
  return { apiVersion, kind, metadata: { name, uid: "uid-0", resourceVersion: "1", managedFields: [] } };
}

/** The keys of `data` that the object sets. */
function keysOf(object: KubeObject): string[] {
  return Object.keys(object["data"] ?? {});
}

const ownedKeys = (field: ManagedField): string[] =>
  Object.keys(field.fieldsV1?.["f:data"] ?? {}).map((key) => key.slice(2));

function conflicts(found: Stored, object: KubeObject, manager: string): string[] {
  const [old, news] = [found["data"] ?? {}, object["data"] ?? {}] as Record<string, string>[];
  return found.metadata.managedFields
    .filter((field) => !(field.manager === manager && field.operation === "Apply"))
    .filter((field) => ownedKeys(field).some((key) => news?.[key] !== undefined && old?.[key] !== news[key]))
    .map((field) => `"${field.manager}"`);
}

function merged(found: Stored | undefined, object: KubeObject, manager: string, operation: "Apply" | "Update"): Stored {
  const mine = found?.metadata.managedFields.find(
    (field) => field.manager === manager && field.operation === operation,
  );
  const others = (found?.metadata.managedFields ?? []).filter((field) => field !== mine);
  const data = { ...((found?.["data"] ?? {}) as Record<string, string>) };
  // What this manager no longer sets goes, unless somebody else has set it too.
  for (const key of mine ? ownedKeys(mine) : [])
    if (!keysOf(object).includes(key) && !others.some((field) => ownedKeys(field).includes(key))) delete data[key];
  Object.assign(data, object["data"]);
  const fields = Object.fromEntries(keysOf(object).map((key) => [`f:${key}`, {}]));
  const entry: ManagedField = {
    ...{ manager, operation, apiVersion: "v1", time: new Date().toISOString().replace(/\.\d+Z/, "Z") },
    ...{ fieldsType: "FieldsV1", fieldsV1: { "f:data": fields } },
  };
  const kept = others.map((field) => ({
    ...field,
    fieldsV1: {
      "f:data": Object.fromEntries(
        ownedKeys(field)
          .filter((key) => !keysOf(object).includes(key))
          .map((key) => [`f:${key}`, {}]),
      ),
    },
  }));
  const metadata = { ...found?.metadata, ...object.metadata };
  const whole = keysOf(object).length || found?.["data"] ? { data } : {};
  const type = object.kind === "Secret" ? { type: object["type"] ?? found?.["type"] ?? "Opaque" } : {};
  return {
    ...(found ?? {}),
    ...object,
    ...type,
    ...whole,
    metadata: { creationTimestamp: "2027-01-01T00:00:00Z", ...metadata, managedFields: [...kept, entry] },
  };
}

function sameContent(a: Stored, b: Stored): boolean {
  const own = ["managedFields", "resourceVersion", "uid"];
  const content = ({ metadata, ...rest }: Stored): string => {
    const plain = Object.entries(metadata).filter(([key]) => !own.includes(key));
    return JSON.stringify([sorted(rest), sorted(Object.fromEntries(plain))]);
  };
  const managers = (object: Stored): string => object.metadata.managedFields.map((f) => f.manager + f.operation).join();
  return content(a) === content(b) && managers(a) === managers(b);
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
