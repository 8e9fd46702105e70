// Who makes a call: the process at the other end of a connection. Linux only.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The process that holds the end of a TCP connection over 127.0.0.1 whose own port is `port`, towards `peer`. */
export function holderOf(port: number, peer: number): number | undefined {
  const hex = (number: number): string => number.toString(16).toUpperCase().padStart(4, "0");
  const inodes = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) =>
    read(file)
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local = "", remote = ""]) => local.endsWith(`:${hex(port)}`) && remote.endsWith(`:${hex(peer)}`))
      .map((fields) => fields[9] ?? ""),
  );
  for (const pid of all())
    for (const link of links(`/proc/${pid}/fd`)) if (inodes.some((inode) => link === `socket:[${inode}]`)) return pid;
  return undefined;
}

/** The command line of a process; empty when it is gone. */
export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim();
}

/** Processes whose environment holds a text, with their command lines. */
export function withEnvironment(text: string): { pid: number; command: string }[] {
  return all().flatMap((pid) =>
    read(`/proc/${pid}/environ`).includes(text) ? [{ pid, command: commandOf(pid) }] : [],
  );
}

/** Ends a process at once; one that has ended already is as good. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone.
  }
}

function all(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function links(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => {
      try {
        return readlinkSync(`${folder}/${name}`);
      } catch {
        return "";
      }
    });
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
