// What measurements of the engine run on: a real Vault, state on disk, and stacks that are made as they are needed.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pulumiEnvironment } from "../../sandbox/environment.ts";
import { rememberedPorts } from "../../sandbox/servers/ports.ts";
import { Supervisor } from "../../sandbox/servers/process.ts";
import { startVault, type Vault } from "../../sandbox/servers/vault.ts";
import { repository } from "../../sandbox/stack.ts";
import { ensureToolchain } from "../../sandbox/toolchain/toolchain.ts";
import { measure, type Measured } from "./measure.ts";

/** Where `now` starts; measurements that rotate everything go ahead by more than the longest interval. */
const start = "2027-03-01T03:00:00Z";

export class BenchWorld {
  readonly dir: string;
  readonly vault: Vault;
  readonly env: Record<string, string>;
  /** Keeps the servers; for benches that start more of them. */
  readonly supervisor: Supervisor;
  now = start;

  private constructor(dir: string, vault: Vault, supervisor: Supervisor, env: Record<string, string>) {
    this.dir = dir;
    this.vault = vault;
    this.supervisor = supervisor;
    this.env = env;
  }

  static async start(): Promise<BenchWorld> {
    const dir = mkdtempSync(join(tmpdir(), "rotation-bench-"));
    mkdirSync(join(dir, "state"), { mode: 0o700 });
    const toolchain = await ensureToolchain();
    const supervisor = new Supervisor(dir);
    const { vault: port } = await rememberedPorts(dir, ["vault"]);
    const vault = await startVault({
      supervisor,
      port,
      dir: join(dir, "vault"),
      binary: toolchain.vault,
      keysFile: join(dir, "vault-keys.json"),
    });
    const env: Record<string, string> = {
      ...pulumiEnvironment(dir, toolchain, "for measurements only"),
      VAULT_ADDR: vault.address,
      VAULT_TOKEN: vault.rootToken,
      ROTATION_FINGERPRINT_KEY: "for-measurements-only",
    };
    for (const name of ["PULUMI_STACK", "PULUMI_OPTION_CONFIG_FILE", "PULUMI_OPTION_POLICY_PACK"]) delete env[name];
    return new BenchWorld(dir, vault, supervisor, env);
  }

  async stop(): Promise<void> {
    await this.supervisor.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A stack with its configuration in this world's folder. */
  async stack(name: string, config: Record<string, unknown>): Promise<string> {
    const file = join(this.dir, `Pulumi.${name}.yaml`);
    cpSync(join(repository, "Pulumi.yaml"), join(this.dir, "Pulumi.yaml"));
    const made = await this.pulumi(["stack", "init", name], {}, this.dir);
    if (made.code !== 0) throw new Error(made.stderr);
    const salt = /^encryptionsalt: .*$/m.exec(readFileSync(file, "utf8"))?.[0] ?? "";
    writeFileSync(
      file,
      `${salt}\nconfig: ${JSON.stringify({ "secret-rotation:environment": "sandbox", ...config })}\n`,
    );
    return file;
  }

  /** Empties what stacks before wrote to Vault: a new one would refuse to make it anew. */
  async forget(application: string): Promise<void> {
    const path = `secret/metadata/${application}`;
    const { data } = await this.vault
      .call<{ data: { keys: string[] } }>("GET", `${path}?list=true`)
      .catch(() => ({ data: { keys: [] as string[] } }));
    for (const key of data.keys) await this.vault.call("DELETE", `${path}/${key}`);
  }

  /** `pulumi` in the program's folder, measured. */
  pulumi(
    args: string[],
    env: Record<string, string> = {},
    program = join(repository, "bench/programs/many"),
  ): Promise<Measured> {
    return measure("pulumi", [...args, "--non-interactive"], {
      env: { ...process.env, ...this.env, ROTATION_NOW: this.now, SANDBOX_NOW: this.now, ...env },
      cwd: program,
    });
  }

  /** Goes on so many days. */
  later(days: number): void {
    this.now = new Date(Date.parse(this.now) + days * 86_400_000).toISOString().replace(".000Z", "Z");
  }
}
