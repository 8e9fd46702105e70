// Finds a process below another one, for tests that kill it.
import { readdirSync, readFileSync } from "node:fs";

/** Numbers of the processes below `ancestor` whose command line holds `text`. Linux only. */
export function below(ancestor: number, text: string): number[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const parents = new Map(all.map((pid) => [pid, parentOf(pid)]));
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at))
      if (at === ancestor) return true;
    return false;
  };
  return all.filter((pid) => read(`/proc/${pid}/cmdline`).includes(text) && isBelow(pid));
}

function parentOf(pid: number): number | undefined {
  // The name in parentheses may hold anything; what follows it does not.
  const fields = read(`/proc/${pid}/stat`).split(") ").pop()?.split(" ");
  return fields?.[1] === undefined ? undefined : Number(fields[1]);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
