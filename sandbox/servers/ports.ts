// Ports of the sandbox: free ones at the first start, the same ones ever after, so that what the state
// and the vendors remember (VAULT_ADDR, DATABASE_URL) stays true.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { randomInt } from "node:crypto";
import { identityOf } from "./identity.ts";
import { writePrivate } from "./wait.ts";

// Below the range from which the system takes ports for outgoing connections, which could be in the way at the next start.
const lowest = 20_000;
const highest = 29_999;

/** Whether a port can be listened on at 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port }, () => server.close(() => resolve(true)));
  });
}

/** Where it is written who has a port, beside whether somebody listens on it. */
function claimOf(port: number): string {
  const folder = join(tmpdir(), `secret-rotation-ports-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return join(folder, String(port));
}

/** What a claim begins with that is a sandbox's, running or not; its `ports.json` follows. */
const keptIn = "kept in ";

/** Whether who has claimed a port is still there: a process that lives, or a sandbox that remembers the port. */
function counts(owner: string, port: number): boolean {
  if (owner.startsWith(keptIn)) {
    try {
      return Object.values(readPorts(owner.slice(keptIn.length))).includes(port);
    } catch {
      // The sandbox has been taken away.
      return false;
    }
  }
  const [pid = "", ...identity] = owner.split(" ");
  return owner !== "" && identityOf(Number(pid)) === identity.join(" ");
}

/**
 * Takes a port for this process, until it ends: sandboxes that start at the same time would else choose the same one
 * before either listens.
 * @returns false when another process that is alive has it, or a sandbox that may start again
 */
export function claim(port: number): boolean {
  const file = claimOf(port);
  const mine = `${process.pid} ${identityOf(process.pid)}`;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(file, mine, { flag: "wx", mode: 0o600 });
      return true;
    } catch {
      const owner = existsSync(file) ? readFileSync(file, "utf8") : "";
      if (owner === mine) return true;
      if (counts(owner, port)) return false;
      rmSync(file, { force: true });
    }
  }
  return false;
}

function readPorts(file: string): Partial<Record<string, number>> {
  return JSON.parse(readFileSync(file, "utf8")) as Partial<Record<string, number>>;
}

/** A port that nothing listens on, and none of `except`. @throws when none is found */
export async function freePort(except: ReadonlySet<number> = new Set()): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(lowest, highest + 1);
    if (!except.has(port) && claim(port) && (await isFree(port))) return port;
  }
  throw new Error(`no free port was found between ${lowest} and ${highest} on 127.0.0.1`);
}

/**
 * The ports of a sandbox by name, from `<dir>/ports.json`; new names get a free one and are remembered.
 * @throws when a remembered port is in use by another program
 */
export async function rememberedPorts<Name extends string>(
  dir: string,
  names: readonly Name[],
): Promise<Record<Name, number>> {
  const file = join(dir, "ports.json");
  const known = existsSync(file) ? readPorts(file) : {};
  const ports: Record<string, number> = {};
  for (const name of names) {
    const port = known[name];
    if (port !== undefined && !(await isFree(port))) {
      throw new Error(
        `Port ${port}, which this sandbox uses for ${name}, is taken by another program. ` +
          `Stop that program; or begin anew with: npm run stop && rm -rf ${dir}`,
      );
    }
    ports[name] = port ?? (await freePort(new Set([...Object.values(known), ...Object.values(ports)] as number[])));
  }
  writePrivate(file, `${JSON.stringify({ ...known, ...ports }, undefined, 2)}\n`);
  // From now on they are this sandbox's, also while it is stopped.
  for (const port of Object.values(ports)) writePrivate(claimOf(port), keptIn + resolve(file));
  return ports;
}
