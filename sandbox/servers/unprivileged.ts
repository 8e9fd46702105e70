// PostgreSQL refuses to run as root. Where the sandbox does (containers, CI), it is started under another user
// that keeps the one capability of reaching files in folders closed to it, so that the sandbox may live anywhere.
import { accessSync, constants, readFileSync } from "node:fs";

/** Whom a command runs as. */
export interface Runner {
  command: string;
  args: string[];
  /** Owner that the command's files need; undefined when that is the current user. */
  owner: { uid: number; gid: number } | undefined;
}

const candidates = ["postgres", "nobody"];

function user(): { uid: number; gid: number } {
  const entries = new Map(
    readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .map((line) => line.split(":"))
      .map(([name, , uid, gid]) => [name, { uid: Number(uid), gid: Number(gid) }]),
  );
  const found = candidates.map((name) => entries.get(name)).find((entry) => entry !== undefined);
  if (!found)
    throw new Error(`PostgreSQL cannot run as root, and neither user ${candidates.join(" nor ")} exists here.`);
  return found;
}

/**
 * How to run a command as somebody other than root; as it is, when this process is not root.
 * @throws when this is root and `setpriv` (Debian's util-linux) is not on the machine
 */
export function unprivileged(command: string, args: readonly string[]): Runner {
  if (process.getuid?.() !== 0) return { command, args: [...args], owner: undefined };
  const setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!setpriv) {
    throw new Error(
      "PostgreSQL cannot run as root and setpriv is missing. Install util-linux, or run the sandbox as another user.",
    );
  }
  const owner = user();
  const drop = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups"];
  const keep = ["--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"];
  return { command: setpriv, args: [...drop, ...keep, command, ...args], owner };
}
