import { setTimeout as sleep } from "node:timers/promises";
import { ServiceProxy, type Target } from "./proxy.ts";

/** A started instance of a consumer. */
export interface Running {
  /** Its port on 127.0.0.1. */
  port: number;
  /** Asks it to end (SIGTERM); resolves when it has. */
  stop(): Promise<void>;
  /** Ends it at once (SIGKILL). */
  kill(): void;
  /** Its exit code, whenever it ends. */
  exited: Promise<number>;
}

/** Starts one instance with exactly this environment; it may take its time to become healthy. */
export type Launch = (env: Record<string, string>, instance: { index: number; deployId: string }) => Promise<Running>;

export interface PlatformOptions {
  launch: Launch;
  /** A new instance counts when a GET of this answers 200. @default "/health/liveness" */
  healthPath?: string;
  /** Within so long, or the rollout fails: milliseconds. @default 15 000 */
  healthDeadlineMs?: number;
  /** How long an old instance may take to end its requests before it is asked to stop: milliseconds. @default 10 000 */
  drainMs?: number;
  /** How long it may then take to stop before it is killed: milliseconds. @default 10 000 */
  stopMs?: number;
  /** The service's own port on 127.0.0.1. @default 0, a free one */
  publicPort?: number;
  /** Called when an instance starts or ends, with "<deployId>/<index>". */
  onInstance?: (what: "instance.start" | "instance.stop" | "instance.exit", instance: string) => void;
}

interface Instance extends Target {
  running: Running;
  index: number;
  deployId: string;
  /** Set once the platform itself ends it. */
  leaving: boolean;
}

/**
 * What a hosting platform does behind its API, without an interruption: launch new instances, wait until they are
 * healthy, switch the public proxy, let the old ones finish, stop them. An instance that dies is started again.
 */
export class Platform {
  readonly #options: PlatformOptions;
  readonly #proxy = new ServiceProxy();
  #live: Instance[] = [];
  #env: Record<string, string> = {};
  #port = 0;
  #stopped = false;
  readonly #ending = new Set<Promise<void>>();

  constructor(options: PlatformOptions) {
    this.#options = options;
  }

  /** The service's public address, without a slash at the end. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }
  get port(): number {
    return this.#port;
  }
  /** Which instances take requests: "<deployId>/<index>". */
  get instances(): string[] {
    return this.#live.map(nameOf);
  }

  async start(): Promise<void> {
    this.#port = await this.#proxy.start(this.#options.publicPort);
  }

  /**
   * Replaces all instances by `count` new ones with `env`. Resolves when the new ones take every request; the old ones
   * then end behind it. On an error, or when `signal` aborts, the old ones stay as they were.
   */
  async rollOut(env: Record<string, string>, deployId: string, count: number, signal?: AbortSignal): Promise<void> {
    const indexes = Array.from({ length: count }, (_, index) => index);
    const fresh = await this.#launchAll(env, deployId, indexes, signal);
    const old = this.#live;
    this.#env = env;
    this.#switch(fresh);
    for (const instance of old) this.#retire(instance);
  }

  /** More or fewer instances of what is live. */
  async scale(count: number): Promise<void> {
    const deployId = this.#live[0]?.deployId;
    if (deployId === undefined) return;
    const missing = Array.from({ length: count }, (_, index) => index).slice(this.#live.length);
    const fresh = await this.#launchAll(this.#env, deployId, missing);
    const leaving = this.#live.slice(count);
    this.#switch([...this.#live.slice(0, count), ...fresh]);
    for (const instance of leaving) this.#retire(instance);
  }

  /** Resolves when every old instance has ended. */
  async drained(): Promise<void> {
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const live = this.#live;
    this.#switch([]);
    for (const instance of live) this.#retire(instance, 0);
    await this.drained();
    await this.#proxy.stop();
  }

  #switch(instances: Instance[]): void {
    this.#live = instances;
    this.#proxy.switchTo(instances);
  }

