// One closed world for engine tests: a sandbox of its own, the real CLI, and a clock that the test sets.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InventoryRow } from "../../components/application.ts";
import { fileStore } from "../../cli/backends/files.ts";
import type { EngineEvent } from "../../cli/events.ts";
import { JournalService } from "../../cli/journal/service.ts";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { configFile, ensureStack, pulumi, repository, type Ran } from "../../sandbox/stack.ts";
import { LeakGate } from "./leaks.ts";
import type { WorkloadOptions } from "../../sandbox/servers/kubernetes-workloads.ts";
import { ensureKubernetes } from "../../sandbox/toolchain/kubernetes.ts";
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
  /** What the engine reported as errors, and rules of the policy pack that stopped it; its closing "update failed" is left out. */
  errors: string[];
  /** The engine's event stream as it was written. */
  events: string;
  seconds: number;
}

export interface RunSettings {
  /** The time of the run, RFC 3339. @default the world's `now` */
  now?: string;
  args?: string[];
  env?: Record<string, string>;
  /** A folder of `tests/programs/` to run in place of the repository's own program. */
  program?: string;
  onStart?: (pid: number) => void;
  onOutput?: (text: string) => void;
}

const silent = new Set(["same", "read", "refresh"]);

export interface WorldOptions {
  kubernetes?: WorkloadOptions | "intelliflow";
  policies?: boolean;
  leastRights?: boolean;
  watchEveryMs?: number;
}

export class World {
  readonly sandbox: Sandbox;
  readonly dir: string;
  /** Knows every value of this world, and what its runs and commands leave behind. */
  readonly gate: LeakGate;
  /** The time that runs see. */
  now: string;
  /**
   * Whether the engine's steps go to a journal, as under `rotate`, or its checkpoints to the state, as with `pulumi` alone.
   * @default true
   */
  journaled = true;
  /** Asked when the engine of a journaled run was killed: whether `rotate` died with it. @default it lives */
  diesToo: () => boolean = () => false;
  /** Runs take this folder of `tests/programs/` unless they name one. @default the repository's own program */
  program?: string;
  #runs = 0;

  private constructor(sandbox: Sandbox, dir: string, watchEveryMs?: number) {
    this.sandbox = sandbox;
    this.dir = dir;
    this.now = "2027-03-01T03:00:00Z";
    this.gate = new LeakGate(this, watchEveryMs);
  }

  /**
   * @param kubernetes what a team has in its cluster, or IntelliFlow with pods that are processes; left out, there is no cluster
   * @param policies whether the policy pack judges each run, as in the sandbox: a fifth of a run's time, so only where
   * that is looked at
   * @param leastRights whether VAULT_TOKEN may no more than the stack's policy says; left out, it is an administrator's,
   * by which tests also prepare Vault and look into it
   * @param watchEveryMs between two looks of the leak gate at the machine's processes. @default the gate's own
   */
  static async start({
    kubernetes: wanted,
    policies = false,
    leastRights = false,
    watchEveryMs,
  }: WorldOptions = {}): Promise<World> {
    const dir = mkdtempSync(join(tmpdir(), "rotation-world-"));
    const toolchain = await ensureToolchain();
    const kubernetes = wanted && {
      toolchain: await ensureKubernetes(),
      ...(wanted === "intelliflow" ? {} : { workloads: wanted }),
    };
    const sandbox = await Sandbox.start({ dir, toolchain, limitScale: 1000, ...(kubernetes ? { kubernetes } : {}) });
    if (!policies) delete sandbox.env["PULUMI_OPTION_POLICY_PACK"];
    if (!leastRights) sandbox.env["VAULT_TOKEN"] = sandbox.vault.rootToken;
    await ensureStack(dir, sandbox.env);
    return new World(sandbox, dir, watchEveryMs);
  }

  /** Ends the world. @throws Error when a value lies anywhere in what was left behind, whatever the tests looked at */
  async stop(): Promise<void> {
    const found = await this.gate.sweep();
    await this.end();
    if (found.length > 0) throw new Error(`values were left in plain text:\n${found.join("\n")}`);
  }

  /** Ends the world without a look at what was left behind. */
  async end(): Promise<void> {
    this.gate.stop();
    await this.sandbox.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  up(settings: RunSettings = {}): Promise<Run> {
    return this.#run(["up", "--yes", "--skip-preview"], settings);
  }

  preview(settings: RunSettings = {}): Promise<Run> {
    return this.#run(["preview", "--diff"], settings);
  }

  refresh(settings: RunSettings = {}): Promise<Run> {
    return this.#run(["refresh", "--yes", "--skip-preview"], settings);
  }

  /** The folder in which `pulumi` runs. */
  cwd(program = this.program): string {
    return program ? join(repository, "tests", "programs", program) : repository;
  }

  async #run(command: string[], settings: RunSettings): Promise<Run> {
    const { now = this.now, args = [], env = {}, program = this.program, onStart, onOutput } = settings;
    await ensureStack(this.dir, this.sandbox.env);
    if (program) this.#declareAll();
    this.gate.give(env);
    const log = join(this.dir, `events-${++this.#runs}.json`);
    const started = Date.now();
    const service = this.journaled && command[0] !== "refresh" ? await this.#journal(env) : undefined;
    const ran = await pulumi([...command, "--non-interactive", "--event-log", log, ...args], {
      env: {
        ...this.sandbox.env,
        // The flag for the event log is one of the CLI's debugging commands.
        PULUMI_DEBUG_COMMANDS: "true",
        ...{ ROTATION_NOW: now, SANDBOX_NOW: now },
        ...env,
        ...service?.env,
      },
      cwd: this.cwd(program),
      onStart: (pid) => {
        if (service) service.pid = pid;
        onStart?.(pid);
      },
      onOutput,
    });
    if (ran.signal === "SIGKILL" && this.diesToo()) await service?.abandon();
    else
      await service?.stop().catch((error: unknown) => {
        // As `rotate` has it: the run has failed, and journal and lock stay.
        ran.code ||= 1;
        ran.stderr += `error: ${(error as Error).message}\n`;
      });
    let events = "";
    try {
      events = readFileSync(log, "utf8");
    } catch {
      // A run that fails before the engine starts writes none.
    }
    for (const [stream, text] of Object.entries({ stdout: ran.stdout, stderr: ran.stderr, events }))
      this.gate.note(`${stream} of ${command[0]} at ${now}`, text);
    return {
      ...ran,
      output: ran.stdout + ran.stderr,
      steps: stepsOf(events),
      errors: [...errorsOf(events), ...violationsOf(events)],
      events,
      seconds: (Date.now() - started) / 1000,
    };
  }

