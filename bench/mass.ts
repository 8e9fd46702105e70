// A mass rotation of secrets that go to four places, beside the vendors' limits and beside what people do by hand, in
// one run against the same simulators with their documented limits:
//   bare     nothing but the calls that must be made, as fast as each vendor lets them through, all vendors side by side
//   polite   the same from as many processes as there are processors, each of which leaves the second between two writes
//            that GitHub asks for in its best practices, as the GitHub provider does (`write_delay_ms`)
//   stack    `rotate run`: the same writes, with clocks, checks, restarts, verification and checkpoints
//   by hand  bench/by-hand.sh for one secret after another, and eight at a time with xargs -P
//   node bootstrap.mjs bench/mass.ts [secrets, default 12] [limits how many times faster than real, default 1] [--write]
//   node bootstrap.mjs bench/mass.ts 90 --spread
// From 31 secrets on Render's limit of 30 writes a minute counts, from 81 on GitHub's of 80. All of the secrets restart one
// service, so that they are one stack. With --spread they go to Vault, a repository and two of its environments, restart
// nothing and are run in parts of 15, as services of a larger application are; nobody does that by hand there. GitHub
// keeps 100 secrets of a repository at most, and takes 500 writes an hour. Each way begins with all of every limit.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { githubRoot } from "../provider/vendors/names.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import { sealBox, sodiumReady } from "../sandbox/simulators/sealed-box.ts";
import { repository } from "../sandbox/stack.ts";
import { ensureToolchain } from "../sandbox/toolchain/toolchain.ts";
import { measure, type Measured } from "./support/measure.ts";
import { markdown, publish } from "./support/tables.ts";

const numbers = process.argv.slice(2).filter((arg) => /^\d+$/.test(arg));
const [count = 12, limitScale = 1] = numbers.map(Number);
const spread = process.argv.includes("--spread");
const parts = spread ? Math.ceil(count / 15) : 1;
const program = join(repository, "bench", "programs", "many");
const dir = mkdtempSync(join(tmpdir(), "bench-mass-"));
await sodiumReady;
const sandbox = await Sandbox.start({ dir, toolchain: await ensureToolchain(), limitScale });
// The rights of the sandbox's own stack end at its applications' folders in Vault.
const env: Record<string, string> = { ...sandbox.env, VAULT_TOKEN: sandbox.vault.rootToken };
for (const name of ["PULUMI_STACK", "PULUMI_OPTION_CONFIG_FILE", "PULUMI_OPTION_POLICY_PACK", "SLACK_WEBHOOK_URL"])
  delete env[name];
const names = Array.from({ length: count }, (_, at) => `SECRET_${String(at).padStart(4, "0")}`);
const of = (name: string): string => env[name] ?? "";
const headers: Record<string, string> = {
  vault: `x-vault-token: ${of("VAULT_TOKEN")}`,
  github: `authorization: Bearer ${of("GITHUB_TOKEN")}`,
  render: `authorization: Bearer ${of("RENDER_API_KEY")}`,
  vercel: `authorization: Bearer ${of("VERCEL_API_TOKEN")}`,
};

