// IntelliFlow as its team runs it before the stack comes: a database with a login made by hand, a transit key that has
// encrypted a column, and two Deployments whose pods are real processes.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readFileSync } from "node:fs";
import pg from "pg";
import { launcher } from "./consumers/launch.ts";
import type { Kubernetes } from "./servers/kubernetes.ts";
import { createWorkloads, type WorkloadOptions } from "./servers/kubernetes-workloads.ts";
import { Kubelet, type Program } from "./servers/kubelet.ts";
import { postgresUrl, type Postgres } from "./servers/postgres.ts";
import type { Supervisor } from "./servers/process.ts";
import type { Vault } from "./servers/vault.ts";
import { waitFor } from "./servers/wait.ts";

/** Names under which ports are remembered: the public addresses of the services. */
export const intelliflowPorts = ["intelliflowApi", "intelliflowWeb"] as const;

export interface IntelliflowOptions {
  dir: string;
  supervisor: Supervisor;
  kubernetes: Kubernetes;
  postgres: Postgres;
  vault: Vault;
  ports: Record<(typeof intelliflowPorts)[number], number>;
}

export interface Intelliflow {
  /** Where pulumi finds it. */
  env: Record<string, string>;
  kubelet: Kubelet;
  stop(): Promise<void>;
}

const namespace = "intelliflow";
const [database, owner, login] = ["intelliflow", "intelliflow_owner", "intelliflow_app"];
const transitKey = "intelliflow-data";
const customers = 200;

/** Makes what is missing, and resolves when both services have a ready pod. @throws when they get none in a minute */
export async function startIntelliflow(options: IntelliflowOptions): Promise<Intelliflow> {
  const { kubernetes, postgres, vault, ports, supervisor } = options;
  const urls = { api: `http://127.0.0.1:${ports.intelliflowApi}`, web: `http://127.0.0.1:${ports.intelliflowWeb}` };
  await createWorkloads(kubernetes.client, { namespace, deployments: [] });
  await prepareVault(vault, options);
  await prepareDatabase(postgres, vault, options);
  const kubelet = new Kubelet({
    client: kubernetes.client,
    namespace,
    dir: join(options.dir, "kubernetes", "mounts"),
    // As for everything here, minutes pass in seconds.
    longestRestartMs: 1_000,
    programs: {
      api: program("api", supervisor, ports.intelliflowApi),
      web: program("web", supervisor, ports.intelliflowWeb),
    },
  });
  await kubelet.start();
  try {
    // On the nodes of a person's own cluster there is nothing that could run them.
    const offNodes = kubernetes.nodes.length === 0;
    await createWorkloads(kubernetes.client, workloads({ vaultAddress: vault.address, apiUrl: urls.api, offNodes }));
    const ready = (): boolean => ["api", "web"].every((name) => kubelet.ready(name) > 0);
    await waitFor(ready, { what: "IntelliFlow's pods to be ready", timeoutMs: 60_000 });
  } catch (error) {
    await kubelet.stop();
    throw error;
  }
  const env = {
    INTELLIFLOW_API_URL: urls.api,
    INTELLIFLOW_WEB_URL: urls.web,
    INTELLIFLOW_DATABASE_ADMIN_URL: postgres.adminUrl(database),
  };
  return { env, kubelet, stop: () => kubelet.stop() };
}

function program(name: string, supervisor: Supervisor, port: number): Program {
  const main = fileURLToPath(new URL("consumers/intelliflow/main.ts", import.meta.url));
  const consumer = { name: `intelliflow-${name}`, main, liveness: "/healthz/live", instanceVariable: "POD_INSTANCE" };
  return { launch: launcher(consumer, supervisor), readiness: "/healthz", port };
}

interface Surroundings {
  vaultAddress: string;
  apiUrl: string;
  offNodes: boolean;
}

function workloads({ vaultAddress, apiUrl, offNodes }: Surroundings): WorkloadOptions {
  const vendors = ["openai", "anthropic", "stripe"];
  return {
    namespace,
    deployments: [
      {
        name: "api",
        program: "api",
        offNodes,
        secrets: ["database", "jwt", "vault", ...vendors],
        env: { SERVICE: "api", VAULT_ADDR: vaultAddress, JWKS_FILE: "/etc/intelliflow/jwks.json" },
        configMaps: [{ name: "jwks", mountPath: "/etc/intelliflow" }],
      },
      {
        name: "web",
        program: "web",
        offNodes,
        secrets: ["database", ...vendors],
        // Here days pass in seconds.
        env: { SERVICE: "web", API_URL: apiUrl, JWKS_CACHE_SECONDS: "1" },
      },
    ],
  };
}

