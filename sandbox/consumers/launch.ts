// Starts consumers the way a hosting platform does: with exactly the environment it was given, and a PORT.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../servers/ports.ts";
import type { Supervisor } from "../servers/process.ts";
import type { Launch } from "../simulators/platform.ts";
import { cacheRoot } from "../toolchain/cache.ts";

/** A consumer that can be launched. */
export interface Consumer {
  /** Names its logs. */
  name: string;
  /** Module that serves. */
  main: string;
  /** Path that answers 200 as soon as the process takes requests. */
  liveness: string;
  /** Variable in which the platform names the instance. */
  instanceVariable: string;
}

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The API: Render's service. */
export const api: Consumer = {
  name: "visapi",
  main: file("visapi/main.ts"),
  liveness: "/health/liveness",
  instanceVariable: "RENDER_INSTANCE_ID",
};

/** The front end: Vercel's project. */
export const frontend: Consumer = {
  name: "frontend",
  main: file("frontend/main.ts"),
  liveness: "/health",
  instanceVariable: "VERCEL_INSTANCE_ID",
};

/** What the platform's machine itself puts around a process. */
const platformEnv = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  NODE_ENV: "production",
  TZ: "UTC",
  NODE_COMPILE_CACHE: join(cacheRoot(), "node-compile-cache"),
};

/**
 * Makes the function that starts instances of a consumer. It does not wait until they serve: the platform polls that.
 * @param supervisor keeps the processes and their logs, one file for each index
 */
export function launcher(consumer: Consumer, supervisor: Supervisor): Launch {
  return async (env, { index, deployId }) => {
    const port = await freePort();
    // An instance that replaces a crashed one has the same deploy and index, and is another process all the same.
    const instance = `${deployId}-${index}-${randomBytes(3).toString("hex")}`;
    const child = await supervisor.start({
      name: `${consumer.name}-${index}`,
      command: process.execPath,
      args: ["--disable-warning=ExperimentalWarning", consumer.main],
      env: { ...platformEnv, ...env, PORT: String(port), [consumer.instanceVariable]: instance },
    });
    return {
      port,
      stop: async () => void (await child.stop()),
      kill: () => void child.kill(),
      exited: child.exited.then(({ code }) => code ?? 137),
    };
  };
}
