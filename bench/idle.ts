// A scheduled run that finds nothing due, among many secrets: one part is made with the real engine, and its state, as
// the engine wrote it, stands copied for every other part. Time, processor time, and whether anything was written.
//   node bootstrap.mjs bench/idle.ts [secrets, default 1000] [per part, default 25] [--backend s3|postgres] [--write]
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../cli/backends/store.ts";
import { remember } from "../cli/due-index.ts";
import { forStack } from "../cli/pulumi.ts";
import { rememberedPorts } from "../sandbox/servers/ports.ts";
import { startPostgres } from "../sandbox/servers/postgres.ts";
import { repository } from "../sandbox/stack.ts";
import { ensureToolchain } from "../sandbox/toolchain/toolchain.ts";
import { bucket, table } from "../tests/support/backends.ts";
import { cli } from "./support/fleet.ts";
import { measure } from "./support/measure.ts";
import { markdown, publish } from "./support/tables.ts";
import { BenchWorld } from "./support/world.ts";

const args = process.argv.slice(2);
const [count = 1000, perPart = 25] = args.filter((arg) => /^\d+$/.test(arg)).map(Number);
const backend = args.includes("--backend") ? args[args.indexOf("--backend") + 1] : "files";
if (backend !== "files" && backend !== "s3" && backend !== "postgres") {
  console.error(`--backend is "${backend}"; give files, s3 or postgres`);
  process.exit(2);
}
const parts = Math.ceil(count / perPart);
const world = await BenchWorld.start();
const rows: string[][] = [];

/** Where the copies stand: its address and key, and a text that changes with every write to it. */
interface Place {
  env: Record<string, string>;
  written(): Promise<string>;
}

async function open(): Promise<Place> {
  const dir = join(world.dir, "backend");
  if (backend === "files") {
    const state = join(world.dir, "state");
    const names = (): string[] => readdirSync(state, { recursive: true, encoding: "utf8" }).sort();
    const look = (): string => JSON.stringify(names().map((name) => [name, statSync(join(state, name)).mtimeMs]));
    return { env: {}, written: () => Promise.resolve(look()) };
  }
  const place = backend === "s3" ? await bucket(dir, world.supervisor) : await table(await database(dir));
  const written = async (): Promise<string> =>
    JSON.stringify([...(await place.entries())].map(([key, { stamp }]) => [key, stamp]).sort());
  return { env: place.env, written };
}

async function database(dir: string): ReturnType<typeof startPostgres> {
  const { postgresBin: bin } = await ensureToolchain();
  const { postgres: port } = await rememberedPorts(world.dir, ["postgres"]);
  const application = { user: "bench", password: randomBytes(16).toString("hex") };
  const superuserPassword = randomBytes(16).toString("hex");
  return startPostgres({ supervisor: world.supervisor, dir, bin, port, superuserPassword, application });
}

try {
  const config = { "bench:secrets": perPart, "secret-rotation:applications": ["many"] };
  const file = await world.stack("many", config);
  const made = await world.pulumi(["up", "--yes", "--skip-preview", "--stack", "many", "--config-file", file]);
  if (made.code !== 0) throw new Error(made.stdout.slice(-2000) + made.stderr.slice(-2000));
  const folder = ".pulumi/stacks/secret-rotation";
  const state = readFileSync(join(world.dir, "state", folder, "many.json"), "utf8");
  const place = await open();
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...world.env,
    ...place.env,
    PULUMI_OPTION_CONFIG_FILE: file,
    ROTATION_NOW: world.now,
  };
  if (backend === "postgres") {
    // The table is pulumi's to make.
    const listed = await world.pulumi(["stack", "ls"], place.env);
    if (listed.code !== 0) throw new Error(listed.stderr.slice(-2000));
  }
  // The S3 client of this process finds the key where that of `rotate` does.
  Object.assign(process.env, place.env);
  const store = await openStore(env);
  if (!store) throw new Error(`${env["PULUMI_BACKEND_URL"]} is not understood`);
  for (let index = 1; index <= parts; index++) {
    const stack = `many-${index}`;
    const own = state
      .replaceAll("urn:pulumi:many::", `urn:pulumi:${stack}::`)
      .replaceAll("SECRET_", `SECRET_${index}_`);
    await store.write(`${folder}/${stack}.json`, own);
    const settings = { ...config, "secret-rotation:part": { index, of: parts } };
    writeFileSync(join(world.dir, `Pulumi.${stack}.yaml`), `config: ${JSON.stringify(settings)}\n`);
    const why = await remember(forStack(env, stack), stack, new Date(world.now));
    if (why) throw new Error(why);
  }
  const before = await place.written();
  for (let run = 1; run <= 5; run++) {
    const command = [...cli, "run", "--all-parts"];
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
      (await place.written()) === before ? "nothing" : "something",
    ]);
  }
} finally {
  await world.stop();
}
publish(
  backend === "files" ? "idle" : `idle-${backend}`,
  `${parts * perPart} secrets in ${parts} stacks, state ${{ files: "in files", s3: "on S3 (versitygw)", postgres: "on Postgres" }[backend]}, nothing due:\n\n${markdown(
    ["", "seconds", "processor seconds", "MiB", "stacks without the engine", "written"],
    rows,
  )}`,
  args.includes("--write"),
);
