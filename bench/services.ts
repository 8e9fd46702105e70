// A mass rotation of an estate of services, beside the vendors' limits, in one run. Each service has a stack of its own
// with 15 secrets, and each secret goes to four places: Vault, the service's repository at GitHub, a Secret in Kubernetes
// and a variable of the service's project at Vercel, which is deployed once for all of them.
//   bare    nothing but the calls that must be made, as fast as each vendor lets them through, all vendors side by side
//   stack   `rotate run`: the same writes, with clocks, checks, deployments, verification and checkpoints
//   node bootstrap.mjs bench/services.ts [secrets, default 60] [--write]
// Both go at once, so that hours need not be waited for twice: each has simulators of its own that keep the vendors'
// documented limits, and begins with all of every limit. GitHub takes 80 writes a minute and 500 an hour, Vercel 120 a
// minute: below 81 secrets no limit is felt, and 1,000 take more than an hour.
import { randomBytes, randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { githubRoot } from "../provider/vendors/names.ts";
import { startKubernetes, kubernetesPorts, type Kubernetes } from "../sandbox/servers/kubernetes.ts";
import { createWorkloads } from "../sandbox/servers/kubernetes-workloads.ts";
import { rememberedPorts } from "../sandbox/servers/ports.ts";
import { GithubSimulator, VercelSimulator, type Launch } from "../sandbox/simulators/index.ts";
import { sealBox, sodiumReady } from "../sandbox/simulators/sealed-box.ts";
import { repository } from "../sandbox/stack.ts";
import { ensureKubernetes } from "../sandbox/toolchain/kubernetes.ts";
import { call } from "./support/call.ts";
import { cli } from "./support/fleet.ts";
import { measure, memoryOf, type Measured } from "./support/measure.ts";
import { markdown, publish } from "./support/tables.ts";
import { BenchWorld } from "./support/world.ts";

const [given = "60"] = process.argv.slice(2).filter((arg) => /^\d+$/.test(arg));
const count = Number(given);
const perService = 15;
const owner = "visanet";
const namespace = "services";

interface Service {
  name: string;
  projectId: string;
  secrets: string[];
}

const services = Array.from({ length: Math.ceil(count / perService) }, (_, at): Service => {
  const number = String(at).padStart(3, "0");
  const many = Math.min(perService, count - at * perService);
  const secrets = Array.from({ length: many }, (_, each) => `SECRET_${String(each).padStart(4, "0")}`);
  return { name: `service-${number}`, projectId: `prj_service${number.padStart(17, "0")}`, secrets };
});

/** An instance that is well and does nothing. */
const launch: Launch = async () => {
  const server = createServer((_request, response) => response.end("well"));
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const gone = new Promise<number>((resolve) => server.on("close", () => resolve(0)));
  const stop = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await gone;
  };
  return { port: (server.address() as AddressInfo).port, stop, kill: () => void stop(), exited: gone };
};

/** GitHub and Vercel with an account that nobody else uses, and so with limits of its own. */
class Vendors {
  readonly tokens = { github: `ghp_${randomUUID()}`, vercel: `vcp_${randomUUID()}` };
  /** Credentials as a call bears them. */
  readonly headers = {
    github: `authorization: Bearer ${this.tokens.github}`,
    vercel: `authorization: Bearer ${this.tokens.vercel}`,
  };
  readonly github = new GithubSimulator({
    token: this.tokens.github,
    repositories: services.map(({ name }) => ({ owner, name })),
  });
  readonly vercel = new VercelSimulator({
    token: this.tokens.vercel,
    projects: services.map(({ name, projectId }) => ({ id: projectId, name, launch })),
  });

  async start(): Promise<this> {
    await Promise.all([this.github.start(), this.vercel.start()]);
    return this;
  }
  async stop(): Promise<void> {
    await Promise.all([this.github.stop(), this.vercel.stop()]);
  }
  fullLimits(): void {
    this.github.fullLimits();
    this.vercel.fullLimits();
  }
  get env(): Record<string, string> {
    return {
      GITHUB_BASE_URL: `${this.github.url}/`,
      GITHUB_OWNER: owner,
      GITHUB_TOKEN: this.tokens.github,
      VERCEL_API_URL: this.vercel.url,
      VERCEL_API_TOKEN: this.tokens.vercel,
    };
  }
}

