// actionlint, which reads workflows as GitHub does. Nothing but the lint of .github/workflows needs it, so it is built
// when that asks for it, and not with the rest: a quarter of a minute, the first time.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache.ts";
import { buildGo } from "./go.ts";
import { introduce } from "./owner.ts";
import { findOnPath } from "./path.ts";
import type { Progress } from "./progress.ts";
import { repository } from "./versions.ts";

/** sandbox/toolchain/actionlint/go.mod says the same, with the checksums of everything under it. */
export const actionlintVersion = "1.7.12";

/**
 * The one on PATH, else one built from its Go module into the cache.
 * @returns the path of the program
 * @throws Error that says what to install when Go is missing
 */
export async function ensureActionlint(
  progress: Progress,
  options: { root?: string; path?: string } = {},
): Promise<string> {
  const found = findOnPath("actionlint", options.path);
  if (found) return found;
  const module = join(repository, "sandbox/toolchain/actionlint");
  const name = `actionlint ${actionlintVersion}`;
  const step = progress.step(name);
  const sums = createHash("sha256")
    .update(await readFile(join(module, "go.sum")))
    .digest("hex")
    .slice(0, 12);
  try {
    const entry = await cached({
      root: options.root,
      tool: "actionlint",
      key: `${actionlintVersion}-${process.platform}-${process.arch}-${sums}`,
      onWait: (owner) => step.update(`waiting for ${introduce(owner)}, which builds it`),
      build: (folder) =>
        buildGo({
          name,
          module,
          target: "github.com/rhysd/actionlint/cmd/actionlint",
          output: join(folder, "actionlint"),
          onProgress: (text) => step.update(text),
          path: options.path,
        }),
    });
    step.done(entry.fresh ? undefined : "cached");
    return join(entry.folder, "actionlint");
  } catch (error) {
    step.failed("not built");
    throw error;
  }
}
