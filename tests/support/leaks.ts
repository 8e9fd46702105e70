// The leak gate: every value that exists in a world, looked for in whatever runs leave behind: output, events, state,
// messages, reports, command lines and environments of their processes.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Canaries } from "./traces.ts";
import type { World } from "./world.ts";

/** Command lines of every process of the machine, and environments of those of one world's runs, as long as it watches. */
export class ProcessWatch {
  readonly arguments = new Set<string>();
  /** Name and value of each variable that a process of the runs was started with. */
  readonly environments = new Set<string>();
  readonly #mark: string;
  readonly #seen = new Set<string>();
  readonly #timer: NodeJS.Timeout;

  /** @param dir the world's folder; its runs are known by the backend in their environment */
  constructor(dir: string, everyMs = 40) {
    this.#mark = `PULUMI_BACKEND_URL=file://${dir}/`;
    this.#timer = setInterval(() => this.#sample(), everyMs);
  }

  #sample(): void {
    for (const pid of readdirSync("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        // A process that replaces itself by another program is a new one.
        if (this.#seen.has(`${pid} ${line}`)) continue;
        this.#seen.add(`${pid} ${line}`);
        this.arguments.add(line);
        const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
        // Pulumi's language hosts hand the stack's configuration, decrypted, to the program in this variable alone.
        const own = variables.filter((variable) => !variable.startsWith("PULUMI_CONFIG="));
        if (variables.some((variable) => variable.startsWith(this.#mark)))
          for (const variable of own) this.environments.add(variable);
      } catch {
        // It ended meanwhile.
      }
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Every secret value that a world holds now, by a name that tells where: Vault's entries, vendors, the sandbox's own. */
export async function valuesOf(world: World, folders: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(world.sandbox.secrets))
    if (!name.endsWith("Id") && !name.endsWith("Ref") && typeof value === "string") found.set(name, value);
  found.set("VAULT_TOKEN", world.sandbox.env["VAULT_TOKEN"] ?? "");
  const { VAULT_ADDR: address = "", VAULT_TOKEN: token = "" } = world.sandbox.env;
  for (const folder of folders)
    for (const entry of Object.keys(await world.vaultVersions(folder))) {
      const response = await fetch(`${address}/v1/secret/data/${folder}/${entry}`, {
        headers: { "x-vault-token": token },
      });
      const { data } = (await response.json()) as { data?: { data?: Record<string, unknown> } };
      for (const [field, value] of Object.entries(data?.data ?? {}))
        if (
          typeof value === "string" &&
          /value|private|secret|token|password|^url$|(primary|secondary)_key/i.test(field)
        ) {
          found.set(`${folder}/${entry} ${field}`, value);
          const password = URL.canParse(value) ? new URL(value).password : "";
          if (password) found.set(`password of ${folder}/${entry}`, decodeURIComponent(password));
        }
    }
  const { render } = world.sandbox.simulators;
  const { RENDER_SERVICE_ID: service = "" } = world.sandbox.env;
  for (const entry of Object.keys(await world.vaultVersions())) {
    const previous = render.envVar(service, `${entry}_PREVIOUS`);
    if (previous) found.set(`${entry}_PREVIOUS at Render`, previous);
  }
  return found;
}

/** Plants values as they come up and searches what comes up, each value and each file once. */
export class LeakGate {
  readonly canaries = new Canaries();
  readonly watch: ProcessWatch;
  /** Files and texts that were searched. */
  searched = 0;
  readonly #known = new Set<string>();
  readonly #made = new Canaries();
  readonly #files = new Map<string, number>();
  readonly #world: World;
  /** What a run is given in its environment by right: no leak there, and one everywhere else. */
  readonly #given: string;

  constructor(world: World, everyMs?: number) {
    this.#world = world;
    this.watch = new ProcessWatch(world.dir, everyMs);
    this.#given = Object.values(world.sandbox.env)
      .flatMap((value) => [value, decoded(value)])
      .join("\n");
  }

  get found(): string[] {
    return [...this.canaries.found, ...this.#made.found];
  }

  get count(): number {
    return this.#known.size;
  }

  /** Takes up the values that exist now. Numbers, names and prefixes that are no secret are left out by their length. */
  async collect(folders: readonly string[] = ["visapi"]): Promise<void> {
    for (const [name, value] of await valuesOf(this.#world, folders)) {
      if (this.#known.has(value) || value.length < 12) continue;
      this.#known.add(value);
      this.canaries.plant(name, value);
      if (!this.#given.includes(value)) this.#made.plant(name, value);
    }
  }

  search(where: string, text: string): void {
    this.searched++;
    this.canaries.search(where, text);
  }

  /** Files below a folder that are new or were written since the last time. */
  searchFolder(folder: string): void {
    for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const path = join(folder, entry);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat?.isFile() || this.#files.get(path) === stat.mtimeMs) continue;
      this.#files.set(path, stat.mtimeMs);
      const bytes = readFileSync(path);
      this.search(path, (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8"));
    }
  }

  /** What processes were started with: of values that were made, none; of those a run is given, none in a command line. */
  searchProcesses(): void {
    this.search("the arguments of a process", [...this.watch.arguments].join("\n"));
    this.#made.search("the environment of a process", [...this.watch.environments].join("\n"));
  }

  stop(): void {
    this.watch.stop();
  }
}

/** A connection string as its parts read. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
