// The main job: brings up the toolchain and the sandbox, rotates what is due with a real `pulumi up` for each
// application, and shows the inventory.
//   npm start                 both applications; VisAPI does not wait for Kubernetes to be built
//   npm start visapi          one of them: visapi needs no Kubernetes, intelliflow does
// Options: --dir <folder>, --no-up (the sandbox alone).
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import type { InventoryRow } from "../components/application.ts";
import { forgetPending } from "../cli/engine.ts";
import { table } from "../cli/table.ts";
import { addKubernetes, connectOrStart, stopSandbox } from "./client.ts";
import { chosenDir } from "./daemon-file.ts";
import { applications, stackName, type ApplicationName } from "./environment.ts";
import { fileStore } from "../cli/backends/files.ts";
import { clearDeadLocks } from "../cli/locks.ts";
import { ensureStack, leftOpen, pulumi, repository } from "./stack.ts";
import { ensureKubernetes } from "./toolchain/kubernetes.ts";
import { ensureToolchain, summary } from "./toolchain/toolchain.ts";

/** Runs pulumi on this terminal; resolves to its exit code. */
function onTerminal(args: string[], env: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("pulumi", args, {
      cwd: repository,
      env: { ...process.env, ...env },
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(signal ? 128 + constants.signals[signal] : (code ?? 1)));
  });
}

async function show(env: Record<string, string>): Promise<void> {
  const { code, stdout, stderr } = await pulumi(["stack", "output", "--json"], { env });
  if (code !== 0) throw new Error(`The stack's inventory could not be read: ${stderr}`);
  const now = new Date(process.env["ROTATION_NOW"] ?? Date.now());
  for (const [application, rows] of Object.entries(JSON.parse(stdout) as Record<string, InventoryRow[]>)) {
    console.log(`\n${application}\n${table(rows, now)}`);
  }
}

/** Writes the report's page; resolves to where it is, or undefined when it could not be written. */
function report(env: Record<string, string>, application: ApplicationName): Promise<string | undefined> {
  const file = join(dir, `report-${application}.html`);
  return new Promise((resolve, reject) => {
    const child = spawn(join(repository, "rotate"), ["report", "--out", file], {
      cwd: repository,
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "inherit"],
    });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code === 0 ? file : undefined));
  });
}

/** The applications that the command line names; all of them when it names none. @throws Error for an unknown word */
function chosenApplications(args: readonly string[]): ApplicationName[] {
  const words = args.filter((word, index) => word !== "--no-up" && word !== "--dir" && args[index - 1] !== "--dir");
  const unknown = words.find((word) => !(applications as readonly string[]).includes(word));
  if (unknown !== undefined)
    throw new Error(
      `"${unknown}" is no application of the sandbox; there are ${applications.join(", ")}: npm start visapi`,
    );
  return applications.filter((name) => words.length === 0 || words.includes(name));
}

/** Rotates what is due in an application's stack; resolves to pulumi's exit code. */
async function rotate(env: Record<string, string>, application: ApplicationName): Promise<number> {
  const own = await ensureStack(dir, env, application);
  if ((await clearDeadLocks(fileStore(join(dir, "state")))) > 0)
    console.log("✓ stack          took away the lock of a run that was killed");
  console.log();
  const code = await onTerminal(["up", "--yes", "--skip-preview", "--suppress-outputs"], own);
  // Also those of a run that was killed before one that failed.
  if (code === 0 && leftOpen(dir, application)) await pulumi(forgetPending, { env: own });
  if (code === 0) {
    await show(own);
    const file = await report(own, application);
    if (file) reports.push(file);
  }
  return code;
}

const args = process.argv.slice(2);
let dir = "";
let interrupted = false;
/** Paths of the pages that were written. */
const reports: string[] = [];
const log = (line: string): void => console.log(line);
// Ctrl-C reaches pulumi as well, which finishes the step at hand; then nothing is left running.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => (interrupted = true));

try {
  dir = chosenDir(args);
  const wanted = chosenApplications(args);
  const began = Date.now();
  const toolchain = await ensureToolchain();
  console.log(summary(toolchain.parts));
  const sandbox = await connectOrStart(dir, log, { toolchain: async () => toolchain });
  let { env } = sandbox;
  console.log(
    sandbox.started
      ? `✓ sandbox        up in ${((Date.now() - began) / 1000).toFixed(1)} s`
      : "✓ sandbox        already up",
  );
  for (const application of wanted) {
    if (interrupted || process.exitCode) break;
    if (application === "intelliflow") {
      const cluster = await ensureKubernetes();
      if ("parts" in cluster) console.log(summary(cluster.parts));
      if (!interrupted) env = await addKubernetes(dir, cluster, log);
    }
    if (!interrupted && !args.includes("--no-up")) process.exitCode = await rotate(env, application);
  }
  if (interrupted) {
    await stopSandbox(dir);
    console.log("✓ stopped        no process is left");
    process.exitCode = 130;
  } else {
    console.log(`\nAPI ${env["VISAPI_API_URL"]}   front end ${env["VISAPI_APP_URL"]}   Vault ${env["VAULT_ADDR"]}`);
    if (wanted.includes("visapi")) console.log("npm run shell -- pulumi preview    works on VisAPI's stack");
    if (wanted.includes("intelliflow"))
      console.log(`npm run shell -- --stack ${stackName("intelliflow")} pulumi preview    works on IntelliFlow's`);
    console.log("npm stop    ends everything");
    for (const file of reports) console.log(`report: ${file}    opens in a browser, needs no server`);
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
  if (interrupted) await stopSandbox(dir);
}
