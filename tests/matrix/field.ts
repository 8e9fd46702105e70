// One closed world with a proxy before every server, in which cells of the matrix are tried one after the other.
import { join } from "node:path";
import { fileStore } from "../../cli/backends/files.ts";
import { forgetPending, targetArguments } from "../../cli/engine.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { clearDeadLocks } from "../../cli/locks.ts";
import { ensureStack, leftOpen, pulumi } from "../../sandbox/stack.ts";
import { World, type Run, type RunSettings } from "../support/world.ts";
import { commandOf, holderOf, kill, withEnvironment } from "./processes.ts";
import { startProxies, type Proxies } from "./proxies.ts";
import type { UnderTest, Users } from "./applications/under-test.ts";
import { readMemory, secretsOf, type Memory, type SecretMemory } from "./state.ts";
import { Wire, type Armed } from "./wire.ts";

export interface FieldOptions {
  /** Whose rotation is disturbed. */
  of: UnderTest;
  /** A folder of `tests/programs/`. @default the repository's own program */
  program?: string | undefined;
  /** Seconds for which the provider asks a vendor again. @default 10 */
  patienceSeconds?: number;
}

export class Field {
  readonly world: World;
  readonly wire: Wire;
  readonly proxies: Proxies;
  readonly users: Users;
  readonly of: UnderTest;
  /** Whether the last run was killed: then the next one does what `npm start` and `rotate run` do about it. */
  killed = false;
  /** Told of each run as it ends. */
  onRun: (run: Run) => void | Promise<void> = () => undefined;
  readonly #env: Record<string, string>;
  #engine = 0;
  #deaths = 0;

  private constructor(of: UnderTest, world: World, wire: Wire, proxies: Proxies, patienceSeconds: number) {
    this.of = of;
    this.world = world;
    this.wire = wire;
    this.proxies = proxies;
    this.#env = { ...proxies.env, ROTATION_PATIENCE_SECONDS: String(patienceSeconds) };
    this.users = of.users(world.sandbox.env);
    // `rotate` dies with every second engine that is killed.
    world.diesToo = () => (this.#deaths += 1) % 2 === 0;
    wire.killConsumers = () => this.killConsumers();
    wire.kill = async (kind, { remotePort, localPort }) => {
      const pid = kind.includes("engine") ? this.#engine : holderOf(remotePort, localPort);
      if (!pid) throw new Error(`nobody was found at the other end of a call, for: ${kind}`);
      kill(pid);
      this.killed = true;
    };
  }

  /**
   * Kills every process of some consumers.
   * @param texts what stands in their command lines @default all of them
   * @returns how many there were
   */
  killConsumers(texts = this.of.consumers.map(({ text }) => text)): number {
    const found = this.world.sandbox.supervisor.pids.filter((pid) =>
      texts.some((text) => commandOf(pid).includes(text)),
    );
    for (const pid of found) kill(pid);
    return found.length;
  }

  static async start({ of, program, patienceSeconds = 10 }: FieldOptions): Promise<Field> {
    const world = await World.start(of.world);
    const { env } = world.sandbox;
    Object.assign(env, await ensureStack(world.dir, env, of.application));
    if (program) world.program = program;
    const wire = new Wire();
    return new Field(
      of,
      world,
      wire,
      await startProxies(wire, env, { dir: world.dir, kubernetes: world.sandbox.kubernetes }),
      patienceSeconds,
    );
  }

  async stop(): Promise<void> {
    await this.users.stop();
    await this.proxies.stop();
    await this.world.end();
  }

  memory(): Memory {
    return readMemory(this.world.dir, this.of.application);
  }

  secrets(): Map<string, SecretMemory> {
    return secretsOf(this.memory());
  }

  /** A run of `secrets` (all when there are none named) with faults that wait. What was not met waits no more afterwards. */
  async run(secrets: readonly string[], armed: readonly Armed[] = [], settings: RunSettings = {}): Promise<Run> {
    this.wire.begin(armed);
    const run = await this.world.up({
      ...settings,
      env: { ...this.#env, ...settings.env },
      args: [...targetArguments([...secrets]), ...(settings.args ?? [])],
      onStart: (pid) => (this.#engine = pid),
    });
    this.wire.disarm();
    if (this.killed) await this.#gone();
    await this.onRun(run);
    return run;
  }

  /** The next run, as `npm start` makes it: the lock of a dead run is taken away, and what it left open is forgotten. */
  async next(secrets: readonly string[], settings: RunSettings = {}, armed: readonly Armed[] = []): Promise<Run> {
    await clearDeadLocks(fileStore(join(this.world.dir, "state")));
    this.killed = false;
    const run = await this.run(secrets, armed, settings);
    if (run.code === 0 && !this.killed && leftOpen(this.world.dir, this.of.application)) {
      const forgot = await pulumi([...forgetPending, "--non-interactive"], {
        env: { ...this.#env, ROTATION_NOW: settings.now ?? this.world.now },
        cwd: this.world.cwd(),
      });
      if (forgot.code !== 0) return { ...run, code: forgot.code, output: run.output + forgot.stdout + forgot.stderr };
    }
    return run;
  }

  /** Another run at the same time, as if two people or jobs had started one. */
  rival(): Promise<Run> {
    return this.world.up({ env: this.#env });
  }

  /** What Ctrl-C does. */
  interrupt(): void {
    process.kill(this.#engine, "SIGINT");
  }

  /** Processes of this world's runs. */
  processes(): { pid: number; command: string }[] {
    return withEnvironment(`PULUMI_OPTION_CONFIG_FILE=${this.world.dir}/`);
  }

  async #gone(): Promise<void> {
    await waitFor(() => this.processes().length === 0, { what: "a killed run's processes to end", timeoutMs: 30_000 });
  }
}
