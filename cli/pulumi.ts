// The `pulumi` program as a child process.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { UsageError } from "./command.ts";

export interface Ran {
  code: number;
  /** Empty where every line was handed on. */
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Goes to standard input: never give a value as an argument. */
  input?: string;
  /** Takes each line of standard output as it comes. */
  onLine?: (line: string) => void;
  /** Takes the process's number. */
  onStart?: (pid: number) => void;
  env?: NodeJS.ProcessEnv;
}

/**
 * Runs it to its end; Ctrl-C and SIGTERM are passed on, and it ends in its own way.
 * @throws UsageError when there is no such program
 */
export function pulumi(
  args: string[],
  { input, onLine, onStart, env, cwd }: RunOptions & { cwd: string },
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn("pulumi", [...args, "--non-interactive"], {
      cwd,
      env,
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    if (child.pid !== undefined) onStart?.(child.pid);
    const ran: Ran = { code: 1, stdout: "", stderr: "" };
    let rest = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      if (!onLine) ran.stdout += text;
      else {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) onLine(line);
      }
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (ran.stderr += text));
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, pass);
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "ENOENT"
          ? new UsageError(
              "There is no program `pulumi` on PATH. Install Pulumi, or work in the sandbox: npm run shell -- ./rotate status",
            )
          : error,
      ),
    );
    child.on("close", (code) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, pass);
      if (onLine && rest) onLine(rest);
      resolve({ ...ran, code: code ?? 1 });
    });
  });
}

/**
 * An environment in which pulumi works on another stack. Where PULUMI_OPTION_CONFIG_FILE names one stack's file, that of
 * the other is `Pulumi.<stack>.yaml` beside it.
 */
export function forStack<T extends NodeJS.ProcessEnv>(env: T, stack: string): T {
  const file = env["PULUMI_OPTION_CONFIG_FILE"];
  return {
    ...env,
    PULUMI_STACK: stack,
    ...(file ? { PULUMI_OPTION_CONFIG_FILE: join(dirname(file), `Pulumi.${stack}.yaml`) } : {}),
  };
}