/** Every call that must be made, each vendor's one after another. @returns seconds that each vendor took */
async function bare(world: BenchWorld, kubernetes: Kubernetes, vendors: Vendors): Promise<Record<string, number>> {
  const { headers, github, vercel } = vendors;
  const value = (): string => randomBytes(32).toString("hex");
  const ways: Record<string, (service: Service) => Promise<void>> = {
    Vault: async ({ name, secrets }) => {
      for (const secret of secrets)
        await world.vault.call("POST", `secret/data/bare/${name}/${secret}`, { data: { value: value() } });
    },
    GitHub: async ({ name, secrets }) => {
      const url = `${githubRoot(`${github.url}/`)}/repos/${owner}/${name}/actions/secrets`;
      const answer = await call(headers.github, "GET", `${url}/public-key`);
      const { key, key_id } = answer as { key: string; key_id: string };
      for (const secret of secrets)
        await call(headers.github, "PUT", `${url}/${secret}`, { encrypted_value: sealBox(value(), key), key_id });
    },
    Kubernetes: async ({ name, secrets }) => {
      for (const secret of secrets) {
        const own = `bare-${name}-${secret.toLowerCase().replaceAll("_", "-")}`;
        await kubernetes.client.call("PATCH", `/api/v1/namespaces/${namespace}/secrets/${own}`, {
          query: { fieldManager: "bare" },
          contentType: "application/apply-patch+yaml",
          body: {
            ...{ apiVersion: "v1", kind: "Secret", metadata: { name: own } },
            data: { [secret]: Buffer.from(value()).toString("base64") },
          },
        });
      }
    },
    Vercel: async ({ name, projectId, secrets }) => {
      for (const key of secrets)
        await call(headers.vercel, "POST", `${vercel.url}/v10/projects/${projectId}/env?upsert=true`, {
          ...{ key, value: value(), type: "sensitive", target: ["production"] },
        });
      await call(headers.vercel, "POST", `${vercel.url}/v13/deployments?forceNew=1`, {
        ...{ name, project: projectId, target: "production" },
        gitSource: { type: "github", org: owner, repo: name, ref: "main" },
      });
    },
  };
  const began = performance.now();
  const took: Record<string, number> = {};
  const all = Object.entries(ways).map(async ([vendor, way]) => {
    for (const service of services) await way(service);
    took[vendor] = (performance.now() - began) / 1000;
  });
  await Promise.all(all);
  return took;
}

async function makeStacks(world: BenchWorld, vendors: Vendors): Promise<void> {
  writeFileSync(join(world.dir, "stacks.txt"), `${services.map(({ name }) => name).join("\n")}\n`);
  for (const { name, projectId, secrets } of services)
    await world.stack(name, {
      ...{ "secret-rotation:applications": [name], "bench:service": name, "bench:secrets": secrets.length },
      ...{ "bench:project": projectId, "bench:url": vendors.vercel.projectUrl(projectId) },
    });
}

async function rotate(world: BenchWorld, vendors: Vendors, kubernetes: Kubernetes): Promise<Measured> {
  const [first] = services;
  const ran = await measure(process.execPath, [...cli, "run", "--full", "--stacks", join(world.dir, "stacks.txt")], {
    cwd: repository,
    env: {
      ...process.env,
      ...world.env,
      ...vendors.env,
      KUBECONFIG: kubernetes.kubeconfig,
      ...(kubernetes.context ? { ROTATION_KUBE_CONTEXT: kubernetes.context } : {}),
      PULUMI_OPTION_CWD: join(repository, "bench", "programs", "service"),
      PULUMI_OPTION_CONFIG_FILE: join(world.dir, `Pulumi.${first?.name}.yaml`),
      ...{ ROTATION_NOW: world.now, SANDBOX_NOW: world.now },
      // As long as the longest wait that a vendor asks for.
      ROTATION_PATIENCE_SECONDS: "3600",
    },
  });
  if (ran.code !== 0) throw new Error(ran.stderr.slice(-3000) || ran.stdout.slice(-3000));
  return ran;
}

await sodiumReady;
const world = await BenchWorld.start();
const [own, others] = [new Vendors(), new Vendors()];
try {
  const toolchain = await ensureKubernetes();
  const ports = await rememberedPorts(world.dir, kubernetesPorts);
  const dir = join(world.dir, "kubernetes");
  const kubernetes = await startKubernetes({ supervisor: world.supervisor, dir, toolchain, ports });
  await createWorkloads(kubernetes.client, { namespace, deployments: [] });
  await Promise.all([own.start(), others.start()]);
  await makeStacks(world, own);
  console.error(`${services.length} stacks are there`);
  // What is measured is the rotation: its first values may come without limits.
  const unlimited = setInterval(() => own.fullLimits(), 250);
  const made = await rotate(world, own, kubernetes);
  clearInterval(unlimited);
  console.error(`made in ${made.seconds.toFixed(1)} s without limits`);
  world.later(60);
  for (const vendors of [own, others]) vendors.fullLimits();
  const bareCalls = bare(world, kubernetes, others).then((took) => {
    console.error(`bare calls: ${JSON.stringify(took)}`);
    return took;
  });
  const [took, rotated] = await Promise.all([bareCalls, rotate(world, own, kubernetes)]);
  const bound = Math.max(...Object.values(took));
  const rows = [
    ...Object.entries(took)
      .sort(([, a], [, b]) => a - b)
      .map(([vendor, seconds]): [string, number] => [`bare calls to ${vendor}`, seconds]),
    ["all of them side by side", bound] as [string, number],
    ["`rotate run`, everything due", rotated.seconds] as [string, number],
  ];
  publish(
    "services",
    `${count} secrets of ${services.length} services, 4 destinations each, limits as documented:\n\n${markdown(
      ["", "seconds", "share of `rotate run`"],
      rows.map(([way, seconds]) => [way, seconds.toFixed(1), `${((100 * seconds) / rotated.seconds).toFixed(1)} %`]),
    )}\n\n\`rotate run\`: ${rotated.cpuSeconds.toFixed(0)} s of processor time, ${rotated.memoryMiB} MiB (${memoryOf(rotated)}). Made without limits in ${made.seconds.toFixed(0)} s.`,
    process.argv.includes("--write"),
  );
} finally {
  await Promise.all([own.stop(), others.stop()]);
  await world.stop();
}
