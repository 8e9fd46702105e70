// The whole closed world in one folder: PostgreSQL, Redis, Vault, the vendors' simulators and the consumers behind them.
import { chmodSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathPrefix, pulumiEnvironment, writeEnvironmentFile } from "./environment.ts";
import { intelliflowPorts, startIntelliflow } from "./intelliflow.ts";
import type { Intelliflow } from "./intelliflow.ts";
import { sandboxSecrets } from "./secrets.ts";
import type { SandboxSecrets } from "./secrets.ts";
import { kubernetesPorts, startKubernetes } from "./servers/kubernetes.ts";
import type { Kubernetes } from "./servers/kubernetes.ts";
import { createWorkloads } from "./servers/kubernetes-workloads.ts";
import type { WorkloadOptions } from "./servers/kubernetes-workloads.ts";
import { tryLock } from "./servers/lock.ts";
import type { Lock } from "./servers/lock.ts";
import { rememberedPorts } from "./servers/ports.ts";
import { startPostgres } from "./servers/postgres.ts";
import type { Postgres } from "./servers/postgres.ts";
import { reap, Supervisor } from "./servers/process.ts";
import { startRedis } from "./servers/redis.ts";
import type { Redis } from "./servers/redis.ts";
import type { ToolchainPaths } from "./servers/toolchain-paths.ts";
import { startVault } from "./servers/vault.ts";
import { ensureAuditKey } from "./servers/vault-audit.ts";
import type { Vault } from "./servers/vault.ts";
import { stackToken } from "./servers/vault-roles.ts";
import type { KubernetesToolchain } from "./toolchain/kubernetes.ts";
import { startVendors, vendorPorts } from "./vendors.ts";
import type { Vendors } from "./vendors.ts";

/** What a sandbox needs. */
export interface SandboxOptions {
  /** Its folder; made at the first start, and everything in it is reused by the next one. */
  dir: string;
  toolchain: ToolchainPaths;
  /** Takes one line of progress at a time. @default nobody listens */
  log?: (line: string) => void;
  /** How many times faster than real the vendors' rate limits refill. @default 1 */
  limitScale?: number;
  /**
   * A Kubernetes cluster too: with `workloads` their Deployments, whose pods are only played, else IntelliFlow with its
   * database and its pods as processes. @default none, since it takes half a minute more
   */
  kubernetes?: { toolchain: KubernetesToolchain; workloads?: WorkloadOptions };
  /** Called as soon as the folder belongs to this sandbox, before anything is started. */
  owned?: () => void;
}

/** The folder belongs to another sandbox that runs. */
export class SandboxBusy extends Error {}

/** Login with which the application starts, at PostgreSQL and Redis. */
const applicationUser = "visapi_app";

/** Everything that was started, in the order in which it came up. */
interface Parts {
  lock: Lock;
  supervisor: Supervisor;
  secrets: SandboxSecrets;
  postgres: Postgres;
  redis: Redis;
  vault: Vault;
  vendors: Vendors;
  kubernetes?: Kubernetes;
  intelliflow?: Intelliflow;
}

/** A running sandbox. Only one at a time has a folder. */
export class Sandbox {
  readonly dir: string;
  /** What pulumi gets: endpoints, tokens, ids, backend, passphrase, PATH. Holds secrets. */
  readonly env: Record<string, string>;
  readonly postgres: Postgres;
  readonly redis: Redis;
  readonly vault: Vault;
  /** The vendors: their state, faults, journals and the common log of effects. */
  readonly simulators: Vendors["simulators"];
  /** Keeps the processes; for tests that start something of their own. */
  readonly supervisor: Supervisor;
  /** Made up at the first start: tokens, passwords, the administrator's API key. */
  readonly secrets: SandboxSecrets;
  readonly #parts: Parts;
  readonly #options: SandboxOptions;
  #stopped: Promise<void> | undefined;