  #journal(env: Record<string, string>): Promise<JournalService> {
    const stack = { ...this.sandbox.env, ...env }["PULUMI_STACK"] ?? "";
    return JournalService.start({ store: fileStore(join(this.dir, "state"), true), project: "secret-rotation", stack });
  }

  /** The stack's inventory of an application. */
  async inventory(application = "visapi"): Promise<Map<string, InventoryRow>> {
    const { stdout } = await pulumi(["stack", "output", "--json"], { env: this.sandbox.env, cwd: this.cwd() });
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

  /** The latest version of every entry below a folder of Vault's KV mount `secret`; empty when there is none. */
  async vaultVersions(folder = "visapi"): Promise<Record<string, number>> {
    const { VAULT_ADDR: address = "", VAULT_TOKEN: token = "" } = this.sandbox.env;
    const ask = async (path: string): Promise<Record<string, unknown>> => {
      const response = await fetch(`${address}/v1/secret/metadata/${path}`, { headers: { "x-vault-token": token } });
      return ((await response.json()) as { data?: Record<string, unknown> }).data ?? {};
    };
    const { keys = [] } = (await ask(`${folder}?list=true`)) as { keys?: string[] };
    const versions = keys.map(async (key) => [key, (await ask(`${folder}/${key}`))["current_version"] as number]);
    return Object.fromEntries(await Promise.all(versions)) as Record<string, number>;
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

  /** Replaces the stack's configuration beyond what the repository's file says; what was handed over stays. */
  configure(config: Record<string, unknown>): void {
    const file = configFile(this.dir);
    const before = readFileSync(file, "utf8");
    const salt = /^encryptionsalt: .*$/m.exec(before)?.[0] ?? "";
    const kept: [string, unknown][] = [...before.matchAll(/^ {2}(visapi:\w+):\s+secure: (\S+)$/gm)].map(
      ([, key = "", secure]) => [key, { secure }],
    );
    // What this method itself wrote is JSON on one line.
    const own = JSON.parse(/^config: (\{.*\})$/m.exec(before)?.[1] ?? "{}") as Record<string, unknown>;
    for (const [key, value] of Object.entries(own))
      if (typeof value === "object" && value !== null && "secure" in value) kept.push([key, value]);
    const whole = {
      "secret-rotation:environment": "sandbox",
      "secret-rotation:applications": ["visapi"],
      ...Object.fromEntries(kept),
      ...config,
    };
    writeFileSync(file, `${salt}\nconfig: ${JSON.stringify(whole)}\n`);
  }

  /** A program of `tests/programs/` declares what it likes: the choice of applications is the repository's program's. */
  #declareAll(): void {
    const file = configFile(this.dir);
    const before = readFileSync(file, "utf8");
    const after = before.replace(
      /^ {2}secret-rotation:applications:.*\n(?: +- .*\n)*|"secret-rotation:applications":\[[^\]]*\],/m,
      "",
    );
    if (after !== before) writeFileSync(file, after);
  }

  /** `now`, so many days later. */
  later(days: number, hours = 0): string {
    return new Date(Date.parse(this.now) + days * 86_400_000 + hours * 3_600_000).toISOString().replace(".000Z", "Z");
  }
}

/** Events of one kind, as the engine wrote them; the last line of an engine that was killed may be half a one. */
function eventsOf<Kind extends keyof EngineEvent>(log: string, kind: Kind): NonNullable<EngineEvent[Kind]>[] {
  const lines = log.split("\n");
  const whole = log.endsWith("\n") ? lines : lines.slice(0, -1);
  return whole.flatMap((line) => {
    const event = line.includes(`"${kind}"`) ? (JSON.parse(line) as EngineEvent)[kind] : undefined;
    return event ? [event] : [];
  });
}

function stepsOf(log: string): Step[] {
  return eventsOf(log, "resourcePreEvent")
    .map(({ metadata }) => metadata)
    .filter(({ op }) => !silent.has(op))
    .map(({ op, urn }) => ({ op, urn, name: urn.split("::").slice(3).join("::") }));
}

function errorsOf(log: string): string[] {
  return eventsOf(log, "diagnosticEvent")
    .flatMap(({ severity, message }) => (severity === "error" ? [message.replaceAll(/<\{%.*?%\}>/g, "").trim()] : []))
    .filter((message) => !/^(update|preview) failed$/.test(message));
}

function violationsOf(log: string): string[] {
  const said = eventsOf(log, "policyEvent")
    .filter(({ enforcementLevel }) => enforcementLevel === "mandatory")
    .map(({ resourceUrn = "", message }) => `${resourceUrn}: ${message}`);
  return [...new Set(said)];
}

/** Names of the secrets that a run touches, without the application. */
export function touched(run: Run): string[] {
  return [...new Set(run.steps.map(({ name }) => name.split("/")[1]).filter((name) => name !== undefined))].sort();
}
