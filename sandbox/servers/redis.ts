// The sandbox's Redis: an administrator (the `default` user) and the application's first user, both with passwords.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Redis as Client } from "ioredis";
import type { ManagedProcess, Supervisor } from "./process.ts";
import { writePrivate } from "./wait.ts";

/** What the server needs. */
export interface RedisOptions {
  supervisor: Supervisor;
  /** Folder of its configuration, users and snapshot; created at the first start, reused afterwards. */
  dir: string;
  /** The `redis-server` executable. */
  binary: string;
  port: number;
  /** Password of the user `default`. */
  adminPassword: string;
  /** User that the application starts with. */
  application: { user: string; password: string };
}

/** The running server. */
export interface Redis {
  port: number;
  process: ManagedProcess;
  adminUrl: string;
  /** Connection string of the application's first user. */
  applicationUrl: string;
}

/** A connection string with every part percent-encoded. */
export function redisUrl(user: string, password: string, port: number): string {
  return `redis://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}/0`;
}

const hash = (password: string): string => `#${createHash("sha256").update(password).digest("hex")}`;

/**
 * Starts the server. Users live in an ACL file, so that `ACL SAVE` keeps what a rotation changed.
 * @throws when the server does not start
 */
export async function startRedis(options: RedisOptions): Promise<Redis> {
  const { dir, port, application } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const users = join(dir, "users.acl");
  if (!existsSync(users)) {
    const admin = `user default on ${hash(options.adminPassword)} ~* &* +@all`;
    const app = `user ${application.user} on ${hash(application.password)} ~* &* +@all -@admin -@dangerous +info +acl|whoami`;
    writePrivate(users, `${admin}\n${app}\n`);
  }
  const config = join(dir, "redis.conf");
  const settings = {
    bind: "127.0.0.1",
    port,
    "protected-mode": "yes",
    dir: JSON.stringify(dir),
    aclfile: JSON.stringify(users),
    appendonly: "no",
    save: "3600 1",
    daemonize: "no",
    loglevel: "notice",
  };
  writePrivate(
    config,
    Object.entries(settings)
      .map(([name, value]) => `${name} ${value}\n`)
      .join(""),
  );

  const adminUrl = redisUrl("default", options.adminPassword, port);
  const process = await options.supervisor.start({
    name: "redis",
    command: options.binary,
    args: [config],
    env: { PATH: "/usr/bin:/bin" },
    cwd: dir,
    ready: () => responds(adminUrl),
  });
  return { port, process, adminUrl, applicationUrl: redisUrl(application.user, application.password, port) };
}

async function responds(url: string): Promise<boolean> {
  const client = new Client(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 1_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return (await client.ping()) === "PONG";
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

/**
 * What a reset does at a vendor whose database has one password: the old one is dead at once, and whoever uses it is
 * disconnected.
 */
export async function resetPassword(adminUrl: string, user: string, password: string): Promise<void> {
  const admin = new Client(adminUrl, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 3_000 });
  admin.on("error", () => undefined);
  try {
    await admin.connect();
    await admin.call("ACL", "SETUSER", user, "resetpass", hash(password));
    await admin.call("CLIENT", "KILL", "USER", user);
    await admin.call("ACL", "SAVE");
  } finally {
    admin.disconnect();
  }
}
