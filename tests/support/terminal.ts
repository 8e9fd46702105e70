// Types on a real terminal: util-linux's `script` gives the command a pseudo-terminal of its own.
import { spawn, spawnSync } from "node:child_process";

/** Whether this machine has the `script` of util-linux (others take other options). */
export function hasTerminal(): boolean {
  const { stdout } = spawnSync("script", ["--version"], { encoding: "utf8" });
  return /util-linux/.test(stdout ?? "");
}

export interface OnTerminal {
  code: number;
  /** Everything that the terminal showed. */
  shown: string;
}

/**
 * @param command a line for the shell; never with a value in it
 * @param keys typed once `prompt` has been shown, and Enter after them
 */
export function onTerminal(
  command: string,
  { prompt, keys, ...options }: { prompt: string; keys: string; cwd: string; env: NodeJS.ProcessEnv },
): Promise<OnTerminal> {
  return new Promise((resolve, reject) => {
    const child = spawn("script", ["-q", "-e", "-c", command, "/dev/null"], { ...options, stdio: "pipe" });
    let shown = "";
    let typed = false;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      shown += text;
      if (typed || !shown.includes(prompt)) return;
      typed = true;
      child.stdin.write(`${keys}\r`);
    });
    child.stdin.on("error", () => undefined);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, shown }));
  });
}
