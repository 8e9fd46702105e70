// A small disk of its own for a world's state, to be filled at a moment of choice. Needs the right to mount.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  appendFileSync,
} from "node:fs";
import { join } from "node:path";

export interface SmallDisk {
  /** Puts the state on it. @throws where this system does not let us mount */
  mount(): void;
  /** Leaves no byte free. */
  fill(): void;
  /** Room again. */
  empty(): void;
  /** The state goes back to where it was. */
  unmount(): void;
}

export function smallDisk(dir: string): SmallDisk {
  const [state, kept] = [join(dir, "state"), join(dir, "state.kept")];
  const filler = join(state, "filler");
  const run = (command: string, ...args: string[]): void => {
    const ran = spawnSync(command, args, { encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`${command} failed: ${ran.stderr || ran.error?.message}`);
  };
  return {
    mount() {
      cpSync(state, kept, { recursive: true });
      run("mount", "-t", "tmpfs", "-o", "size=256m,mode=0700", "tmpfs", state);
      cpSync(kept, state, { recursive: true });
    },
    fill() {
      writeFileSync(filler, "");
      try {
        for (const size of [1 << 20, 1 << 14, 1 << 12]) {
          const { bavail, bsize } = statfsSync(state);
          for (let left = bavail * bsize; left >= size; left -= size) appendFileSync(filler, Buffer.alloc(size));
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    },
    empty() {
      if (existsSync(filler)) truncateSync(filler, 0);
      rmSync(filler, { force: true });
    },
    unmount() {
      rmSync(kept, { recursive: true, force: true });
      mkdirSync(kept, { mode: 0o700 });
      cpSync(state, kept, { recursive: true });
      run("umount", state);
      rmSync(state, { recursive: true, force: true });
      cpSync(kept, state, { recursive: true });
      rmSync(kept, { recursive: true, force: true });
    },
  };
}
