// One closed world for engine tests: a sandbox of its own, the real CLI, and a clock that the test sets.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InventoryRow } from "../../components/application.ts";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { configFile, ensureStack, pulumi, type Ran } from "../../sandbox/stack.ts";
import { ensureToolchain } from "../../sandbox/toolchain/toolchain.ts";

export interface Step {
  op: string;
  urn: string;
  /** The last part of the URN, like `visapi/JWT_SECRET/clock`. */
  name: string;
}

export interface Run extends Ran {
  /** Everything that was printed. */
  output: string;
  /** Steps that change something, in the order in which they began. */
  steps: Step[];
  /** The engine's event stream as it was written. */
  events: string;
  seconds: number;
}

export interface RunSettings {
  /** The time of the run, RFC 3339. @default the world's `now` */
  now?: string;
  args?: string[];
  env?: Record<string, string>;
  onStart?: (pid: number) => void;
  onOutput?: (text: string) => void;
}

const silent = new Set(["same", "read", "refresh"]);

export class World {
  readonly sandbox: Sandbox;
  readonly dir: string;
  /** The time that runs see. */
  now: string;

  private constructor(sandbox: Sandbox, dir: string) {
    this.sandbox = sandbox;
    this.dir = dir;
    this.now = "2027-03-01T03:00:00Z";
  }

  static async start(): Promise<World> {
    const dir = mkdtempSync(join(tmpdir(), "rotation-world-"));
    const toolchain = await ensureToolchain();
    const sandbox = await Sandbox.start({ dir, toolchain, limitScale: 1000 });
    return new World(sandbox, dir);
  }

  async stop(): Promise<void> {
    await this.sandbox.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Forgets the stack: its state and its configuration. What it wrote to the vendors stays there. */
  async newStack(): Promise<void> {
    rmSync(join(this.dir, "state"), { recursive: true, force: true });
    rmSync(configFile(this.dir), { force: true });
    await ensureStack(this.dir, this.sandbox.env);
  }

  up(settings: RunSettings = {}): Promise<Run> {
    return this.#run(["up", "--yes", "--skip-preview"], settings);
  }

  preview(settings: RunSettings = {}): Promise<Run> {
    return this.#run(["preview", "--diff"], settings);
  }

  async #run(command: string[], { now = this.now, args = [], env = {}, onStart, onOutput }: RunSettings): Promise<Run> {
    await ensureStack(this.dir, this.sandbox.env);
    const log = join(this.dir, `events-${Date.now()}.json`);
    const started = Date.now();
    const ran = await pulumi([...command, "--non-interactive", "--event-log", log, ...args], {
      // The flag for the event log is one of the CLI's debugging commands.
      env: { ...this.sandbox.env, PULUMI_DEBUG_COMMANDS: "true", ROTATION_NOW: now, SANDBOX_NOW: now, ...env },
      onStart,
      onOutput,
    });
    let events = "";
    try {
      events = readFileSync(log, "utf8");
    } catch {
      // A run that fails before the engine starts writes none.
    }
    return {
      ...ran,
      output: ran.stdout + ran.stderr,
      steps: stepsOf(events),
      events,
      seconds: (Date.now() - started) / 1000,
    };
  }

  /** The stack's inventory of an application. */
  async inventory(application = "visapi"): Promise<Map<string, InventoryRow>> {
    const { stdout } = await pulumi(["stack", "output", "--json"], { env: this.sandbox.env });
    const outputs = JSON.parse(stdout) as Record<string, InventoryRow[]>;
    return new Map((outputs[application] ?? []).map((row) => [row.secret, row]));
  }

  /** One field of an entry of Vault's KV mount `secret`, its latest version. */
  async vaultField(path: string, field: string): Promise<string | undefined> {
    const { VAULT_ADDR: address = "", VAULT_TOKEN: token = "" } = this.sandbox.env;
    const response = await fetch(`${address}/v1/secret/data/${path}`, { headers: { "x-vault-token": token } });
    const { data } = (await response.json()) as { data?: { data?: Record<string, string> } };
    return data?.data?.[field];
  }

  /** What a person does on Render's dashboard; the next deploy hands it to the API. */
  async setRenderVariable(key: string, value: string): Promise<void> {
    const { RENDER_API_URL: url, RENDER_API_KEY: token, RENDER_SERVICE_ID: service } = this.sandbox.env;
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    await fetch(`${url}/services/${service}/env-vars/${key}`, {
      method: "PUT",
      headers,
      body: JSON.stringify({ value }),
    });
  }

  /** Replaces the stack's configuration beyond what the repository's file says. */
  configure(config: Record<string, unknown>): void {
    const file = configFile(this.dir);
    const salt = /^encryptionsalt: .*$/m.exec(readFileSync(file, "utf8"))?.[0] ?? "";
    const whole = { "secret-rotation:environment": "sandbox", ...config };
    writeFileSync(file, `${salt}\nconfig: ${JSON.stringify(whole)}\n`);
  }

  /** `now`, so many days later. */
  later(days: number, hours = 0): string {
    return new Date(Date.parse(this.now) + days * 86_400_000 + hours * 3_600_000).toISOString().replace(".000Z", "Z");
  }
}

function stepsOf(events: string): Step[] {
  return events
    .split("\n")
    .filter((line) => line.includes('"resourcePreEvent"'))
    .flatMap((line) => {
      const { resourcePreEvent } = JSON.parse(line) as { resourcePreEvent?: { metadata: { op: string; urn: string } } };
      return resourcePreEvent ? [resourcePreEvent.metadata] : [];
    })
    .filter(({ op }) => !silent.has(op))
    .map(({ op, urn }) => ({ op, urn, name: urn.split("::").slice(3).join("::") }));
}

/** Names of the secrets that a run touches, without the application. */
export function touched(run: Run): string[] {
  return [...new Set(run.steps.map(({ name }) => name.split("/")[1]).filter((name) => name !== undefined))].sort();
}
