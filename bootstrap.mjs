// Runs a TypeScript file of this project on a Node that can, from any Node >= 18:
// installs the locked packages when they are missing or stale, then hands over to the
// machine's Node if it strips types by itself, else to the one among the packages.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const [file, ...args] = process.argv.slice(2);
const stamp = join(root, "node_modules", ".locked");
const lock = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
  const started = Date.now();
  console.error("· packages       installing what package-lock.json names (about a minute)");
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (npm.status !== 0) {
    console.error(
      "Installing the packages failed; the lines above say why. Run the command again once the registry answers.",
    );
    process.exit(npm.status ?? 1);
  }
  writeFileSync(stamp, lock);
  console.error(`✓ packages       installed in ${Math.round((Date.now() - started) / 1000)} s`);
}

const packaged = join(root, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");
const node = Number(process.versions.node.split(".")[0]) >= 24 ? process.execPath : packaged;
if (!existsSync(node)) {
  console.error(
    `Node ${process.versions.node} is too old and no newer one is packaged for ${process.platform}-${process.arch}. Install Node 24 or newer and run this again.`,
  );
  process.exit(1);
}
const lean = `--import=${pathToFileURL(join(root, "components", "lean-start.mjs")).href}`;
const options = process.env.NODE_OPTIONS ?? "";
const env = {
  // Compiled code is kept, which spares every start a good part of its time.
  NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "node"),
  ...process.env,
  NODE_OPTIONS: options.includes(lean) ? options : `${options} ${lean}`.trim(),
  PATH: dirname(node) + delimiter + process.env.PATH,
};
const flags = [
  "--disable-warning=ExperimentalWarning",
  // A run of many stacks would take 48 MiB for objects that hardly live.
  ...(file === "cli/main.ts" ? ["--max-semi-space-size=2"] : []),
];
const start = [...flags, join(root, file), ...args];
if (node === process.execPath && process.execve && process.platform !== "win32") {
  // Nothing waits in between; that this way of starting is new is nobody's concern.
  process.removeAllListeners("warning");
  process.execve(node, [node, ...start], env);
}
const child = spawn(node, start, { env, stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
