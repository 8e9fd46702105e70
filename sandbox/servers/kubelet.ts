// Runs the programs of pods for real, in the place of a node's kubelet and of kube-proxy: one process for each pod, with
// the environment of its Secrets as they are when it starts, ConfigMaps as files that follow their changes, readiness
// by a probe, and a service's address that reaches ready pods only. Secrets changed later reach a pod by its restart.
import { setTimeout as sleep } from "node:timers/promises";
import { KubeError, Unreachable, type KubeClient } from "../plugins/kubernetes/client.ts";
import type { Launch, Running } from "../simulators/platform.ts";
import { ServiceProxy, type Target } from "../simulators/proxy.ts";
import { noScheduler } from "./kubernetes-workloads.ts";
import { programAnnotation } from "./kwok-stages.ts";
import { PodFiles, type Pod } from "./pod-files.ts";
import { answers } from "./wait.ts";

export interface Program {
  launch: Launch;
  /** A pod is ready while a GET of this answers 2xx. */
  readiness: string;
  /** Where its ready pods are reached. */
  port: number;
}

export interface KubeletOptions {
  client: Pick<KubeClient, "call">;
  namespace: string;
  /** By the name in the pods' annotation `sandbox/program`. */
  programs: Record<string, Program>;
  /** Folder for what is mounted into pods. */
  dir: string;
  /**
   * The longest pause before a process that keeps ending is started again, in milliseconds; a node's
   * `crashLoopBackOff.maxContainerRestartPeriod`. @default 10 000
   */
  longestRestartMs?: number;
}

/** One pod that this kubelet has taken on. */
interface Run extends Target {
  pod: Pod;
  program: string;
  running: Running | undefined;
  ready: boolean;
  leaving: boolean;
}

const [lookMs, syncMs, drainMs] = [150, 500, 10_000];

