// The real `pulumi` CLI as a child process. Nothing that is secret is ever an argument: values go through standard input.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, UsageError } from "./command.ts";
import { backendFolder, mendMetadata } from "./backends/files.ts";
import { openStore } from "./backends/store.ts";
import { eventsTo, type EngineEvent } from "./events.ts";
import { forStack, pulumi, type Ran, type RunOptions } from "./pulumi.ts";
import { locksIn, takeAwayDead, type AskElsewhere } from "./locks.ts";
import { JournalService } from "./journal/service.ts";
import { placeOf, readStateFile } from "./state-file.ts";

export const repository = dirname(dirname(fileURLToPath(import.meta.url)));

export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  modified?: string;
}

export interface State {
  resources: StateResource[];
  /** URNs of steps that a killed run left open. */
  pending: string[];
}

export class Engine {
  readonly #env: NodeJS.ProcessEnv;
  readonly #stack: string | undefined;
  readonly #say: (text: string) => void;
  /** Tells whether the run that made a lock on another machine is known to be gone; unset, such a lock always stays. */
  elsewhere: AskElsewhere | undefined;

  /** @param stack `--stack`; left out: PULUMI_STACK, else the one that is selected */
  constructor(env: NodeJS.ProcessEnv, stack: string | undefined, say: (text: string) => void) {
    this.#env = stack === undefined ? env : forStack(env, stack);
    this.#stack = stack;
    this.#say = say;
  }

  /** The environment in which it runs. */
  get env(): NodeJS.ProcessEnv {
    return this.#env;
  }

  /** The stack's name; undefined where only `pulumi stack select` knows it. */
  get stack(): string | undefined {
    return this.#stack ?? this.#env["PULUMI_STACK"];
  }