  async #launchAll(
    env: Record<string, string>,
    deployId: string,
    indexes: number[],
    signal?: AbortSignal,
  ): Promise<Instance[]> {
    const results = await Promise.allSettled(indexes.map((index) => this.#launch(env, deployId, index, signal)));
    const failed = results.find((result) => result.status === "rejected");
    const fresh = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    if (!failed && !signal?.aborted) return fresh;
    for (const instance of fresh) this.#retire(instance, 0);
    throw failed ? failed.reason : signal?.reason;
  }

  async #launch(env: Record<string, string>, deployId: string, index: number, signal?: AbortSignal): Promise<Instance> {
    const running = await this.#options.launch({ ...env }, { index, deployId });
    const instance: Instance = { running, port: running.port, index, deployId, inFlight: 0, leaving: false };
    this.#options.onInstance?.("instance.start", nameOf(instance));
    void running.exited.then((code) => this.#wasLost(instance, code));
    try {
      await this.#healthy(instance, signal);
    } catch (error) {
      instance.leaving = true;
      running.kill();
      throw error;
    }
    return instance;
  }

  async #healthy(instance: Instance, signal?: AbortSignal): Promise<void> {
    const { healthPath = "/health/liveness", healthDeadlineMs = 15_000 } = this.#options;
    const deadline = Date.now() + healthDeadlineMs;
    let exitCode: number | undefined;
    void instance.running.exited.then((code) => (exitCode = code));
    for (let pause = 10; Date.now() < deadline; pause = Math.min(200, pause * 1.5)) {
      signal?.throwIfAborted();
      if (exitCode !== undefined)
        throw new Error(`instance ${nameOf(instance)} ended with code ${exitCode} before it was healthy`);
      const answer = await fetch(`http://127.0.0.1:${instance.port}${healthPath}`, {
        signal: AbortSignal.timeout(Math.max(1, deadline - Date.now())),
        headers: { connection: "close" },
      }).catch(() => undefined);
      await answer?.arrayBuffer().catch(() => undefined);
      if (answer?.status === 200) return;
      await sleep(pause);
    }
    throw new Error(`instance ${nameOf(instance)} was not healthy at ${healthPath} within ${healthDeadlineMs} ms`);
  }

  /** Lets an instance finish its requests, then stops it, in the background. */
  #retire(instance: Instance, drainMs = this.#options.drainMs ?? 10_000): void {
    instance.leaving = true;
    const end = (async () => {
      const deadline = Date.now() + drainMs;
      while (instance.inFlight > 0 && Date.now() < deadline) await sleep(10);
      const killer = setTimeout(() => instance.running.kill(), this.#options.stopMs ?? 10_000);
      await instance.running.stop().catch(() => instance.running.kill());
      clearTimeout(killer);
      this.#options.onInstance?.("instance.stop", nameOf(instance));
    })();
    this.#ending.add(end);
    void end.finally(() => this.#ending.delete(end));
  }

  /** An instance ended by itself: it takes no more requests, and another one takes its place. */
  #wasLost(instance: Instance, code: number): void {
    if (instance.leaving || this.#stopped) return;
    instance.leaving = true;
    this.#options.onInstance?.("instance.exit", `${nameOf(instance)} (code ${code})`);
    if (!this.#live.includes(instance)) return;
    this.#switch(this.#live.filter((other) => other !== instance));
    void this.#replace(instance.deployId, instance.index);
  }

  async #replace(deployId: string, index: number): Promise<void> {
    const isLive = () => !this.#stopped && (this.#live.length === 0 || this.#live[0]?.deployId === deployId);
    for (let pause = 200; isLive(); pause = Math.min(5_000, pause * 2)) {
      await sleep(pause, undefined, { ref: false });
      if (!isLive()) return;
      const fresh = await this.#launch(this.#env, deployId, index).catch(() => undefined);
      if (!fresh) continue;
      if (isLive()) return this.#switch([...this.#live, fresh]);
      return this.#retire(fresh, 0);
    }
  }
}

function nameOf(instance: { deployId: string; index: number }): string {
  return `${instance.deployId}/${instance.index}`;
}
