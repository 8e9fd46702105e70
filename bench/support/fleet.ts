// As many secrets as are asked for (bench/programs/many), in one stack or in parts, and `rotate` on them, measured.
import { join } from "node:path";
import { repository } from "../../sandbox/stack.ts";
import { measure, type Measured } from "./measure.ts";
import type { BenchWorld } from "./world.ts";

const program = join(repository, "bench", "programs", "many");
/** `rotate`, as people start it: arguments of Node. */
export const cli = [join(repository, "bootstrap.mjs"), "cli/main.ts"];

export class Fleet {
  readonly #world: BenchWorld;
  readonly #name: string;
  readonly #parts: number;

  /** @param parts 1 for one stack */
  constructor(world: BenchWorld, name: string, parts: number) {
    this.#world = world;
    this.#name = name;
    this.#parts = parts;
  }

  /** Makes the stacks, with nothing in them yet. */
  async make(count: number): Promise<void> {
    await this.#world.forget("many");
    const config = { "bench:secrets": count, "secret-rotation:applications": ["many"] };
    await this.#world.stack(this.#name, config);
    if (this.#parts > 1) must(await this.rotate(["parts", this.#name, "--of", String(this.#parts)]));
  }

  /** `rotate run` on all parts, or on the one stack. */
  all(...more: string[]): Promise<Measured> {
    const which = this.#parts > 1 ? ["--all-parts"] : [];
    return this.rotate(["run", ...more, ...which, "--stack", this.#name]);
  }

  /** `rotate plan` of the first part, or of the one stack. */
  preview(): Promise<Measured> {
    return this.rotate(["plan", "--stack", this.#parts > 1 ? `${this.#name}-1` : this.#name]);
  }

  /** `rotate plan` of all parts, or of the one stack. */
  previews(...more: string[]): Promise<Measured> {
    return this.#parts === 1 ? this.preview() : this.rotate(["plan", ...more, "--all-parts", "--stack", this.#name]);
  }

  rotate(command: string[]): Promise<Measured> {
    return measure(process.execPath, [...cli, ...command], this.#how());
  }

  #how(): { cwd: string; env: NodeJS.ProcessEnv } {
    const { env, dir, now } = this.#world;
    return {
      cwd: repository,
      env: {
        ...process.env,
        ...env,
        PULUMI_OPTION_CWD: program,
        PULUMI_OPTION_CONFIG_FILE: join(dir, `Pulumi.${this.#name}.yaml`),
        ROTATION_NOW: now,
        SANDBOX_NOW: now,
      },
    };
  }
}

/** @throws Error with the end of what it said, when a command failed; 3 is "done, and something wants attention" */
export function must(ran: Measured): Measured {
  if (ran.code !== 0 && ran.code !== 3) throw new Error(ran.stderr.slice(-3000) || ran.stdout.slice(-3000));
  return ran;
}
