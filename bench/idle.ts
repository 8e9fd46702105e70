// A scheduled run that finds nothing due, among many secrets: one part is made with the real engine, and its state, as
// the engine wrote it, stands copied for every other part. Time, processor time, and whether anything was written.
//   node bootstrap.mjs bench/idle.ts [secrets, default 1000] [per part, default 25] [--write]
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { remember } from "../cli/due-index.ts";
import { forStack } from "../cli/engine.ts";
import { repository } from "../sandbox/stack.ts";
import { measure } from "./support/measure.ts";
import { markdown, publish } from "./support/tables.ts";
import { BenchWorld } from "./support/world.ts";

const [count = 1000, perPart = 25] = process.argv
  .slice(2)
  .filter((arg) => /^\d+$/.test(arg))
  .map(Number);
const parts = Math.ceil(count / perPart);
const world = await BenchWorld.start();
const rows: string[][] = [];
try {
  const config = { "bench:secrets": perPart, "secret-rotation:applications": ["many"] };
  const file = await world.stack("many", config);
  const made = await world.pulumi(["up", "--yes", "--skip-preview", "--stack", "many", "--config-file", file]);
  if (made.code !== 0) throw new Error(made.stdout.slice(-2000) + made.stderr.slice(-2000));
  const folder = join(world.dir, "state", ".pulumi", "stacks", "secret-rotation");
  const state = readFileSync(join(folder, "many.json"), "utf8");
  const env = {
    ...process.env,
    ...world.env,
    PULUMI_OPTION_CONFIG_FILE: file,
    ROTATION_NOW: world.now,
  };
  for (let index = 1; index <= parts; index++) {
    const stack = `many-${index}`;
    const own = state
      .replaceAll("urn:pulumi:many::", `urn:pulumi:${stack}::`)
      .replaceAll("SECRET_", `SECRET_${index}_`);
    writeFileSync(join(folder, `${stack}.json`), own);
    const settings = { ...config, "secret-rotation:part": { index, of: parts } };
    writeFileSync(join(world.dir, `Pulumi.${stack}.yaml`), `config: ${JSON.stringify(settings)}\n`);
    await remember(forStack(env, stack), stack, new Date(world.now));
  }
  const written = (): string =>
    JSON.stringify(
      readdirSync(join(world.dir, "state"), { recursive: true, encoding: "utf8" })
        .sort()
        .map((name) => [name, statSync(join(world.dir, "state", name)).mtimeMs]),
    );
  const before = written();
  for (let run = 1; run <= 5; run++) {
    const command = ["--disable-warning=ExperimentalWarning", join(repository, "cli/main.ts"), "run", "--all-parts"];
    const ran = await measure(process.execPath, [...command, "--stack", "many", "--json"], { env, cwd: repository });
    if (ran.code !== 0) throw new Error(ran.stderr.slice(-2000));
    const { stacks } = JSON.parse(ran.stdout) as { stacks: { what: string }[] };
    const quiet = stacks.filter(({ what }) => what === "nothing due").length;
    rows.push([
      `run ${run}`,
      ran.seconds.toFixed(2),
      ran.cpuSeconds.toFixed(2),
      String(ran.memoryMiB),
      `${quiet} of ${parts}`,
      written() === before ? "nothing" : "something",
    ]);
  }
} finally {
  await world.stop();
}
publish(
  "idle",
  `${parts * perPart} secrets in ${parts} stacks, nothing due:\n\n${markdown(
    ["", "seconds", "processor seconds", "MiB", "stacks without the engine", "written"],
    rows,
  )}`,
  process.argv.includes("--write"),
);
