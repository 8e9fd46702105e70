// The leak gate: every value that exists in a world, looked for in whatever runs leave behind: output, events, state,
// messages, reports, command lines and environments of their processes.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { ownTokens } from "../../applications/visapi-own-tokens.ts";
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

  /** @param dir the world's folder; its runs are known by their configuration's place in their environment */
  constructor(dir: string, everyMs = 40) {
    this.#mark = `PULUMI_OPTION_CONFIG_FILE=${dir}/`;
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

/** Fields of Vault's entries that hold a value. */
const holdsValue = /value|private|secret|token|password|^url$|(primary|secondary)_key/i;
/** Where the stack keeps its records: names of secrets, and no value. */
const records = "rotation-audit/";

/** Reads every value that a world's Vault holds or has held: each version of each entry of every KV mount, once. */
class VaultReader {
  /** Every entry that was met, with its mount: `secret/visapi/JWT_SECRET`. */
  readonly seen = new Set<string>();
  readonly #world: World;
  readonly #read = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Values that were not read before, by where they are. */
  async fresh(): Promise<[where: string, value: string][]> {
    const { vault } = this.#world.sandbox;
    const { data } = await vault.call<{
      data: Record<string, { type: string; options?: { version?: string } | null }>;
    }>("GET", "sys/mounts");
    const mounts = Object.entries(data).filter(([, { type, options }]) => type === "kv" && options?.version === "2");
    const found: [string, string][] = [];
    for (const [mount] of mounts)
      for (const path of await this.#entries(mount)) found.push(...(await this.#of(mount, path)));
    return found;
  }

  async #entries(mount: string, folder = ""): Promise<string[]> {
    const keys = (await this.#ask<{ keys?: string[] }>(`${mount}metadata/${folder}?list=true`))?.keys ?? [];
    const below = keys
      .filter((key) => folder !== "" || key !== records)
      .map(async (key) => (key.endsWith("/") ? this.#entries(mount, folder + key) : [folder + key]));
    return (await Promise.all(below)).flat();
  }

  async #of(mount: string, path: string): Promise<[string, string][]> {
    this.seen.add(mount + path);
    const known = await this.#ask<{ versions?: Record<string, { destroyed: boolean }> }>(`${mount}metadata/${path}`);
    const found: [string, string][] = [];
    for (const [version, { destroyed }] of Object.entries(known?.versions ?? {})) {
      const id = `${mount}${path}, version ${version}`;
      if (destroyed || this.#read.has(id)) continue;
      const entry = await this.#ask<{ data?: Record<string, unknown> | null }>(
        `${mount}data/${path}?version=${version}`,
      );
      if (!entry?.data) continue;
      this.#read.add(id);
      for (const [field, value] of Object.entries(entry.data)) {
        if (typeof value !== "string" || !holdsValue.test(field)) continue;
        found.push([`${id} ${field}`, value]);
        const password = URL.canParse(value) ? new URL(value).password : "";
        if (password) found.push([`password of ${id}`, decodeURIComponent(password)]);
      }
    }
    return found;
  }

  /** @returns undefined for what is not there */
  async #ask<T>(path: string): Promise<T | undefined> {
    return this.#world.sandbox.vault.call<{ data: T }>("GET", path).then(
      ({ data }) => data,
      () => undefined,
    );
  }
}

/** Files of a world's folder in which values are by right. */
const ofRight = /^(env\.sh|secrets\.json|vault-keys\.json|ports\.json|kubeconfig.*)$/;

/** Plants values as they come up and searches what comes up, each value and each file once. */
export class LeakGate {
  readonly #canaries = new Canaries();
  readonly watch: ProcessWatch;
  /** Values, each with the name that it was first found by. */
  readonly #known = new Map<string, string>();
  readonly #inEnvironments = new Set<string>();
  readonly #files = new Map<string, number>();
  readonly #notes: [where: string, text: string][] = [];
  readonly #world: World;
  readonly #vault: VaultReader;
  /** What runs are given in their environment by right: no leak there, and one everywhere else. */
  #given = "";

  /** @param everyMs between two looks at the machine's processes */
  constructor(world: World, everyMs = 400) {
    this.#world = world;
    this.#vault = new VaultReader(world);
    this.watch = new ProcessWatch(world.dir, everyMs);
    this.give(world.sandbox.env);
  }

  get found(): string[] {
    return [...this.#canaries.found, ...this.#inEnvironments];
  }

  /** Takes note of what a run or command is given in its environment. */
  give(env: Record<string, string>): void {
    for (const value of Object.values(env)) this.#given += `${value}\n${decoded(value)}\n`;
  }

  /** How many values are searched for. */
  get count(): number {
    return this.#known.size;
  }

  /** Keeps what a run or command said until the values that it made are known. */
  note(where: string, text: string): void {
    if (text !== "") this.#notes.push([where, text]);
  }

  /** Takes up the values that exist by now. Numbers, names and prefixes that are no secret are left out by their length. */
  async collect(): Promise<void> {
    const { sandbox } = this.#world;
    // A Vault that is sealed or gone keeps back what is new in it; the rest is searched for, and that once it is back.
    const values: [string, string | undefined][] = await this.#vault.fresh().catch(() => []);
    for (const [name, value] of Object.entries(sandbox.secrets))
      if (!name.endsWith("Id") && !name.endsWith("Ref")) values.push([name, String(value)]);
    values.push(["VAULT_TOKEN", sandbox.env["VAULT_TOKEN"]]);
    const { RENDER_SERVICE_ID: service = "" } = sandbox.env;
    for (const entry of this.#vault.seen) {
      const [, name] = /^secret\/visapi\/([^/]+)$/.exec(entry) ?? [];
      if (!name) continue;
      values.push([`${name}_PREVIOUS at Render`, sandbox.simulators.render.envVar(service, `${name}_PREVIOUS`)]);
    }
    for (const [name, value] of values) {
      if (!value || value.length < 12 || this.#known.has(value)) continue;
      this.#known.set(value, name);
      this.#canaries.plant(name, value);
    }
  }

  /** Collects, then searches all that was left behind since the last time. @returns everything that was ever found */
  async sweep(): Promise<string[]> {
    await this.collect();
    for (const [where, text] of this.#notes.splice(0)) {
      this.#canaries.search(where, text);
      await turn();
    }
    const { dir, sandbox } = this.#world;
    for (const folder of ["state", "logs"]) await this.#searchFolder(join(dir, folder));
    for (const name of readdirSync(dir)) if (!ofRight.test(name)) await this.#searchFile(join(dir, name));
    const { effects, slack } = sandbox.simulators;
    this.#canaries.search("the vendors' effects", effects.lines().join("\n"));
    this.#canaries.search("Slack", JSON.stringify(slack.messages));
    this.#canaries.search("the arguments of a process", [...this.watch.arguments].join("\n"));
    this.#searchEnvironments();
    return this.found;
  }

  /** Files below a folder that are new or were written since the last time. */
  async #searchFolder(folder: string): Promise<void> {
    for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" }))
      await this.#searchFile(join(folder, entry));
  }

  async #searchFile(path: string): Promise<void> {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile() || this.#files.get(path) === stat.mtimeMs) return;
    this.#files.set(path, stat.mtimeMs);
    const bytes = readFileSync(path);
    this.#canaries.search(path, (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8"));
    await turn();
  }

  /**
   * What processes of the runs were started with: no value beside what those runs were given. A run that rotates its own
   * token hands the next one on to the run that ends the old one, in the same variable (cli/own-tokens.ts).
   */
  #searchEnvironments(): void {
    const others = new Canaries();
    for (const [value, name] of this.#known) if (!this.#given.includes(value)) others.plant(name, value);
    const watched = [...this.watch.environments].filter((each) => !((each.split("=", 1)[0] ?? "") in ownTokens));
    others.search("the environment of a process", watched.join("\n"));
    for (const each of others.found) this.#inEnvironments.add(each);
  }

  stop(): void {
    this.watch.stop();
  }
}

/** Lets others have their turn: the vendors' servers and the users of a world live in this process. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** A connection string as its parts read. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
