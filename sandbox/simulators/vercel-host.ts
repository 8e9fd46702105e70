import { setTimeout as sleep } from "node:timers/promises";
import { DeployQueue } from "./deploy-queue.ts";
import type { EffectLog } from "./effects.ts";
import type { Access } from "./kit.ts";
import { Platform } from "./platform.ts";
import type { VercelProjectSpec } from "./vercel.ts";
import { isRunning, type VercelDeployment, type VercelProject, type VercelState } from "./vercel-state.ts";

/** What Vercel does for one project behind its API. */
export class VercelHost {
  /** So many builds to come fail. */
  failBuilds = 0;
  readonly #spec: VercelProjectSpec;
  readonly #buildMs: number;
  readonly #access: Access<VercelState>;
  readonly #effects: EffectLog;
  readonly #queue = new DeployQueue();
  readonly #platform: Platform;

  constructor(spec: VercelProjectSpec, buildMs: number, access: Access<VercelState>, effects: EffectLog) {
    this.#spec = spec;
    this.#buildMs = buildMs;
    this.#access = access;
    this.#effects = effects;
    this.#platform = new Platform({
      ...spec,
      healthPath: spec.healthPath ?? "/",
      onInstance: (what, instance) => this.#effects.record("vercel", what, `${spec.id}/${instance}`),
    });
  }

  get url(): string {
    return this.#platform.url;
  }
  get port(): number {
    return this.#platform.port;
  }
  get instances(): string[] {
    return this.#platform.instances;
  }

  /** Runs again what was live; then the deployments that had not ended. Resolves when they have. */
  async start(): Promise<void> {
    await this.#platform.start();
    const { liveId, deployments } = this.#project();
    const live = deployments.find(({ id }) => id === liveId);
    if (live) {
      await this.#platform.rollOut(this.#environment(live), live.id, this.#count).catch((error: unknown) => {
        console.error(`vercel simulator: ${this.#spec.name} did not come up again: ${String(error)}`);
      });
    }
    for (const deployment of deployments.filter(isRunning).reverse()) this.deploy(deployment.id);
    await this.#queue.idle();
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
    await this.#platform.stop();
  }

  async settled(): Promise<void> {
    await this.#queue.idle();
    await this.#platform.drained();
  }

  /** Takes a stored deployment into the queue. */
  deploy(id: string): void {
    this.#queue.add(id, (signal) => this.#run(id, signal));
  }

  /** False where the deployment is not under way. */
  cancel(id: string): boolean {
    return this.#queue.cancel(id);
  }

  get #count(): number {
    return this.#spec.instances ?? 1;
  }

  async #run(id: string, signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted();
      this.#mark(id, { readyState: "INITIALIZING" });
      await sleep(this.#buildMs / 3, undefined, { signal });
      this.#mark(id, { readyState: "BUILDING", buildingAt: Date.now() });
      await sleep(this.#buildMs, undefined, { signal });
      if (this.failBuilds > 0) {
        this.failBuilds--;
        return this.#end(id, "deployment.error", { readyState: "ERROR", errorCode: "BUILD_FAILED" });
      }
      const deployment = this.#deployment(id);
      // A preview has an address of its own, which nobody here calls: only production runs.
      if (deployment.target === "production") {
        await this.#platform.rollOut(this.#environment(deployment), id, this.#count, signal);
        this.#access.write((state) => void (this.#project(state).liveId = id));
      }
      this.#end(id, "deployment.ready", { readyState: "READY", ready: Date.now() });
    } catch (error) {
      // A platform that stops leaves the deployment as it is: it goes on at the next start.
      if (signal.aborted && String(signal.reason).includes("platform stops")) return;
      if (signal.aborted) return this.#end(id, "deployment.canceled", { readyState: "CANCELED" });
      const errorMessage = error instanceof Error ? error.message : "unknown";
      this.#end(id, "deployment.error", { readyState: "ERROR", errorCode: "UNHEALTHY", errorMessage });
    }
  }

  /** What Vercel itself adds to the variables of a deployment. */
  #environment(deployment: VercelDeployment): Record<string, string> {
    const own = { VERCEL: "1", VERCEL_ENV: "production", VERCEL_TARGET_ENV: "production" };
    return { ...own, VERCEL_URL: deployment.url, VERCEL_DEPLOYMENT_ID: deployment.id, ...deployment.env };
  }

  #end(id: string, kind: string, fields: Partial<VercelDeployment>): void {
    this.#mark(id, fields, { kind, subject: `${this.#spec.id}/${id}` });
  }

  #mark(id: string, fields: Partial<VercelDeployment>, effect?: { kind: string; subject: string }): void {
    this.#access.write((state) => void Object.assign(this.#deployment(id, state), fields), effect);
  }

  #project(state = this.#access.read()): VercelProject {
    const project = state.projects.find(({ id }) => id === this.#spec.id);
    if (!project) throw new Error(`the state holds no project ${this.#spec.id}`);
    return project;
  }

  #deployment(id: string, state = this.#access.read()): VercelDeployment {
    const deployment = this.#project(state).deployments.find((known) => known.id === id);
    if (!deployment) throw new Error(`the state holds no deployment ${id}`);
    return deployment;
  }
}
