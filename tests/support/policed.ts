// A project of its own in a temporary folder, for tests of the policy pack on the real engine: no server, a state on
// disk, and a program that the test writes.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathPrefix } from "../../sandbox/environment.ts";
import { ensureToolchain, type Toolchain } from "../../sandbox/toolchain/toolchain.ts";

const root = join(import.meta.dirname, "..", "..");
const pack = join(root, "policies");

export interface Ran {
  code: number;
  output: string;
}

export class Policed {
  readonly folder: string;
  /** The time of the runs that follow, RFC 3339; left out: the system's. */
  now: string | undefined;
  /** For the runs that follow. */
  env: Record<string, string> = {};
  /** Where `pulumi` runs: the folder itself, or a program that is there already. */
  readonly #cwd: string;
  readonly #toolchain: Toolchain;

  private constructor(folder: string, cwd: string, toolchain: Toolchain) {
    this.folder = folder;
    this.#cwd = cwd;
    this.#toolchain = toolchain;
  }

  /** A program of the repository, with a state and a configuration of its own; its stack is `main`. */
  static async of(cwd: string): Promise<Policed> {
    const folder = await mkdtemp(join(tmpdir(), "program-"));
    await mkdir(join(folder, "state"));
    // A copy, since `pulumi config set` writes beside the program.
    await cp(cwd, join(folder, "program"), { recursive: true });
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    const project = new Policed(folder, join(folder, "program"), await ensureToolchain());
    const { code, output } = await project.pulumi("stack", "init", "main");
    if (code !== 0) throw new Error(output);
    return project;
  }

  /** @param rotation whether the project uses our provider. @default true */
  static async start({ rotation = true } = {}): Promise<Policed> {
    const folder = await mkdtemp(join(tmpdir(), "policies-"));
    await mkdir(join(folder, "state"));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    const plugins = { providers: [{ name: "rotation", path: join(root, "provider", "bin") }] };
    const project = { name: "policed", runtime: { name: "nodejs", options: { typescript: false } } };
    await writeFile(join(folder, "Pulumi.yaml"), JSON.stringify({ ...project, ...(rotation ? { plugins } : {}) }));
    await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module", main: "index.ts" }));
    return new Policed(folder, folder, await ensureToolchain());
  }

  stop(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  declare(program: string): Promise<void> {
    return writeFile(join(this.folder, "index.ts"), program);
  }

  /** @param config of the rules, by name */
  async configure(config: object): Promise<void> {
    await writeFile(join(this.folder, "policies.json"), JSON.stringify(config));
  }

  /** With the pack, as every command of this project runs it. */
  judged(...args: string[]): Promise<Ran> {
    return this.pulumi(...args, "--policy-pack", pack, "--policy-pack-config", join(this.folder, "policies.json"));
  }

  pulumi(...args: string[]): Promise<Ran> {
    return new Promise((resolve) => {
      const env = {
        ...process.env,
        PATH: [...pathPrefix(this.#toolchain), process.env.PATH].join(delimiter),
        PULUMI_HOME: this.#toolchain.pulumiHome,
        PULUMI_BACKEND_URL: `file://${join(this.folder, "state")}`,
        PULUMI_CONFIG_PASSPHRASE: "test",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        ROTATION_FINGERPRINT_KEY: "test",
        ...(this.now ? { ROTATION_NOW: this.now, SANDBOX_NOW: this.now } : {}),
        ...this.env,
      };
      const options = { cwd: this.#cwd, env, maxBuffer: 64 * 1024 * 1024 };
      execFile(this.#toolchain.pulumi, [...args, "--non-interactive"], options, (error, stdout, stderr) => {
        const code = error && typeof error.code === "number" ? error.code : error ? 1 : 0;
        resolve({ code, output: stdout + stderr });
      });
    });
  }

  /** The resources of a stack as its state on disk has them; "[]" before the first run. */
  async state(stack: string): Promise<string> {
    const file = join(this.folder, "state", ".pulumi", "stacks", "policed", `${stack}.json`);
    const text = await readFile(file, "utf8").catch(() => "{}");
    const { checkpoint } = JSON.parse(text) as { checkpoint?: { latest?: { resources?: unknown[] } } };
    // A run that changes nothing still encrypts everything anew.
    return JSON.stringify(checkpoint?.latest?.resources ?? []).replaceAll(/"ciphertext":"[^"]*"/g, '"ciphertext":""');
  }
}

/** Where a program in such a folder finds our provider's classes. */
export const sdk = JSON.stringify(join(root, "provider", "sdk.ts"));