  /** Runs `pulumi` and collects what it says. @throws Failure when there is no such program */
  async run(args: string[], options: RunOptions = {}): Promise<Ran> {
    const once = (): Promise<Ran> => {
      const stack = this.#stack ? ["--stack", this.#stack] : [];
      return pulumi([...args, ...stack], { ...options, cwd: repository, env: { ...this.#env, ...options.env } });
    };
    const ran = await once();
    if (ran.code === 0 || !/failed to load checkpoint/.test(ran.stderr + ran.stdout)) return ran;
    const folder = backendFolder(this.#env);
    if (folder === undefined || mendMetadata(folder) === 0) return ran;
    this.#say(
      "The state could not be read: a run was killed while it wrote a file of metadata beside it. That is mended.",
    );
    return once();
  }

  async #ask(args: string[], input?: string): Promise<string> {
    const ran = await this.run(args, input === undefined ? {} : { input });
    if (ran.code === 0) return ran.stdout;
    const said = ran.stderr || ran.stdout;
    if (/no stack named|no stack selected/.test(said))
      throw new UsageError(
        `${clean(said)}\nSelect a stack with --stack or PULUMI_STACK, or work in the sandbox: npm run shell -- ./rotate status`,
      );
    throw new Failure(clean(said));
  }

  /** What the stack remembers; secrets in it are ciphertext. */
  async state(): Promise<State> {
    const file = this.stack === undefined ? undefined : await readStateFile(this.#env, this.stack);
    if (file) return file.state;
    interface Deployment {
      resources?: StateResource[];
      pending_operations?: { resource: { urn: string } }[];
    }
    const { deployment } = JSON.parse(await this.#ask(["stack", "export"])) as { deployment: Deployment | null };
    return {
      resources: deployment?.resources ?? [],
      pending: (deployment?.pending_operations ?? []).map(({ resource }) => resource.urn),
    };
  }

  /** An object of the stack's plain configuration, like `forced`; empty when it is not set. */
  async config<T>(key: string): Promise<Record<string, T>> {
    type Entry = { objectValue?: Record<string, T>; value?: string };
    const all = JSON.parse(await this.#ask(["config", "--json"])) as Record<string, Entry>;
    const entry = all[key.includes(":") ? key : `secret-rotation:${key}`];
    return entry?.objectValue ?? {};
  }

  /** Every key of the stack's configuration, without its value. */
  async configKeys(): Promise<Set<string>> {
    return new Set(Object.keys(JSON.parse(await this.#ask(["config", "--json"])) as object));
  }

  /** Values of one namespace of the stack's configuration by their full key, secret ones too: never to be shown. */
  async values(namespace: string): Promise<Record<string, string>> {
    const all = JSON.parse(await this.#ask(["config", "--json", "--show-secrets"])) as Record<
      string,
      { value?: string }
    >;
    return Object.fromEntries(
      Object.entries(all).flatMap(([key, { value }]) =>
        key.startsWith(`${namespace}:`) && value !== undefined ? [[key, value]] : [],
      ),
    );
  }

  /** `<project>/<stack>` of a stack that has no resources yet. */
  async stackName(): Promise<string> {
    const name = (await this.#ask(["stack", "--show-name"])).trim();
    return `secret-rotation/${name.split("/").pop() ?? name}`;
  }

  /** Sets plain entries below `<key>["<secret>"]` in one step. */
  async setEntry(key: string, secret: string, entry: Record<string, string | number | boolean>): Promise<void> {
    const settings = Object.entries(entry).flatMap(([field, value]) => [
      "--plaintext",
      `secret-rotation:${key}["${secret}"].${field}=${String(value)}`,
    ]);
    await this.#ask(["config", "set-all", "--path", ...settings]);
  }

  async removeEntry(key: string, secret: string): Promise<void> {
    await this.#ask(["config", "rm", "--path", `secret-rotation:${key}["${secret}"]`]);
  }

  /** Stores a value, encrypted; it goes through standard input. */
  async setSecret(key: string, value: string): Promise<void> {
    await this.#ask(["config", "set", "--secret", key], value);
  }

  async removeSecret(key: string): Promise<void> {
    await this.#ask(["config", "rm", key]);
  }

  /** The preview as `pulumi preview --json` gives it; values in it read `[secret]`. */
  async preview(targets: string[]): Promise<unknown> {
    const ran = await this.#unlocked(() =>
      this.#journaled(["preview", "--json", "--show-sames", ...policies, ...targetArguments(targets)]),
    );
    try {
      const preview = JSON.parse(ran.stdout) as { diagnostics?: { severity: string; message: string }[] };
      if (ran.code === 0) return preview;
      const said = (preview.diagnostics ?? []).filter(({ severity }) => severity === "error");
      const errors = said
        .map(({ message }) => message)
        .filter((message) => !/^\s*(error: )?preview failed\s*$/.test(message));
      const refusals = errors.length ? [] : await this.#refusals(targets);
      throw new Failure(clean([...errors, ...refusals].join("\n") || ran.stderr));
    } catch (error) {
      if (error instanceof SyntaxError) throw new Failure(clean(ran.stderr || ran.stdout));
      throw error;
    }
  }

  /** What the policy pack refused a preview for: `--json` leaves it out, the stream of events does not. */
  async #refusals(targets: string[]): Promise<string[]> {
    const found = new Set<string>();
    await this.#journaled(["preview", "--json", ...policies, ...targetArguments(targets)], {
      env: { PULUMI_ENABLE_STREAMING_JSON_PREVIEW: "true" },
      onLine: eventsTo(({ policyEvent: event }) => {
        if (event?.enforcementLevel === "mandatory")
          found.add(`${event.policyName}: ${event.message.trim().split("\n").pop()?.trim() ?? ""}`);
      }),
    });
    return [...found];
  }

  /** `pulumi up` with the policy pack; the engine's events come as they happen. */
  async up(targets: string[], onEvent: (event: EngineEvent) => void): Promise<Ran> {
    const args = ["up", "--yes", "--skip-preview", "--json", ...policies, ...targetArguments(targets)];
    const ran = await this.#unlocked(() => this.#journaled(args, { onLine: eventsTo(onEvent) }));
    if (ran.code === 0 && /pending operations from previous/.test(ran.stdout + ran.stderr))
      await this.run(forgetPending);
    return ran;
  }

  /** Runs `pulumi` with a journal in place of its checkpoints, where the state is in a backend of which that is known. */
  async #journaled(args: string[], options: RunOptions = {}): Promise<Ran> {
    const place = this.stack === undefined ? undefined : await placeOf(this.#env, this.stack);
    if (!place) return this.run(args, options);
    const service = await JournalService.start(place);
    let ran: Ran | undefined;
    try {
      ran = await this.run(args, {
        ...options,
        env: { ...options.env, ...service.env },
        onStart: (pid) => (service.pid = pid),
      });
    } finally {
      await service.stop().catch((error: unknown) => {
        const why = `The run's journal could not be put into the state; the next run does it: ${(error as Error).message}`;
        if (ran) ran = { ...ran, code: ran.code || 1, stderr: `${ran.stderr.trimEnd()}\n${why}\n` };
      });
    }
    return { ...ran, stderr: ran.stderr.replace(loggedIn, "") };
  }

  /** Tries once more when all that stood in the way were locks of runs that are known to be no more. */
  async #unlocked(attempt: () => Promise<Ran>): Promise<Ran> {
    const ran = await attempt();
    const locks = ran.code === 0 ? [] : locksIn(ran.stderr + ran.stdout);
    if (locks.length === 0) return ran;
    const store = await openStore(this.#env);
    const about = { store, stack: this.stack, elsewhere: this.elsewhere, say: this.#say };
    const held = await takeAwayDead(locks, about);
    if (held.length > 0) return { ...ran, stderr: `${[ran.stderr.trimEnd(), ...held].join("\n")}\n` };
    // Elsewhere only Pulumi can, which takes away every lock of the stack: all of them are dead.
    if (!store) await this.#ask(["cancel", "--yes"]);
    return attempt();
  }
}

/**
 * Pulumi remembers creations that a killed run began until they are cleared, and warns of them in every run. Ours find
 * what they began by its name and have just been gone through, so there is nothing left to look up.
 */
export const forgetPending = [
  "refresh",
  "--clear-pending-creates",
  "--yes",
  "--skip-preview",
  "--suppress-progress",
  "--target",
  "**::nothing",
];

/** What the engine's client of Pulumi Cloud says of the token that opens the run's own service. */
const loggedIn = /^Logging in using access token from PULUMI_ACCESS_TOKEN\n/m;

const policies = ["--policy-pack", join(repository, "policies")];

/** A secret's component and everything below it. Globs are never checked by the engine, so names are resolved before. */
export function targetArguments(secrets: string[]): string[] {
  return secrets.flatMap((secret) => ["--target", `**::${secret}`, "--target", `**::${secret}/**`]);
}

/** What pulumi said, without its prefix and blank lines. */
function clean(text: string): string {
  return text
    .split("\n")
    .map((line) => line.replace(/^error: /, "").trimEnd())
    .filter((line) => line !== "")
    .join("\n");
}