/** One call, asked again for as long as its vendor says that a limit was reached. */
async function call(vendor: string, method: string, url: string, body?: object): Promise<unknown> {
  const [name = "", value = ""] = (headers[vendor] ?? "").split(": ");
  for (;;) {
    const response = await fetch(url, {
      method,
      headers: { [name]: value, ...(body ? { "content-type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (response.ok) return text === "" ? undefined : JSON.parse(text);
    if (response.status !== 429 && response.status !== 403) throw new Error(`${vendor} answered ${response.status}`);
    await sleep(1000 * Number(response.headers.get("retry-after") ?? 1));
  }
}

const githubUrl = githubRoot(of("GITHUB_BASE_URL"));
const repositoryUrl = `${githubUrl}/repos/${of("GITHUB_OWNER")}/visapi`;
if (spread) await call("github", "PUT", `${repositoryUrl}/environments/staging`, {});
/** Where GitHub keeps each secret, and the key to seal it with. */
const githubPlaces = await Promise.all(
  ["actions", ...(spread ? ["environments/production", "environments/staging"] : [])].map(async (place) => {
    const url = `${repositoryUrl}/${place}/secrets`;
    const { key, key_id: keyId } = (await call("github", "GET", `${url}/public-key`)) as {
      key: string;
      key_id: string;
    };
    return { url, key, keyId };
  }),
);

/**
 * @param lanes how many secrets go to one vendor at a time
 * @param betweenMs what each lane leaves between two writes to GitHub
 */
async function bare(lanes = 1, betweenMs = 0): Promise<void> {
  const value = (): string => randomBytes(32).toString("hex");
  const writes: Record<string, (name: string) => Promise<unknown>> = {
    vault: (name) =>
      call("vault", "POST", `${of("VAULT_ADDR")}/v1/secret/data/bare/${name}`, { data: { value: value() } }),
    github: async (name) => {
      const plain = value();
      for (const { url, key, keyId } of githubPlaces) {
        await call("github", "PUT", `${url}/${name}`, { encrypted_value: sealBox(plain, key), key_id: keyId });
        await sleep(betweenMs);
      }
    },
  };
  const services: typeof writes = {
    render: (name) =>
      call("render", "PUT", `${of("RENDER_API_URL")}/services/${of("RENDER_SERVICE_ID")}/env-vars/${name}`, {
        value: value(),
      }),
    vercel: (name) =>
      call("vercel", "POST", `${of("VERCEL_API_URL")}/v10/projects/${of("VERCEL_PROJECT_ID")}/env?upsert=true`, {
        ...{ key: name, value: value(), type: "sensitive", target: ["production"] },
      }),
  };
  const queue = async (write: (name: string) => Promise<unknown>): Promise<void> => {
    const waiting = [...names];
    const lane = async (): Promise<void> => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await write(name);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  };
  await Promise.all(Object.values(spread ? writes : { ...writes, ...services }).map(queue));
}

const everything = ["run", "--full", "--stack", "many", ...(parts > 1 ? ["--all-parts"] : [])];

async function rotate(now: string, command = everything): Promise<Measured> {
  const ran = await measure(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(repository, "cli/main.ts"), ...command],
    {
      cwd: repository,
      env: {
        ...process.env,
        ...env,
        ...{ PULUMI_OPTION_CWD: program, PULUMI_OPTION_CONFIG_FILE: join(dir, "Pulumi.many.yaml") },
        // Long enough for the longest wait that a vendor asks for.
        ...{ ROTATION_NOW: now, SANDBOX_NOW: now, ROTATION_PATIENCE_SECONDS: "3600" },
      },
    },
  );
  if (ran.code !== 0) throw new Error(ran.stderr.slice(-3000));
  return ran;
}

async function makeStack(): Promise<void> {
  const scratch = join(dir, "init");
  mkdirSync(scratch);
  const config = {
    ...{ "secret-rotation:environment": "sandbox", "secret-rotation:applications": ["many"] },
    ...{ "bench:secrets": count, "bench:destinations": spread ? "github" : "all" },
  };
  writeFileSync(join(scratch, "Pulumi.yaml"), "name: secret-rotation\nruntime: nodejs\n");
  const made = await measure("pulumi", ["stack", "init", "many", "--non-interactive"], {
    env: { ...process.env, ...env },
    cwd: scratch,
  });
  if (made.code !== 0) throw new Error(made.stderr);
  const salt = /^encryptionsalt: .*$/m.exec(readFileSync(join(scratch, "Pulumi.many.yaml"), "utf8"))?.[0] ?? "";
  writeFileSync(join(dir, "Pulumi.many.yaml"), `${salt}\nconfig: ${JSON.stringify(config)}\n`);
  if (parts > 1) await rotate("2027-03-01T03:00:00Z", ["parts", "many", "--of", String(parts)]);
}

async function byHand(atOnce: number): Promise<Measured> {
  const folder = join(dir, "headers");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [name, line] of Object.entries(headers)) writeFileSync(join(folder, name), `${line}\n`, { mode: 0o600 });
  const ran = await measure("xargs", ["-n", "1", "-P", String(atOnce), join(repository, "bench", "by-hand.sh")], {
    env: {
      ...process.env,
      ...env,
      HEADERS: folder,
      GITHUB_URL: githubUrl,
      NODE: process.execPath,
      PUBLIC_KEY: githubPlaces[0]?.key ?? "",
      PUBLIC_KEY_ID: githubPlaces[0]?.keyId ?? "",
    },
    input: `${names.join("\n")}\n`,
  });
  if (ran.code !== 0) throw new Error(ran.stderr.slice(-2000));
  return ran;
}

const rows: [string, number][] = [];
/** Times one way, which begins with all of every limit. */
async function time(way: string, work: () => Promise<unknown>): Promise<void> {
  const { github, render, vercel } = sandbox.simulators;
  for (const simulator of [github, render, vercel]) simulator.fullLimits();
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1000;
  rows.push([way, seconds]);
  console.error(`${way}: ${seconds.toFixed(1)} s`);
}
try {
  await makeStack();
  const first = await rotate("2027-03-01T03:00:00Z");
  console.error(`made in ${first.seconds.toFixed(1)} s`);
  await time("bare calls", () => bare());
  if (spread) await time("bare calls, with GitHub's second between writes", () => bare(availableParallelism(), 1000));
  await time("`rotate run`, everything due", () => rotate("2027-05-01T03:00:00Z"));
  if (!spread) {
    await time("by hand, one by one", () => byHand(1));
    await time("by hand, xargs -P 8", () => byHand(8));
  }
} finally {
  await sandbox.stop();
  rmSync(dir, { recursive: true, force: true });
}
const [bound = 1] = rows.map(([, seconds]) => seconds);
const places = spread
  ? "Vault, a repository at GitHub and two of its environments"
  : "Vault, GitHub, one Render service, one Vercel project";
publish(
  spread ? "mass-spread" : "mass",
  `${count} secrets in ${parts} ${parts === 1 ? "stack" : "stacks"}, 4 destinations each (${places}), limits ${limitScale === 1 ? "as documented" : `${limitScale} times faster than documented`}:\n\n${markdown(
    ["", "seconds", "times the bare calls", "share of the bare calls"],
    rows.map(([way, seconds]) => [
      way,
      seconds.toFixed(1),
      (seconds / bound).toFixed(1),
      `${Math.round((100 * bound) / seconds)} %`,
    ]),
  )}`,
  process.argv.includes("--write"),
);
