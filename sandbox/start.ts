// The main job: brings up the toolchain and the sandbox, rotates what is due with a real `pulumi up`, and shows the
// inventory. Options: --dir <folder>, --no-up (the sandbox alone).
import { spawn } from "node:child_process";
import { constants } from "node:os";
import type { InventoryRow } from "../components/application.ts";
import { forgetPending } from "../cli/engine.ts";
import { table } from "../cli/table.ts";
import { connectOrStart, stopSandbox } from "./client.ts";
import { chosenDir } from "./daemon-file.ts";
import { clearDeadLocks, ensureStack, pulumi, repository } from "./stack.ts";
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

const dir = chosenDir(process.argv.slice(2));
let interrupted = false;
// Ctrl-C reaches pulumi as well, which finishes the step at hand; then nothing is left running.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => (interrupted = true));

try {
  const began = Date.now();
  const toolchain = await ensureToolchain();
  console.log(summary(toolchain.parts));
  const { env, started } = await connectOrStart(dir, (line) => console.log(line), { toolchain: async () => toolchain });
  console.log(
    started ? `✓ sandbox        up in ${((Date.now() - began) / 1000).toFixed(1)} s` : "✓ sandbox        already up",
  );
  let code = 0;
  if (!interrupted && !process.argv.includes("--no-up")) {
    await ensureStack(dir, env);
    const killed = clearDeadLocks(dir) > 0;
    if (killed) console.log("✓ stack          took away the lock of a run that was killed");
    console.log();
    code = await onTerminal(["up", "--yes", "--skip-preview", "--suppress-outputs"], env);
    if (code === 0 && killed) await pulumi(forgetPending, { env });
    if (code === 0) await show(env);
    process.exitCode = code;
  }
  if (interrupted) {
    await stopSandbox(dir);
    console.log("✓ stopped        no process is left");
    process.exitCode = 130;
  } else {
    console.log(`\nAPI ${env["VISAPI_API_URL"]}   front end ${env["VISAPI_APP_URL"]}   Vault ${env["VAULT_ADDR"]}`);
    console.log("npm run shell -- pulumi preview    works on this stack;    npm stop    ends everything");
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
  if (interrupted) await stopSandbox(dir);
}
