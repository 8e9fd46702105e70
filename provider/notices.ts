// Tells people about a run in two messages at most: one before its first change, with everything that is going to
// rotate, and one at its end, with everything that came of it. A message that cannot be sent never stops a rotation.
import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import type { LastWords } from "./notify/last-words.ts";
import type { Settings } from "./settings.ts";
import { environments } from "./notify/routes.ts";
import { send } from "./notify/send.ts";
import { sentence, type Line, type NoticeKind } from "./notify/message.ts";
import { number, text } from "./resources/inputs.ts";
import type { Properties, Resource } from "./wire/contract.ts";

/** How long the first message waits for other secrets of the run: by then every schedule has been asked. */
const gatherMilliseconds = 400;
/** The engine gives a plugin five seconds to end; some of them are for what comes after. */
const lastMilliseconds = 4500;

export class Notices {
  readonly #settings: Settings;
  readonly #classes = new Map<string, string>();
  /** Secrets whose schedules decided in this run that they rotate. */
  readonly #rotating = new Set<string>();
  /** Secrets whose values people bring. */
  readonly #brought = new Set<string>();
  #environment = "";
  #stack = "";
  #starting: Promise<string | undefined> | undefined;
  #started: Line[] = [];
  #lines: Line[] = [];
  #problem: string | undefined;
  #steps = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /**
   * The resource, watched: schedules tell which secrets rotate and how grave each is, reminders which of them people
   * bring, and no message is the last while a step goes on.
   */
  of(resource: Resource): Resource {
    const counted = <Request extends { preview?: boolean; urn: string }, Result>(
      step: (request: Request) => Promise<Result>,
    ): ((request: Request) => Promise<Result>) => {
      return async (request) => {
        this.#steps++;
        this.#stack ||= stackOf(request.urn);
        try {
          return await step(request);
        } finally {
          this.#steps--;
        }
      };
    };
    return {
      ...resource,
      ...(/:(Schedule|Notice)$/.test(resource.token) ? { check: this.#learning(resource) } : {}),
      create: counted((request) => resource.create(request)),
      ...(resource.update ? { update: counted((request) => resource.update!(request)) } : {}),
      ...(resource.delete ? { delete: counted((request) => resource.delete!(request)) } : {}),
    };
  }

  #learning(resource: Resource): NonNullable<Resource["check"]> {
    return async (request) => {
      const result = (await resource.check?.(request)) ?? { inputs: request.inputs };
      const { secret, class: level, window, generation } = result.inputs;
      if (typeof secret !== "string") return result;
      if (resource.token === "rotation:index:Notice") this.#brought.add(secret);
      if (resource.token !== "rotation:index:Schedule") return result;
      if (typeof level === "string") this.#classes.set(secret, level);
      const old = request.oldInputs;
      if (!old || old["window"] !== window || old["generation"] !== generation) this.#rotating.add(secret);
      return result;
    };
  }

  /**
   * Says one thing of a secret that a resource knows by its inputs: `secret`, `environment`, and as far as they matter
   * `dueAt`, `forced` and `restored`. What cannot be sent is a warning.
   */
  async tell(kind: NoticeKind, inputs: Properties, warn: (message: string) => void): Promise<void> {
    const [secret, environment] = [text(inputs, "secret"), text(inputs, "environment")];
    const [dueAt, restored] = [text(inputs, "dueAt"), text(inputs, "restored")];
    const about = { secret, environment, dueAt, restored, forced: number(inputs, "forced", 1) };
    const problem = await this.say(kind, secret, environment, sentence(kind, about));
    if (problem) warn(`The notice about ${secret} could not be sent: ${problem}. The rotation goes on.`);
  }

  /**
   * Takes a line for the run's last message; a "before" goes out with all others of the run, and is waited for.
   * @returns why people cannot be told, as far as that is known by now; `undefined` when they are
   */
  async say(kind: NoticeKind, secret: string, environment: string, text: string): Promise<string | undefined> {
    this.#environment ||= environment;
    const line = this.#line(kind, secret, environment, text);
    if (kind !== "before") {
      this.#lines.push(line);
      return this.#problem;
    }
    this.#started.push(line);
    return (this.#starting ??= this.#start());
  }

  async #start(): Promise<string | undefined> {
    await new Promise((resolve) => setTimeout(resolve, gatherMilliseconds));
    const said = new Set(this.#started.map(({ secret }) => secret));
    const others = [...this.#rotating].filter((secret) => !said.has(secret));
    const more = others.map((secret) =>
      this.#line("before", secret, this.#environment, `${secret} (${this.#environment})`),
    );
    return this.#send([...this.#started, ...more]);
  }

  #line(kind: NoticeKind, secret: string, environment: string, text: string): Line {
    return { kind, secret, class: this.#classes.get(secret) ?? "", environment, text };
  }

  /** Takes a failed step. Its message is free of values by now. */
  failed(urn: string, message: string): void {
    const name = urn.split("::").slice(3).join("::");
    const [application = "", secret = ""] = name.split("/");
    this.#stack ||= stackOf(urn);
    // A precheck fails before any notice has named the environment.
    const environment = this.#environment || environmentOf(this.#stack);
    this.#lines.push(this.#line("failed", `${application}/${secret}`, environment, `${name}: ${message}`));
  }

  /**
   * Sends the run's last message. The engine also asks a plugin to stop when a person interrupts a run: then steps are
   * still under way, and the message waits until they are not.
   * @param last whether the plugin ends now, whatever goes on
   */
  async flush(last: boolean): Promise<void> {
    await this.#starting;
    if (this.#steps > 0 && !last) return;
    const lines = withRun(this.#lines.splice(0), process.env);
    const deadline = new Promise((resolve) => setTimeout(resolve, lastMilliseconds).unref());
    await Promise.race([this.#send(lines), deadline]);
  }

  /**
   * The last message of a run whose engine was killed: what was begun and has not ended. Another process sends it while
   * this one stands still, so that no step goes on beside the next run's.
   */
  gone(): void {
    const ended = new Set(this.#lines.map(({ secret }) => secret));
    const begun = this.#starting ? new Set([...this.#rotating, ...this.#started.map(({ secret }) => secret)]) : [];
    const cut = [...begun].filter((secret) => !ended.has(secret));
    const said = (secret: string): string =>
      `${secret}: the run was killed before it got to the end. Run again: it goes on from where it stopped.`;
    const lines = [
      ...this.#lines,
      ...cut.map((secret) => this.#line("failed", secret, this.#environment, said(secret))),
    ];
    if (lines.length === 0) return;
    const words: LastWords = { contacts: this.#settings.contacts(), stack: this.#stack, lines };
    spawnSync(process.execPath, [join(import.meta.dirname, "notify", "last-words.ts")], {
      input: JSON.stringify(words),
      stdio: ["pipe", "ignore", "ignore"],
      timeout: lastMilliseconds,
    });
  }

  async #send(lines: Line[]): Promise<string | undefined> {
    const done = lines.filter(({ kind, secret }) => kind === "after" && this.#brought.has(secret));
    const failed = new Set(lines.flatMap(({ kind, secret }) => (kind === "failed" ? [secret] : [])));
    const ended = done.map(({ secret }) => secret).filter((secret) => !failed.has(secret));
    const told = (channel: string, said: readonly Line[]): void => noteTold(process.env, channel, said);
    const problems = await send(this.#settings.contacts(), this.#stack, lines, { ended, told }).catch(
      (error: unknown) => [(error as Error).message],
    );
    this.#problem = problems.length > 0 ? problems.join("; ") : undefined;
    return this.#problem;
  }
}

function stackOf(urn: string): string {
  return urn.replace(/^urn:pulumi:/, "").split("::")[0] ?? "";
}

/** By the stack's name, as the repository's stacks have it (`staging`, `production-intelliflow`); else not known. */
function environmentOf(stack: string): string {
  return environments.find((each) => stack === each || stack.startsWith(`${each}-`)) ?? "";
}

/** Beside failures stands where the whole log is, in a job of GitHub Actions. */
function withRun(lines: Line[], env: NodeJS.ProcessEnv): Line[] {
  const failed = lines.findLast(({ kind }) => kind === "failed");
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run } = env;
  if (!failed || !server || !repository || !run) return lines;
  return [...lines, { ...failed, text: `the log: ${server}/${repository}/actions/runs/${run}` }];
}

/** For whoever started the run: which channels know of its failures, so that nobody is told twice (ci/told.ts). */
function noteTold(env: NodeJS.ProcessEnv, channel: string, lines: readonly Line[]): void {
  const file = env["ROTATION_TOLD_FILE"];
  if (!file || !lines.some(({ kind }) => kind === "failed")) return;
  try {
    appendFileSync(file, `${channel}\n`);
  } catch {
    // Then they are told twice.
  }
}
