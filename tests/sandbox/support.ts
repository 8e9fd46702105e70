// What the sandbox's tests share: the toolchain, found once, and folders that vanish.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stopSandbox } from "../../sandbox/client.ts";
import { identityOf } from "../../sandbox/servers/identity.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { ensureToolchain } from "../../sandbox/toolchain/toolchain.ts";

let found: ReturnType<typeof ensureToolchain> | undefined;

/** The toolchain. The first call takes long where it has to be built. */
export function toolchain(): ReturnType<typeof ensureToolchain> {
  return (found ??= ensureToolchain());
}

/** Bound for hooks that may have to build the toolchain, in milliseconds. */
export const buildTimeoutMs = 1_500_000;

/** A new empty folder. */
export function newDir(): string {
  return mkdtempSync(join(tmpdir(), "secret-rotation-"));
}

/** Stops whatever runs in a folder and removes it. */
export async function discard(dir: string): Promise<void> {
  await stopSandbox(dir);
  rmSync(dir, { recursive: true, force: true });
}

/** Waits until none of the processes is left. */
export async function allGone(pids: readonly number[], timeoutMs: number): Promise<void> {
  await waitFor(() => pids.every((pid) => identityOf(pid) === undefined), {
    what: `processes ${pids.join(", ")} to end`,
    timeoutMs,
  });
}
