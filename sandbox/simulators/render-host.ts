import { setTimeout as sleep } from "node:timers/promises";
import { DeployQueue } from "./deploy-queue.ts";
import type { EffectLog } from "./effects.ts";
import type { Access } from "./kit.ts";
import { Platform } from "./platform.ts";
import type { RenderServiceSpec } from "./render.ts";
import { findDeploy, findService, isRunning, type DeployStatus, type RenderState } from "./render-state.ts";

/** What Render does for one service behind its API. */
export class RenderHost {
  /** So many builds to come fail. */
  failBuilds = 0;
  readonly #spec: RenderServiceSpec;
  readonly #buildMs: number;
  readonly #access: Access<RenderState>;
  readonly #effects: EffectLog;
  readonly #queue = new DeployQueue();
  readonly #platform: Platform;

  constructor(spec: RenderServiceSpec, buildMs: number, access: Access<RenderState>, effects: EffectLog) {
    this.#spec = spec;
    this.#buildMs = buildMs;
    this.#access = access;
    this.#effects = effects;
    this.#platform = new Platform({
      ...spec,
      onInstance: (what, instance) => this.#effects.record("render", what, `${spec.id}/${instance}`),
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
  /** True while a deploy is under way or waits. */
  get busy(): boolean {
    return this.#service().deploys.some(isRunning);
  }

  /** Runs again what was live; then the deploys that had not ended, oldest first. Resolves when they have. */
  async start(): Promise<void> {
    await this.#platform.start();
    const { live, numInstances, deploys } = this.#service();
    if (live) {
      await this.#platform.rollOut(live.env, live.deployId, numInstances).catch((error: unknown) => this.#warn(error));
    }
    for (const deploy of deploys.filter(isRunning).reverse()) this.deploy(deploy.id);
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

  /** Takes a stored deploy into the queue. */
  deploy(deployId: string): void {
    this.#queue.add(deployId, (signal) => this.#run(deployId, signal));
  }

  /** False where the deploy is not under way. */
  cancel(deployId: string): boolean {
    return this.#queue.cancel(deployId);
  }

  /** New instances of what is live, with the variables that it was deployed with. Not at the same time as a deploy. */
  restart(): void {
    this.#queue.add("restart", async () => {
      const { live, numInstances } = this.#service();
      if (!live) return;
      await this.#platform.rollOut(live.env, live.deployId, numInstances).catch((error: unknown) => this.#warn(error));
    });
  }

  /** As many instances as the service is to have. Not at the same time as a deploy. */
  scale(): void {
    this.#queue.add("scale", async () => {
      await this.#platform.scale(this.#service().numInstances).catch((error: unknown) => this.#warn(error));
    });
  }

  async #run(deployId: string, signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted();
      // The variables of this moment are the ones that the deploy gets, whatever is set while it builds.
      const { envVars, numInstances } = this.#service();
      const env = this.#environment(envVars, deployId);
      this.#mark(deployId, "build_in_progress");
      await sleep(this.#buildMs, undefined, { signal });
      if (this.failBuilds > 0) {
        this.failBuilds--;
        return this.#end(deployId, "build_failed", "the build was told to fail");
      }
      this.#mark(deployId, "update_in_progress");
      await this.#platform.rollOut(env, deployId, numInstances, signal);
      this.#live(deployId, env);
    } catch (error) {
      // A platform that stops leaves the deploy as it is: it goes on at the next start.
      if (signal.aborted && String(signal.reason).includes("platform stops")) return;
      if (signal.aborted) this.#end(deployId, "canceled");
      else this.#end(deployId, "update_failed", error instanceof Error ? error.message : "unknown");
    }
  }

  /** What Render itself adds to the variables of a service. */
  #environment(envVars: Record<string, string>, deployId: string): Record<string, string> {
    const { id, name } = this.#spec;
    const own = { RENDER: "true", RENDER_SERVICE_ID: id, RENDER_SERVICE_NAME: name, RENDER_SERVICE_TYPE: "web" };
    const { commit } = findDeploy(this.#service(), deployId);
    return { ...own, RENDER_GIT_COMMIT: commit.id, RENDER_EXTERNAL_URL: this.url, ...envVars };
  }

  #live(deployId: string, env: Record<string, string>): void {
    const at = new Date().toISOString();
    this.#access.write(
      (state) => {
        const service = findService(state, this.#spec.id);
        for (const deploy of service.deploys) {
          if (deploy.status === "live") Object.assign(deploy, { status: "deactivated", updatedAt: at });
        }
        Object.assign(findDeploy(service, deployId), { status: "live", updatedAt: at, finishedAt: at });
        service.live = { deployId, env };
      },
      { kind: "deploy.live", subject: `${this.#spec.id}/${deployId}` },
    );
  }

  #mark(deployId: string, status: DeployStatus): void {
    const at = new Date().toISOString();
    this.#access.write((state) => {
      const deploy = findDeploy(findService(state, this.#spec.id), deployId);
      Object.assign(deploy, { status, updatedAt: at, startedAt: deploy.startedAt ?? at });
    });
  }

  #end(deployId: string, status: DeployStatus, reason?: string): void {
    const at = new Date().toISOString();
    this.#access.write(
      (state) => {
        const deploy = findDeploy(findService(state, this.#spec.id), deployId);
        Object.assign(deploy, { status, reason, updatedAt: at, finishedAt: at });
      },
      { kind: status === "canceled" ? "deploy.canceled" : "deploy.failed", subject: `${this.#spec.id}/${deployId}` },
    );
  }

  #service() {
    return findService(this.#access.read(), this.#spec.id);
  }

  #warn(error: unknown): void {
    const reason = error instanceof Error ? error.message : "unknown";
    console.error(`render simulator: ${this.#spec.name} did not come up: ${reason}`);
  }
}
