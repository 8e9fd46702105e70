// Opens a shell in which pulumi works against the sandbox, or runs one command there.
//   npm run shell                          $SHELL, or sh
//   npm run shell -- pulumi preview        one command
//   eval "$(npm run -s shell -- --print)"  the same in this shell; no value is printed, it is read from a private file
// Options before the command: --dir <folder>, --stack <name> (default: VisAPI's).
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { forStack } from "../cli/pulumi.ts";
import { connectOrStart } from "./client.ts";
import { chosenDir } from "./daemon-file.ts";
import { applications, environmentFile, shellQuote, stackName } from "./environment.ts";
import { ensureToolchain } from "./toolchain/toolchain.ts";

/** What the command line asks for: options first, then the command. */
function parse(args: readonly string[]): { dir: string; print: boolean; stack: string; command: string[] } {
  const rest = [...args];
  const options: string[] = [];
  const stacks = applications.map(stackName);
  let [stack = ""] = stacks;
  while (rest[0]?.startsWith("--")) {
    const option = rest.shift() ?? "";
    if (option === "--") break;
    if (option === "--stack") {
      stack = rest.shift() ?? "";
      if (!stacks.includes(stack))
        throw new Error(`--stack is "${stack}", which the sandbox does not have; there are ${stacks.join(", ")}`);
      continue;
    }
    if (option !== "--print" && option !== "--dir")
      throw new Error(`${option} is unknown; there are --print, --stack <name> and --dir <folder>`);
    options.push(option, ...(option === "--dir" ? rest.splice(0, 1) : []));
  }
  return { dir: chosenDir(options), print: options.includes("--print"), stack, command: rest };
}

try {
  const { dir, print, stack, command } = parse(process.argv.slice(2));
  // Standard output may be read by eval, so progress goes to standard error.
  const sandbox = await connectOrStart(dir, (line) => console.error(line), { toolchain: () => ensureToolchain() });
  const env = forStack(sandbox.env, stack);
  if (print) {
    const own = ["PULUMI_STACK", "PULUMI_OPTION_CONFIG_FILE"].map((name) => `${name}=${shellQuote(env[name] ?? "")}`);
    console.log(`. ${shellQuote(join(dir, environmentFile))}; export ${own.join(" ")}`);
  } else {
    const [program = process.env.SHELL || "sh", ...args] = command;
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: "inherit" });
    // Ctrl-C is for the command, not for this wrapper.
    for (const signal of ["SIGINT", "SIGQUIT"] as const) process.on(signal, () => undefined);
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    child.once("error", (error) => {
      console.error(`${program} could not be started: ${error.message}`);
      process.exitCode = 127;
    });
    child.once("exit", (code, signal) => (process.exitCode = signal ? 128 + constants.signals[signal] : (code ?? 1)));
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
