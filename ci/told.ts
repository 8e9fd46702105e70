// What the run itself has told people of its failure (provider/notices.ts), so that ci/failure.ts does not tell the
// same channel again.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Told {
  /** Goes into the environment of `pulumi`: the plugin notes there who knows of a failure. */
  env: { ROTATION_TOLD_FILE: string };
  /** Names of the channels that know, like `slack`; afterwards the note is gone. */
  channels(): string[];
}

export function listenForTold(): Told {
  const folder = mkdtempSync(join(tmpdir(), "rotation-told-"));
  const file = join(folder, "channels");
  return {
    env: { ROTATION_TOLD_FILE: file },
    channels: () => {
      try {
        return [...new Set(readFileSync(file, "utf8").split("\n"))].filter((channel) => channel !== "");
      } catch {
        // Nobody was told.
        return [];
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}
