// Ports of the sandbox: free ones at the first start, the same ones ever after, so that what the state
// and the vendors remember (VAULT_ADDR, DATABASE_URL) stays true.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
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

/**
 * Takes a port for this process, until it ends: sandboxes that start at the same time would else choose the same one
 * before either listens.
 * @returns false when another process that is alive has it
 */
function claim(port: number): boolean {
  const folder = join(tmpdir(), `secret-rotation-ports-${userInfo().uid}`);
  const file = join(folder, String(port));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const mine = `${process.pid} ${identityOf(process.pid)}`;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(file, mine, { flag: "wx", mode: 0o600 });
      return true;
    } catch {
      const owner = existsSync(file) ? readFileSync(file, "utf8") : "";
      if (owner === mine) return true;
      const [pid = "", ...identity] = owner.split(" ");
      if (owner && identityOf(Number(pid)) === identity.join(" ")) return false;
      rmSync(file, { force: true });
    }
  }
  return false;
}

/** A port that nothing listens on, and none of `except`. @throws when none is found */
export async function freePort(except: ReadonlySet<number> = new Set()): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(lowest, highest + 1);
    if (!except.has(port) && claim(port) && (await isFree(port))) return port;
  }
  throw new Error(`no free port was found between ${lowest} and ${highest} on 127.0.0.1`);
}

/** The same, within 2 s: whoever had it may be about to end, or only have looked whether it is free. */
async function becomesFree(port: number): Promise<boolean> {
  for (let attempt = 0; attempt < 20; attempt++) {
    if (await isFree(port)) return true;
    await setTimeout(100);
  }
  return isFree(port);
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
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<Record<string, number>>) : {};
  const ports: Record<string, number> = {};
  for (const name of names) {
    const port = known[name];
    if (port !== undefined && !(await becomesFree(port))) {
      throw new Error(
        `Port ${port}, which this sandbox uses for ${name}, is taken by another program. ` +
          `Stop that program; or begin anew with: npm run stop && rm -rf ${dir}`,
      );
    }
    ports[name] = port ?? (await freePort(new Set([...Object.values(known), ...Object.values(ports)] as number[])));
  }
  writePrivate(file, `${JSON.stringify({ ...known, ...ports }, undefined, 2)}\n`);
  return ports;
}
