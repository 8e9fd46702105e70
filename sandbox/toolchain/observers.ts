// What only tests of the report page and of the monitoring need: a browser and Prometheus, from Debian's own packages.
import { dirname, join } from "node:path";
import { installOnce, versionOf, type ServerSearch } from "./debian.ts";
import { findOnPath } from "./path.ts";
import { reporter } from "./progress.ts";

export interface Chromium {
  path: string;
  /** E.g. `156.0.8078.79`. */
  version: string;
}

/** Prometheus's server and its tool for rules. */
export interface Prometheus {
  prometheus: string;
  promtool: string;
  /** E.g. `2.42.0+ds`. */
  version: string;
}

/** A Chromium, by whatever name the distribution gives it. */
const browsers = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/** Installed first if it is missing, with fonts to draw with. Errors as with `ensureServers`. */
export async function ensureChromium(step = reporter().step("chromium"), search: ServerSearch = {}): Promise<Chromium> {
  const find = (): string | undefined =>
    browsers.map((name) => findOnPath(name, search.path)).find((found) => found !== undefined);
  await installOnce(() => (find() === undefined ? ["chromium", "fonts-liberation"] : []), step, search);
  const path = find();
  if (path === undefined) throw new Error("chromium was installed, but is not on PATH");
  const version = await versionOf(path, /(\d+(?:\.\d+)+)/);
  step.done(version);
  return { path, version };
}

/** Installed first if it is missing; its service is never started. Errors as with `ensureServers`. */
export async function ensurePrometheus(
  step = reporter().step("prometheus"),
  search: ServerSearch = {},
): Promise<Prometheus> {
  const find = (): string | undefined => findOnPath("prometheus", search.path);
  await installOnce(() => (find() === undefined ? ["prometheus"] : []), step, search);
  const prometheus = find();
  if (prometheus === undefined) throw new Error("prometheus was installed, but is not on PATH");
  const version = await versionOf(prometheus, /version (\S+)/);
  step.done(version);
  return { prometheus, promtool: join(dirname(prometheus), "promtool"), version };
}

/** The path of a Pushgateway, installed first if it is missing; its service is never started. Errors as with `ensureServers`. */
export async function ensurePushgateway(
  step = reporter().step("pushgateway"),
  search: ServerSearch = {},
): Promise<string> {
  const find = (): string | undefined => findOnPath("prometheus-pushgateway", search.path);
  await installOnce(() => (find() === undefined ? ["prometheus-pushgateway"] : []), step, search);
  const path = find();
  if (path === undefined) throw new Error("prometheus-pushgateway was installed, but is not on PATH");
  step.done(await versionOf(path, /version (\S+)/));
  return path;
}
