// Terraform at work on as many secrets as are asked for: one state, in a local file, and every command measured.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { measure, type Measured } from "../support/measure.ts";
import type { BenchWorld } from "../support/world.ts";
import { aged, type Changes, changes } from "./state.ts";
import type { TerraformToolchain } from "./toolchain.ts";

export class Workspace {
  readonly #world: BenchWorld;
  readonly #dir: string;
  readonly #toolchain: TerraformToolchain;
  #secrets = 0;

  /** @param dir the folder in which `ensureTerraform` installed the providers */
  constructor(world: BenchWorld, dir: string, toolchain: TerraformToolchain) {
    this.#world = world;
    this.#dir = dir;
    this.#toolchain = toolchain;
  }

  /** Begins anew: no state, and nothing in Vault. */
  async make(secrets: number): Promise<void> {
    this.#secrets = secrets;
    for (const name of [this.#state, `${this.#state}.backup`]) rmSync(name, { force: true });
    await this.#world.forget("terraform");
  }

  /** `terraform apply`, and what it has to have changed. */
  apply(expected: Changes, ...more: string[]): Promise<Measured> {
    return this.#run(["apply", "-auto-approve", ...more], expected);
  }

  /** `terraform plan`. */
  plan(): Promise<Measured> {
    return this.#run(["plan"], { added: 0, changed: 0, destroyed: 0 });
  }

  /** Goes on so many days, by taking them from what the state remembers. */
  later(days: number): void {
    writeFileSync(this.#state, aged(readFileSync(this.#state, "utf8"), days), { mode: 0o600 });
  }

  get #state(): string {
    return join(this.#dir, "terraform.tfstate");
  }

  async #run(args: string[], expected: Changes): Promise<Measured> {
    const { terraform, env } = this.#toolchain;
    const { VAULT_ADDR = "", VAULT_TOKEN = "" } = this.#world.env;
    const ran = await measure(terraform, [...args, "-no-color"], {
      cwd: this.#dir,
      env: { ...process.env, ...env, VAULT_ADDR, VAULT_TOKEN, TF_VAR_secrets: String(this.#secrets) },
    });
    const did = changes(ran.stdout);
    if (ran.code !== 0) throw new Error(`terraform ${args[0]} failed:\n${ran.stderr.slice(-3000)}`);
    if (JSON.stringify(did) !== JSON.stringify(expected))
      throw new Error(
        `terraform ${args.join(" ")} did ${JSON.stringify(did)}, and ${JSON.stringify(expected)} was asked for`,
      );
    return ran;
  }
}
