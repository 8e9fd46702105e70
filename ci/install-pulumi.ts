// Puts the pinned Pulumi CLI on PATH for the steps that follow. A `pulumi` that is on PATH already is taken as it is
// where it has that version; the runner's own may have another.
//   ci/install-pulumi.ts [--version 3.259.0]
import { appendFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { downloadPulumi, network } from "../sandbox/toolchain/download.ts";
import { reporter } from "../sandbox/toolchain/progress.ts";
import { pulumiVersion } from "../sandbox/toolchain/versions.ts";
import { CiError, readOptions, script } from "./context.ts";

function installed(): string | undefined {
  try {
    return execFileSync("pulumi", ["version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
      .trim()
      .replace(/^v/, "");
  } catch {
    return undefined;
  }
}

await script(async () => {
  const { version = pulumiVersion } = readOptions(process.argv.slice(2), ["version"]);
  if (installed() === version) {
    process.stdout.write(`pulumi ${version} is here\n`);
    return;
  }
  const folder = await downloadPulumi(version, network(), reporter());
  if (!folder) throw new CiError(`pulumi ${version} could not be downloaded from get.pulumi.com; run the job again`);
  const path = process.env["GITHUB_PATH"];
  if (path) appendFileSync(path, `${folder}\n`);
  process.stdout.write(`pulumi ${version} is in ${folder}\n`);
});
