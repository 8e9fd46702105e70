// `rotate parts`: the stacks over which an application's secrets are spread.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import yaml from "js-yaml";
import { exits, Failure, given, UsageError, type Command } from "../command.ts";
import { Engine, repository } from "../engine.ts";

interface StackFile {
  config?: Record<string, unknown>;
  [key: string]: unknown;
}

export const parts: Command = {
  summary: "spread an application's secrets over several stacks",
  help: `Usage: rotate parts <stack> --of <n> [--json]

Makes the stacks <stack>-1 to <stack>-<n>, each with a copy of Pulumi.<stack>.yaml that says which part it is
(secret-rotation:part). Then "rotate run --all-parts --stack <stack>" runs them side by side. What is there stays, so
typing it again finishes what was interrupted. The number is fixed once secrets are made: docs/scale.md says how many to
take, and how to change it later. <stack> itself needs to have no secrets: it is the pattern only.

Exit codes: 0 made, 1 failed, 2 wrong usage (nothing was changed).`,
  options: { of: { type: "string" } },
  async run({ names, options, io }) {
    const [base, ...more] = names;
    if (!base || more.length > 0) throw new UsageError("Say whose parts: rotate parts visapi-production --of 8");
    const of = Number(given(options, "of", "8"));
    if (!Number.isInteger(of) || of < 2 || of > 1000)
      throw new UsageError(`--of is "${String(options["of"])}"; give how many parts, a whole number from 2 to 1000`);
    const configured = io.env["PULUMI_OPTION_CONFIG_FILE"];
    const cwd = io.env["PULUMI_OPTION_CWD"] ?? repository;
    const folder = configured ? dirname(configured) : cwd;
    const pattern = join(folder, `Pulumi.${base}.yaml`);
    if (!existsSync(pattern))
      throw new UsageError(
        `There is no ${pattern}, whose settings the parts would take; make it: pulumi stack init ${base}`,
      );
    const file = yaml.load(readFileSync(pattern, "utf8")) as StackFile;
    const other = file.config?.["secret-rotation:part"];
    if (other !== undefined)
      throw new UsageError(`${base} is a part itself (${JSON.stringify(other)}); name the stack without its number`);
    const made: string[] = [];
    for (let index = 1; index <= of; index++) {
      const stack = `${base}-${index}`;
      const own = join(folder, `Pulumi.${stack}.yaml`);
      const text = yaml.dump(
        { ...file, config: { ...file.config, "secret-rotation:part": { index, of } } },
        { lineWidth: -1 },
      );
      if (existsSync(own)) checkPart(own, index, of);
      else {
        await init(io.env, stack, cwd, text, io.say);
        writeFileSync(own, text, { mode: 0o600 });
        made.push(stack);
      }
    }
    if (options["json"]) io.out(JSON.stringify({ made }, undefined, 2));
    else io.out(`${made.length} of ${of} parts made. Run all of them with: rotate run --all-parts --stack ${base}`);
    return exits.ok;
  },
};

/** @throws UsageError for a file that says otherwise */
function checkPart(file: string, index: number, of: number): void {
  const { config = {} } = yaml.load(readFileSync(file, "utf8")) as StackFile;
  const part = config["secret-rotation:part"] as { index?: number; of?: number } | undefined;
  if (part?.index !== index || part.of !== of)
    throw new UsageError(
      `${file} says it is part ${JSON.stringify(part)}, not ${index} of ${of}; secrets would move between stacks. docs/scale.md says how to change the number of parts.`,
    );
}

/** `pulumi stack init` writes into the folder that it runs in, so it runs in one of its own. */
async function init(
  env: NodeJS.ProcessEnv,
  stack: string,
  cwd: string,
  text: string,
  say: (text: string) => void,
): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "rotate-parts-"));
  try {
    cpSync(join(cwd, "Pulumi.yaml"), join(scratch, "Pulumi.yaml"));
    writeFileSync(join(scratch, `Pulumi.${stack}.yaml`), text, { mode: 0o600 });
    const elsewhere = ["PULUMI_OPTION_CONFIG_FILE", "PULUMI_OPTION_CWD", "PULUMI_STACK"];
    const rest = Object.fromEntries(Object.entries(env).filter(([name]) => !elsewhere.includes(name)));
    const ran = await new Engine(rest, undefined, say).run(["stack", "init", stack, "--cwd", scratch, "--no-select"]);
    if (ran.code !== 0 && !ran.stderr.includes("already exists"))
      throw new Failure(`The stack ${stack} could not be made: ${ran.stderr.trim() || ran.stdout.trim()}`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
