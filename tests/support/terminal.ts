// Types on a real terminal: `script` gives the command a pseudo-terminal of its own, util-linux's or the BSDs'.
import { spawn } from "node:child_process";

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
    const linux = process.platform === "linux";
    const args = linux ? ["-q", "-e", "-c", command, "/dev/null"] : ["-q", "/dev/null", "sh", "-c", command];
    const child = spawn("script", args, { ...options, stdio: "pipe" });
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