export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #proxies = new Map<string, ServiceProxy>();
  /** By uid. */
  readonly #runs = new Map<string, Run>();
  readonly #files: PodFiles;
  /** What goes on for single pods. */
  readonly #tasks = new Set<Promise<void>>();
  #stopped = false;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(options: KubeletOptions) {
    this.#options = options;
    this.#files = new PodFiles(options.client, options.namespace, options.dir);
  }

  /** Begins to look after pods, and resolves when every service can be reached (by 503 until its first pod is ready). */
  async start(): Promise<void> {
    for (const [name, { port }] of Object.entries(this.#options.programs)) {
      const proxy = new ServiceProxy();
      await proxy.start(port);
      this.#proxies.set(name, proxy);
    }
    this.#loops = Promise.all([this.#repeat(lookMs, () => this.#look()), this.#repeat(syncMs, () => this.#sync())]);
  }

  /** How many pods of a program are ready. */
  ready(program: string): number {
    return [...this.#runs.values()].filter((run) => run.program === program && run.ready && !run.leaving).length;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loops;
    await Promise.all([...this.#runs.values()].map(async ({ running }) => running?.stop()));
    await Promise.all(this.#tasks);
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.stop()));
  }

  /** While the API server does not answer, what runs goes on. */
  async #repeat(everyMs: number, step: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      await step().catch((error: unknown) => {
        if (!(error instanceof Unreachable || error instanceof KubeError)) throw error;
      });
      await sleep(everyMs);
    }
  }

  #path(kind: string, name = ""): string {
    return `/api/v1/namespaces/${this.#options.namespace}/${kind}${name ? `/${name}` : ""}`;
  }

  async #look(): Promise<void> {
    const { body } = await this.#options.client.call("GET", this.#path("pods"));
    const pods = (body as unknown as { items: Pod[] }).items;
    for (const pod of pods) {
      const program = pod.metadata.annotations?.[programAnnotation];
      if (!program || !(program in this.#options.programs)) continue;
      if (!pod.spec.nodeName && pod.spec.schedulerName !== noScheduler) continue;
      const known = this.#runs.get(pod.metadata.uid);
      if (known && pod.metadata.deletionTimestamp) this.#end(known);
      else if (!known && pod.metadata.deletionTimestamp) await this.#forget(pod);
      else if (!known) this.#begin(pod, program);
    }
    const there = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const [uid, run] of this.#runs) if (!there.has(uid)) this.#end(run);
  }

  #begin(pod: Pod, program: string): void {
    const run: Run = { pod, program, port: 0, inFlight: 0, running: undefined, ready: false, leaving: false };
    this.#runs.set(pod.metadata.uid, run);
    this.#background(this.#keep(run));
  }

  #background(work: Promise<void>): void {
    const task = work.finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
  }

  /** Keeps a process for the pod; one that ends is started again, later each time, with the Secrets as they are then. */
  async #keep(run: Run): Promise<void> {
    const { longestRestartMs = 10_000 } = this.#options;
    for (let pause = 500; !this.#gone(run); pause = Math.min(longestRestartMs, pause * 2)) {
      try {
        await this.#report(run, false);
        const env = await this.#files.environment(run.pod);
        if (this.#gone(run)) return;
        const running = await this.#program(run).launch(env, { index: 0, deployId: run.pod.metadata.name });
        [run.running, run.port] = [running, running.port];
        if (this.#gone(run)) await running.stop();
        else if (await this.#untilReady(run, running)) await this.#serve(run);
        await running.exited;
      } catch {
        // The API server is away, or the process cannot be started now: the pod is not ready, and is tried again.
      }
      run.ready = false;
      this.#switch(run.program);
      if (!this.#gone(run)) await sleep(pause);
    }
  }

  #gone(run: Run): boolean {
    return this.#stopped || run.leaving;
  }

  #program({ program }: Run): Program {
    const found = this.#options.programs[program];
    if (!found) throw new Error(`there is no program ${program}`);
    return found;
  }

  async #untilReady(run: Run, running: Running): Promise<boolean> {
    let ended = false;
    void running.exited.then(() => (ended = true));
    const url = `http://127.0.0.1:${running.port}${this.#program(run).readiness}`;
    for (let pause = 30; !ended && !this.#gone(run); pause = Math.min(500, pause * 1.3)) {
      if (await answers(url)) return true;
      await sleep(pause);
    }
    return false;
  }

  /** Reachable first: who is counted as available must take requests before an older pod goes. */
  async #serve(run: Run): Promise<void> {
    run.ready = true;
    this.#switch(run.program);
    while (!this.#gone(run))
      try {
        return await this.#report(run, true);
      } catch (error) {
        if (error instanceof KubeError && error.status === 404) return;
        await sleep(300);
      }
  }

  #switch(program: string): void {
    const runs = [...this.#runs.values()].filter((run) => run.program === program && run.ready && !run.leaving);
    this.#proxies.get(program)?.switchTo(runs);
  }

  /** No new requests, the end of those under way, SIGTERM, and then the pod's own end. */
  #end(run: Run): void {
    if (run.leaving) return;
    run.leaving = true;
    this.#switch(run.program);
    const work = async (): Promise<void> => {
      const deadline = Date.now() + drainMs;
      while (run.inFlight > 0 && Date.now() < deadline) await sleep(10);
      await run.running?.stop();
      for (let done = false; !done && !this.#stopped;)
        done = await this.#forget(run.pod).then(
          () => true,
          () => sleep(300).then(() => false),
        );
      this.#runs.delete(run.pod.metadata.uid);
      this.#files.remove(run.pod);
    };
    this.#background(work());
  }

  async #forget({ metadata: { name, uid } }: Pod): Promise<void> {
    const body = { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0, preconditions: { uid } };
    await this.#options.client.call("DELETE", this.#path("pods", name), { body, accept: [404, 409] });
  }

  async #report(run: Run, ready: boolean): Promise<void> {
    const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
    const status = ready ? "True" : "False";
    const conditions = ["Initialized", "ContainersReady", "Ready"].map((type) => ({
      type,
      status: type === "Initialized" ? "True" : status,
      lastTransitionTime: now,
    }));
    const containerStatuses = run.pod.spec.containers.map(({ name, image }) => ({
      ...{ name, image, imageID: "", ready, started: ready, restartCount: 0 },
      state: ready ? { running: { startedAt: now } } : { waiting: { reason: "ContainerCreating" } },
    }));
    const phase = ready ? "Running" : "Pending";
    await this.#options.client.call("PATCH", `${this.#path("pods", run.pod.metadata.name)}/status`, {
      body: { status: { phase, startTime: now, conditions, containerStatuses } },
      contentType: "application/strategic-merge-patch+json",
    });
  }

  async #sync(): Promise<void> {
    for (const run of this.#runs.values()) if (!run.leaving && run.running) await this.#files.mount(run.pod);
  }
}
