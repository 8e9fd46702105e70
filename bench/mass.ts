// A mass rotation of secrets that go to four places, beside the vendors' limits and beside what people do by hand, in
// one run against the same simulators with their documented limits:
//   bare     nothing but the calls that must be made, as fast as each vendor lets them through, all vendors side by side;
//            and again with the second that GitHub asks for between two writes, which the official provider keeps
//            (docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api; its `writeDelayMs`)
//   stack    `rotate run`: the same writes, with clocks, checks, restarts, verification and journal
//   by hand  bench/by-hand.sh for one secret after another, and eight at a time with xargs -P
//   node bootstrap.mjs bench/mass.ts [secrets, default 12] [limits how many times faster than real, default 1] [--write]
// From 31 secrets on Render's limit of 30 writes a minute counts, from 81 on GitHub's of 80. All of the secrets restart one
// service, so that they are one stack (many services: bench/services.ts). GitHub keeps 100 secrets of a repository at
// most. Each way begins with all of every limit.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { githubRoot } from "../provider/vendors/names.ts";
import { Sandbox } from "../sandbox/sandbox.ts";
import { sealBox, sodiumReady } from "../sandbox/simulators/sealed-box.ts";
import { repository } from "../sandbox/stack.ts";
import { ensureToolchain } from "../sandbox/toolchain/toolchain.ts";
import { call } from "./support/call.ts";
import { cli } from "./support/fleet.ts";
import { measure, type Measured } from "./support/measure.ts";
import { markdown, publish } from "./support/tables.ts";

const numbers = process.argv.slice(2).filter((arg) => /^\d+$/.test(arg));
const [count = 12, limitScale = 1] = numbers.map(Number);
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
const headers = {
  vault: `x-vault-token: ${of("VAULT_TOKEN")}`,
  github: `authorization: Bearer ${of("GITHUB_TOKEN")}`,
  render: `authorization: Bearer ${of("RENDER_API_KEY")}`,
  vercel: `authorization: Bearer ${of("VERCEL_API_TOKEN")}`,
};

const githubUrl = githubRoot(of("GITHUB_BASE_URL"));
const secretsUrl = `${githubUrl}/repos/${of("GITHUB_OWNER")}/visapi/actions/secrets`;
/** What GitHub's secrets are sealed with. */
const sealing = (await call(headers.github, "GET", `${secretsUrl}/public-key`)) as { key: string; key_id: string };

/** @param pauseMs between two writes at GitHub */
async function bare(pauseMs = 0): Promise<void> {
  const value = (): string => randomBytes(32).toString("hex");
  const writes: Record<string, (name: string) => Promise<unknown>> = {
    vault: (name) =>
      call(headers.vault, "POST", `${of("VAULT_ADDR")}/v1/secret/data/bare/${name}`, { data: { value: value() } }),
    github: (name) =>
      call(headers.github, "PUT", `${secretsUrl}/${name}`, {
        encrypted_value: sealBox(value(), sealing.key),
        key_id: sealing.key_id,
      }),
    render: (name) =>
      call(headers.render, "PUT", `${of("RENDER_API_URL")}/services/${of("RENDER_SERVICE_ID")}/env-vars/${name}`, {
        value: value(),
      }),
    vercel: (name) =>
      call(headers.vercel, "POST", `${of("VERCEL_API_URL")}/v10/projects/${of("VERCEL_PROJECT_ID")}/env?upsert=true`, {
        ...{ key: name, value: value(), type: "sensitive", target: ["production"] },
      }),
  };
  const queue = async ([vendor, write]: [string, (name: string) => Promise<unknown>]): Promise<void> => {
    for (const [at, name] of names.entries()) {
      if (vendor === "github" && at > 0 && pauseMs > 0) await setTimeout(pauseMs);
      await write(name);
    }
  };
  await Promise.all(Object.entries(writes).map(queue));
}

async function rotate(now: string): Promise<Measured> {
  const ran = await measure(process.execPath, [...cli, "run", "--full", "--stack", "many"], {
    cwd: repository,
    env: {
      ...process.env,
      ...env,
      ...{ PULUMI_OPTION_CWD: program, PULUMI_OPTION_CONFIG_FILE: join(dir, "Pulumi.many.yaml") },
      // Long enough for the longest wait that a vendor asks for.
      ...{ ROTATION_NOW: now, SANDBOX_NOW: now, ROTATION_PATIENCE_SECONDS: "3600" },
    },
  });
  if (ran.code !== 0) throw new Error(ran.stderr.slice(-3000));
  return ran;
}

async function makeStack(): Promise<void> {
  const scratch = join(dir, "init");
  mkdirSync(scratch);
  const config = {
    ...{ "secret-rotation:environment": "sandbox", "secret-rotation:applications": ["many"] },
    ...{ "bench:secrets": count, "bench:everywhere": true },
  };
  writeFileSync(join(scratch, "Pulumi.yaml"), "name: secret-rotation\nruntime: nodejs\n");
  const made = await measure("pulumi", ["stack", "init", "many", "--non-interactive"], {
    env: { ...process.env, ...env },
    cwd: scratch,
  });
  if (made.code !== 0) throw new Error(made.stderr);
  const salt = /^encryptionsalt: .*$/m.exec(readFileSync(join(scratch, "Pulumi.many.yaml"), "utf8"))?.[0] ?? "";
  writeFileSync(join(dir, "Pulumi.many.yaml"), `${salt}\nconfig: ${JSON.stringify(config)}\n`);
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
      PUBLIC_KEY: sealing.key,
      PUBLIC_KEY_ID: sealing.key_id,
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
  await time("bare calls, a second between GitHub's", () => bare(1000));
  await time("`rotate run`, everything due", () => rotate("2027-05-01T03:00:00Z"));
  await time("by hand, one by one", () => byHand(1));
  await time("by hand, xargs -P 8", () => byHand(8));
} finally {
  await sandbox.stop();
  rmSync(dir, { recursive: true, force: true });
}
const [bound = 1, paused = 1] = rows.map(([, seconds]) => seconds);
publish(
  "mass",
  `${count} secrets, 4 destinations each (Vault, GitHub, one Render service, one Vercel project), limits ${limitScale === 1 ? "as documented" : `${limitScale} times faster than documented`}:\n\n${markdown(
    ["", "seconds", "times the bare calls", "share of the bare calls", "with GitHub's second"],
    rows.map(([way, seconds]) => [
      way,
      seconds.toFixed(1),
      (seconds / bound).toFixed(1),
      `${Math.round((100 * bound) / seconds)} %`,
      seconds < paused ? "" : `${Math.round((100 * paused) / seconds)} %`,
    ]),
  )}`,
  process.argv.includes("--write"),
);