  private constructor(dir: string, env: Record<string, string>, parts: Parts, options: SandboxOptions) {
    this.dir = dir;
    this.env = env;
    this.postgres = parts.postgres;
    this.redis = parts.redis;
    this.vault = parts.vault;
    this.simulators = parts.vendors.simulators;
    this.#options = options;
    this.supervisor = parts.supervisor;
    this.secrets = parts.secrets;
    this.#parts = parts;
  }

  /**
   * Starts everything and resolves when it serves. What an earlier sandbox of this folder left running is ended first.
   * @throws SandboxBusy when another one runs in this folder; Error when something does not start (nothing stays behind)
   */
  static async start(options: SandboxOptions): Promise<Sandbox> {
    const dir = resolve(options.dir);
    const log = options.log ?? (() => undefined);
    mkdirSync(join(dir, "state"), { recursive: true, mode: 0o700 });
    chmodSync(dir, 0o700);
    const lock = tryLock(join(dir, "lock"));
    if (!lock)
      throw new SandboxBusy(`The sandbox in ${dir} is already running. Stop it with: npm run stop -- --dir ${dir}`);
    const parts: Partial<Parts> & { lock: Lock } = { lock };
    try {
      options.owned?.();
      await reap(dir);
      const env = await bringUp(dir, options, parts, log);
      return new Sandbox(dir, env, parts as Parts, options);
    } catch (error) {
      await takeDown(parts);
      throw error;
    }
  }

  /** The cluster, where one was asked for. */
  get kubernetes(): Kubernetes | undefined {
    return this.#parts.kubernetes;
  }

