// Which stacks a command line means when it means many.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { UsageError, type Call } from "./command.ts";
import { repository } from "./engine.ts";

/**
 * The stacks that a command line means: the parts of `--stack` with `--all-parts`, or the lines of a file.
 * @throws UsageError that says what is missing
 */
export function stacksOf({ options, engine, io }: Call): string[] | undefined {
  const file = options["stacks"];
  if (typeof file === "string" && options["all-parts"]) throw new UsageError("Give --all-parts or --stacks, not both");
  if (typeof file === "string") return listed(file);
  if (!options["all-parts"]) return undefined;
  const base = engine.stack;
  if (!base) throw new UsageError("Say whose parts: rotate run --all-parts --stack visapi-production");
  const config = io.env["PULUMI_OPTION_CONFIG_FILE"];
  return partsOf(base, config ? dirname(config) : (io.env["PULUMI_OPTION_CWD"] ?? repository));
}

function listed(file: string): string[] {
  if (!existsSync(file)) throw new UsageError(`There is no file "${file}" with names of stacks, one a line`);
  const stacks = readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");
  const twice = stacks.find((name, at) => stacks.indexOf(name) !== at);
  if (twice) throw new UsageError(`${file} names the stack ${twice} twice; remove one of them`);
  if (stacks.length === 0) throw new UsageError(`${file} names no stack; write one a line, like visapi-production-1`);
  return stacks;
}

/** `<base>-1` to `<base>-<of>`, by the configuration files that are there. @throws UsageError when one is missing */
export function partsOf(base: string, folder: string): string[] {
  const shape = /^Pulumi\.(.+)-(\d+)\.yaml$/;
  const found = readdirSync(folder)
    .map((name) => shape.exec(name))
    .filter((match) => match?.[1] === base)
    .map((match) => Number(match?.[2]))
    .sort((a, b) => a - b);
  const [first] = found;
  if (first === undefined)
    throw new UsageError(
      `${base} has no parts: there is no file ${join(folder, `Pulumi.${base}-1.yaml`)}. Make them with: rotate parts ${base} --of 8`,
    );
  const text = readFileSync(join(folder, `Pulumi.${base}-${first}.yaml`), "utf8");
  const of = Number(/"?of"?:\s*(\d+)/.exec(text)?.[1] ?? found.length);
  const missing = Array.from({ length: of }, (_, at) => at + 1).filter((index) => !found.includes(index));
  if (missing.length > 0)
    throw new UsageError(
      `${base} has ${of} parts, and ${missing.map((index) => `Pulumi.${base}-${index}.yaml`).join(", ")} ${missing.length === 1 ? "is" : "are"} missing in ${folder}; their secrets would never rotate. Make them with: rotate parts ${base} --of ${of}`,
    );
  return found.filter((index) => index <= of).map((index) => `${base}-${index}`);
}