/** The transit key, and a token for the pods that may use it and nothing else of the rotation. */
async function prepareVault(vault: Vault, options: IntelliflowOptions): Promise<void> {
  const { data } = await vault.call<{ data: Record<string, unknown> }>("GET", "sys/mounts");
  if (!("transit/" in data)) await vault.call("POST", "sys/mounts/transit", { type: "transit" });
  // A key that is there stays as it is.
  await vault.call("POST", `transit/keys/${transitKey}`, {});
  const policy = readFileSync(new URL("../vault/policies/consumer-read.hcl", import.meta.url), "utf8");
  await vault.call("PUT", "sys/policies/acl/intelliflow-consumer", { policy });
  const { auth } = await vault.call<{ auth: { client_token: string } }>("POST", "auth/token/create-orphan", {
    policies: ["intelliflow-consumer"],
    period: "768h",
    display_name: "intelliflow",
  });
  // A new one at each start, when every pod's process starts anew too.
  await writeSecret(options.kubernetes, "vault", { VAULT_TOKEN: auth.client_token });
}

async function prepareDatabase(postgres: Postgres, vault: Vault, options: IntelliflowOptions): Promise<void> {
  const done = await postgres.query("select 1 from pg_database where datname = $1", [database], "postgres");
  if (done.length > 0) return;
  const password = `${randomBytes(15).toString("base64")}/+=`;
  const run = (sql: string, values: unknown[] = [], where = "postgres"): Promise<unknown> =>
    postgres.query(sql, values, where);
  await run(
    `do $$ begin if not exists (select from pg_roles where rolname = '${owner}') then create role ${owner} nologin; end if; end $$`,
  );
  await run(`drop role if exists ${login}`);
  await run(`create role ${login} login in role ${owner} password ${pg.escapeLiteral(password)}`);
  await run(`alter role ${login} set role = '${owner}'`);
  const draft = `${database}_new`;
  await run(`drop database if exists ${draft}`);
  await run(`create database ${draft} owner ${owner}`);
  await run(`revoke all on database ${draft} from public`);
  await run(`alter schema public owner to ${owner}`, [], draft);
  await run(
    `set role ${owner}; create table customers (id serial primary key, name text not null, card text not null)`,
    [],
    draft,
  );
  const plain = Array.from({ length: customers }, (_, index) => `card ${index + 1}`);
  const { data } = await vault.call<{ data: { batch_results: { ciphertext: string }[] } }>(
    "POST",
    `transit/encrypt/${transitKey}`,
    { batch_input: plain.map((text) => ({ plaintext: Buffer.from(text).toString("base64") })) },
  );
  await run(
    "insert into customers (name, card) select 'customer ' || n, card from unnest($1::text[]) with ordinality as x(card, n)",
    [data.batch_results.map(({ ciphertext }) => ciphertext)],
    draft,
  );
  // A token of a partner that a form of the application has put into Vault, encrypted.
  const [crm] = data.batch_results;
  await vault.call("POST", "secret/data/intelliflow/integrations", { data: { crm_token: crm?.ciphertext } });
  await writeSecret(options.kubernetes, "database", {
    DATABASE_URL: postgresUrl(login, password, postgres.port, database),
  });
  // Last: whether it is there says whether all of this was done.
  await run(`alter database ${draft} rename to ${database}`);
}

/** As with `kubectl create secret`, or `kubectl replace` when it is there. */
async function writeSecret({ client }: Kubernetes, name: string, data: Record<string, string>): Promise<void> {
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  const body = { apiVersion: "v1", kind: "Secret", metadata: { name }, data: Object.fromEntries(encoded) as object };
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  const options = { body, query: { fieldManager: "kubectl-create" }, accept: [409] };
  const { status } = await client.call("POST", path, options);
  if (status === 409) await client.call("PUT", `${path}/${name}`, { body, query: { fieldManager: "kubectl-create" } });
}