  /**
   * Adds a cluster to a sandbox that runs, and to its `env`; nothing when it has one.
   * @throws when it does not start; the rest of the sandbox goes on
   */
  async addKubernetes(options: NonNullable<SandboxOptions["kubernetes"]>): Promise<void> {
    if (this.kubernetes) return;
    const { toolchain, log = () => undefined } = this.#options;
    await bringUpKubernetes(this.dir, options, this.#parts, timer(log));
    if (!options.workloads) await bringUpIntelliflow(this.dir, this.#parts, timer(log));
    Object.assign(this.env, kubernetesEnvironment(this.#parts));
    writeEnvironmentFile(this.dir, this.env, pathPrefix(toolchain));
  }

  /** Ends everything and resolves when no process is left. The data stays. Any number of calls. */
  stop(): Promise<void> {
    return (this.#stopped ??= takeDown(this.#parts));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

async function bringUp(
  dir: string,
  options: SandboxOptions,
  parts: Partial<Parts>,
  log: (line: string) => void,
): Promise<Record<string, string>> {
  const { toolchain } = options;
  const ports = await rememberedPorts(dir, ["postgres", "redis", "vault", ...vendorPorts]);
  const secrets = (parts.secrets = sandboxSecrets(dir));
  const supervisor = (parts.supervisor = new Supervisor(dir));
  const timed = timer(log);

  const starts = [
    timed(
      "postgresql",
      `127.0.0.1:${ports.postgres}`,
      startPostgres({
        supervisor,
        dir: join(dir, "postgres"),
        bin: toolchain.postgresBin,
        port: ports.postgres,
        superuserPassword: secrets.postgresSuperuser,
        application: { user: applicationUser, password: secrets.postgresApplication },
      }),
    ).then((postgres) => (parts.postgres = postgres)),
    timed(
      "redis",
      `127.0.0.1:${ports.redis}`,
      startRedis({
        supervisor,
        dir: join(dir, "redis"),
        binary: toolchain.redisServer,
        port: ports.redis,
        adminPassword: secrets.redisAdmin,
        application: { user: applicationUser, password: secrets.redisApplication },
      }),
    ).then((redis) => (parts.redis = redis)),
    timed(
      "vault",
      `http://127.0.0.1:${ports.vault}`,
      startVault({
        supervisor,
        dir: join(dir, "vault"),
        binary: toolchain.vault,
        port: ports.vault,
        keysFile: join(dir, "vault-keys.json"),
      }),
    ).then(async (vault) => {
      parts.vault = vault;
      await ensureAuditKey((method, path, body) => vault.call(method, path, body));
    }),
    ...(options.kubernetes ? [bringUpKubernetes(dir, options.kubernetes, parts as Parts, timed)] : []),
  ];
  // All of them end before an error goes on, so that nothing is started behind the back of the clean-up.
  const failed = (await Promise.allSettled(starts)).find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  const { postgres, redis, vault } = parts as Parts;

  const vendors = await timed(
    "vendors",
    "GitHub, Render with the API, Vercel with the front end",
    startVendors({
      dir: join(dir, "vendors"),
      supervisor,
      ports,
      secrets,
      databaseUrl: postgres.applicationUrl,
      redisUrl: redis.applicationUrl,
      redisAdminUrl: redis.adminUrl,
      limitScale: options.limitScale,
    }),
  );
  parts.vendors = vendors;
  if (options.kubernetes && !options.kubernetes.workloads) await bringUpIntelliflow(dir, parts as Parts, timed);
  const env = {
    VAULT_ADDR: vault.address,
    VAULT_TOKEN: await stackToken(vault),
    ROTATION_FINGERPRINT_KEY: secrets.fingerprintKey,
    VISAPI_DATABASE_ADMIN_URL: postgres.adminUrl(),
    VISAPI_REDIS_ADMIN_URL: redis.adminUrl,
    ...vendors.env,
    ...pulumiEnvironment(dir, toolchain, secrets.pulumiPassphrase),
    ...kubernetesEnvironment(parts),
  };
  writeEnvironmentFile(dir, env, pathPrefix(toolchain));
  return env;
}

type Timed = <T>(name: string, what: string, work: Promise<T>) => Promise<T>;

/** Logs one line for each part that is up, with what it took. */
function timer(log: (line: string) => void): Timed {
  return async (name, what, work) => {
    const began = performance.now();
    const result = await work;
    log(`✓ ${name.padEnd(14)} ${what}, ${((performance.now() - began) / 1000).toFixed(1)} s`);
    return result;
  };
}

async function bringUpKubernetes(
  dir: string,
  { toolchain, workloads }: NonNullable<SandboxOptions["kubernetes"]>,
  parts: Parts,
  timed: Timed,
): Promise<void> {
  const ports = await rememberedPorts(dir, kubernetesPorts);
  const start = startKubernetes({ supervisor: parts.supervisor, dir: join(dir, "kubernetes"), toolchain, ports });
  const what = "existing" in toolchain ? "the cluster of your kubeconfig" : `https://127.0.0.1:${ports.kubernetes}`;
  parts.kubernetes = await timed("kubernetes", what, start);
  if (workloads) await createWorkloads(parts.kubernetes.client, workloads);
}

async function bringUpIntelliflow(dir: string, parts: Parts, timed: Timed): Promise<void> {
  const { kubernetes, supervisor, postgres, vault } = parts;
  if (!kubernetes) return;
  const ports = await rememberedPorts(dir, intelliflowPorts);
  const start = startIntelliflow({ dir, supervisor, kubernetes, postgres, vault, ports });
  parts.intelliflow = await timed("intelliflow", "API and web, two pods each", start);
}

/** How pulumi and kubectl reach the cluster, and pulumi what runs in it. */
function kubernetesEnvironment({ kubernetes, intelliflow }: Partial<Parts>): Record<string, string> {
  if (!kubernetes) return {};
  const { kubeconfig, context } = kubernetes;
  return { KUBECONFIG: kubeconfig, ...(context ? { ROTATION_KUBE_CONTEXT: context } : {}), ...intelliflow?.env };
}

/** Ends what is up: first the consumers and vendors, then their servers, last the claim on the folder. */
async function takeDown(parts: Partial<Parts>): Promise<void> {
  try {
    await Promise.all([parts.vendors?.stop(), parts.intelliflow?.stop()]);
  } finally {
    try {
      await parts.supervisor?.stop();
    } finally {
      parts.lock?.release();
    }
  }
}
