// What runs cost, by the number of secrets and of the parts that they are spread over, with the real engine and a real
// Vault: time, processor time and memory of all processes of a command.
//   node bootstrap.mjs bench/fleet.ts [secrets, default 25] [per part, default 20; 0: one stack] [--write]
// Several sizes at once: 25,200,1000. Create and rotate all of 1,000 take minutes; --only none,one leaves them out.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../sandbox/stack.ts";
import { Fleet, must } from "./support/fleet.ts";
import { memoryOf, type Measured } from "./support/measure.ts";
import { markdown, publish } from "./support/tables.ts";
import { BenchWorld } from "./support/world.ts";

const args = process.argv.slice(2);
const [sizes = "25", per = "20"] = args.filter((arg) => /^[\d,]+$/.test(arg));
const secrets = sizes.split(",").map(Number);
const perPart = Number(per);
if (!secrets.every((count) => count >= 1 && count <= 5000) || !(perPart >= 0)) {
  console.error(
    "Give numbers of secrets and secrets per part, for instance: node bootstrap.mjs bench/fleet.ts 25,200 20",
  );
  process.exit(2);
}

const only = args[args.indexOf("--only") + 1]?.split(",") ?? [];
const wants = (step: string): boolean => !args.includes("--only") || step === "create" || only.includes(step);
const world = await BenchWorld.start();
const rows: string[][] = [];
const profile: string[] = [];
const memory: string[] = [];
try {
  for (const count of secrets) {
    const parts = perPart === 0 ? 1 : Math.max(1, Math.ceil(count / perPart));
    const name = `many${count}`;
    const fleet = new Fleet(world, name, parts);
    await fleet.make(count);
    const steps: [string, string, () => Promise<Measured>][] = [
      ["create", "create all", () => fleet.all()],
      ["none", "nothing due", () => fleet.all()],
      ["noop", "no-op, the engine started (`--full`)", () => fleet.all("--full")],
      ["preview", parts > 1 ? "preview of one part" : "preview", () => fleet.preview()],
      ["one", "one secret by name, due", () => fleet.all("SECRET_0003")],
      ["all", "all others, due", () => fleet.all()],
    ];
    for (const [step, what, work] of steps) {
      if (!wants(step)) continue;
      if (step === "one" || (step === "all" && !wants("one"))) world.later(60);
      const ran = must(await work());
      rows.push([
        `${count} secrets, ${parts} ${parts === 1 ? "stack" : "stacks"}: ${what}`,
        ran.seconds.toFixed(1),
        ran.cpuSeconds.toFixed(1),
        String(ran.memoryMiB),
        String(ran.processes),
      ]);
      console.error(rows.at(-1)?.join("  "));
      const used = Object.entries(ran.byProgram).sort((a, b) => b[1] - a[1]);
      if (["noop", "one", "all"].includes(step))
        profile.push(
          `- ${count} secrets, ${what}: ${used
            .slice(0, 6)
            .map(([program, seconds]) => `${program} ${seconds.toFixed(1)} s`)
            .join(", ")}`,
        );
      if (step === "all") memory.push(`- ${count} secrets, ${what}: ${memoryOf(ran)}`);
    }
  }
} finally {
  await world.stop();
}
mkdirSync(join(repository, ".sandbox"), { recursive: true });
writeFileSync(join(repository, ".sandbox", "bench-fleet.json"), `${JSON.stringify(rows, undefined, 2)}\n`);
publish(
  perPart === 0 ? "one-stack" : "fleet",
  `${markdown(["", "seconds", "processor seconds", "MiB, all processes", "processes"], rows)}\n\nWhere the processor time goes:\n\n${profile.join("\n")}\n\nWhere the memory is at the moment of the most:\n\n${memory.join("\n")}`,
  args.includes("--write"),
);
