// Puts the audit trail behind the steps of a resource. The record is written before the engine hears that the step is
// done: a run that is killed between the two repeats the step, which is idempotent, and records it then.
import type { Settings } from "../settings.ts";
import type { DiffRequest, DiffResult, Log, Properties, Resource, UpdateRequest } from "../wire/contract.ts";
import { changedKeys } from "../wire/serve.ts";
import { text } from "../resources/inputs.ts";
import { Facts, secretOf } from "./facts.ts";
import { openTrail } from "./open.ts";
import { auditRun, stackOf } from "./run.ts";
import type { Step } from "./makers.ts";
import { entriesOf, isAudited } from "./steps.ts";
import { Trail } from "./trail.ts";

/** The trail of a provider: opened with the first step, since only a URN names the stack. */
export class Auditing {
  readonly #settings: Settings;
  readonly #facts = new Facts();
  readonly #failing = new Map<string, { token: string; inputs: Properties }>();
  #trail: { trail: Trail | undefined } | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /**
   * What is wrong with the trail, as far as can be told without writing: a sentence, or nothing.
   * @param preview records nothing, so a token that only reads will do: nothing is signed
   */
  async problems(preview = false): Promise<string[]> {
    try {
      // Which stack it is only a URN tells; that does not change what is asked here.
      const open = openTrail(this.#settings, "preflight/preflight");
      await Promise.all([open?.store.head(), preview ? open?.signer.keys() : open?.signer.sign(["0".repeat(64)])]);
      return [];
    } catch (error) {
      return [`The audit trail cannot be ${preview ? "read" : "written"}: ${(error as Error).message}`];
    }
  }

  /** The same resource, with its steps recorded; with the setting `off`, as it was. */
  of(resource: Resource): Resource {
    if (!isAudited(resource.token)) return resource;
    const { token } = resource;
    const changes = (request: DiffRequest): Promise<DiffResult> | DiffResult =>
      resource.diff?.(request) ?? { changed: changedKeys(request.oldInputs, request.inputs) };
    const update = (request: UpdateRequest): Promise<Properties> => {
      if (!resource.update) throw new Error(`${token} is never updated in place`);
      return resource.update(request);
    };
    return {
      ...resource,
      check: async (request) => {
        const result = (await resource.check?.(request)) ?? { inputs: request.inputs };
        this.#facts.checked(token, request.name, result.inputs);
        return result;
      },
      diff: async (request) => {
        this.#facts.made(token, request.name, request.oldOutputs);
        const found = await changes(request);
        // A debt to the trail is reason enough for a step.
        return text(request.oldOutputs, "unaudited") === "" || !resource.update
          ? found
          : { ...found, changed: [...found.changed, "unaudited"] };
      },
      create: async (request) => {
        const trail = request.preview ? undefined : this.#open(request.urn);
        if (!trail) return resource.create(request);
        await trail.ready();
        const { log, warnings } = overhear(request.log);
        const began = performance.now();
        const made = await this.#marking(token, request, () => resource.create({ ...request, log }));
        this.#facts.made(token, request.name, made.outputs);
        const step = { op: "create" as const, oldInputs: {}, oldOutputs: {}, ...made, inputs: request.inputs };
        const entries = entriesOf(this.#step(token, request.name, { ...step, warnings }), secondsSince(began));
        return { ...made, outputs: { ...made.outputs, ...(await trail.settle(entries, request.log.warn)) } };
      },
      ...(resource.update
        ? {
            update: async (request) => {
              const trail = request.preview ? undefined : this.#open(request.urn);
              if (!trail) return update(request);
              await trail.ready();
              const { unaudited, ...oldOutputs } = request.oldOutputs;
              if (typeof unaudited === "string" && unaudited !== "") {
                const paid = await trail.pay(unaudited);
                const { changed } = await changes({ ...request, oldOutputs, ignoreChanges: [] });
                if (changed.length === 0) return { ...oldOutputs, ...paid };
              }
              const { log, warnings } = overhear(request.log);
              const began = performance.now();
              const outputs = await this.#marking(token, request, () => update({ ...request, oldOutputs, log }));
              this.#facts.made(token, request.name, outputs);
              const { oldInputs, inputs } = request;
              const step = { op: "update" as const, oldInputs, oldOutputs, inputs, outputs, warnings };
              const entries = entriesOf(this.#step(token, request.name, step), secondsSince(began));
              return { ...outputs, ...(await trail.settle(entries, request.log.warn)) };
            },
          }
        : {}),
      delete: async (request) => {
        const trail = this.#open(request.urn);
        await trail?.ready();
        const began = performance.now();
        await this.#marking(token, { ...request, inputs: request.oldInputs }, async () => resource.delete?.(request));
        const { oldInputs, outputs: oldOutputs } = request;
        const step = { op: "delete" as const, oldInputs, oldOutputs, inputs: oldInputs, outputs: oldOutputs };
        const entries = entriesOf(this.#step(token, request.name, { ...step, warnings: [] }), secondsSince(began));
        // There is no state left that could remember it.
        await trail?.record(entries);
      },
    };
  }

  /** Records a failed step, once its error is clean of values. Failures of previews and checks are none. */
  async failed(urn: string, message: string): Promise<void> {
    const failing = this.#failing.get(urn);
    this.#failing.delete(urn);
    const trail = failing && this.#open(urn);
    if (!trail) return;
    const name = urn.split("::").slice(3).join("::");
    const { generation } = this.#facts.of(secretOf(name));
    const destinations = failing.inputs["destinations"];
    const entry = {
      event: "failed" as const,
      secret: secretOf(name),
      resource: name,
      key: this.#settings.elapsed().toISOString(),
      ...(generation ? { generation } : {}),
      ...(Array.isArray(destinations) ? { destinations: destinations as string[] } : {}),
      detail: message.slice(0, 2000),
    };
    // The error itself is what people must see, whatever becomes of its record.
    await trail.record([entry]).catch(() => undefined);
  }

  async flush(): Promise<void> {
    await this.#trail?.trail?.flush();
  }

  #open(urn: string): Trail | undefined {
    if (!this.#trail) {
      const stack = stackOf(urn);
      const [open, clock] = [openTrail(this.#settings, stack), (): Date => this.#settings.elapsed()];
      this.#trail = { trail: open && new Trail(open, auditRun(process.env, clock(), stack), clock) };
    }
    return this.#trail.trail;
  }

  #step(token: string, name: string, step: Omit<Step, "token" | "name" | "secret" | "fact" | "fingerprintKey">): Step {
    const secret = secretOf(name);
    const [fact, fingerprintKey] = [this.#facts.of(secret), this.#settings.get("fingerprintKey")];
    return { token, name, secret, fact, fingerprintKey, ...step };
  }

  async #marking<T>(token: string, request: { urn: string; inputs: Properties }, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      this.#failing.set(request.urn, { token, inputs: request.inputs });
      throw error;
    }
  }
}

/** Passes a step's words on, and keeps its warnings. */
function overhear(log: Log): { log: Log; warnings: string[] } {
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
    log.warn(message);
  };
  return { log: { info: log.info, warn }, warnings };
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}
