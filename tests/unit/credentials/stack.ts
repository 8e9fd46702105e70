// One credential and its revocation through many runs, as the engine drives them: what a step that failed or was killed
// did is not saved, and what stands behind it does not run.
import { FakeService } from "./fake-service.ts";
import { credential } from "../../../provider/resources/credential.ts";
import { text } from "../../../provider/resources/inputs.ts";
import { revocation } from "../../../provider/resources/revocation.ts";
import { Settings } from "../../../provider/settings.ts";
import type { Properties, Resource } from "../../../provider/wire/contract.ts";
import { secretsIn } from "../../../provider/wire/values.ts";

interface State {
  inputs: Properties;
  outputs: Properties;
}

export interface RunOptions {
  now: string;
  /** What the schedule said. @default the one of the last run */
  window?: string;
  forced?: number;
  atOnce?: boolean;
  graceHours?: number;
  /** A return to the credential before, as a person asks for it. */
  restore?: { generation: number; at: string };
  /** The engine is killed after this resource's effect, before its state is saved. */
  killAfter?: "credential" | "revocation";
}

export class Stack {
  readonly service = new FakeService();
  readonly said: string[] = [];
  credential: State | undefined;
  revocation: State | undefined;
  /** Steps of the last run that were no "same". */
  steps: string[] = [];
  readonly #cutOver: boolean;
  #window = "w1";

  constructor(cutOver = false) {
    this.#cutOver = cutOver;
  }

  get current(): string {
    return text(this.credential?.outputs ?? {}, "current");
  }
  get reference(): string {
    return text(this.credential?.outputs ?? {}, "reference");
  }

  async run(options: RunOptions): Promise<void> {
    const { now, forced = 1, atOnce = false, graceHours = 24, killAfter } = options;
    this.#window = options.window ?? this.#window;
    this.steps = [];
    const settings = new Settings();
    settings.configure({ now, fingerprintKey: "key" });
    const kinds = new Map([["fake", this.service.kind(this.#cutOver)]]);
    const common = {
      secret: "visapi/DB_URL",
      kind: "fake",
      args: {},
      forced,
      graceHours,
      adoption: [],
      deadlineSeconds: 1,
    };
    const made = await this.#step("Credential", credential(settings, kinds), this.credential, {
      ...common,
      window: this.#window,
      ...(options.restore ? { restore: options.restore } : {}),
    });
    if (killAfter === "credential") throw new Error("killed");
    this.credential = made;
    const { generation, previousReference, current } = made.outputs;
    const ended = await this.#step("Revocation", revocation(settings, kinds), this.revocation, {
      ...{ ...common, generation, previousReference, atOnce },
      value: current,
    });
    if (killAfter === "revocation") throw new Error("killed");
    this.revocation = ended;
  }

  async #step(name: string, resource: Resource, state: State | undefined, given: Properties): Promise<State> {
    const urn = `urn:pulumi:production::rotation::rotation:index:${name}::visapi/DB_URL/${name.toLowerCase()}`;
    const log = (level: string) => (message: string) => void this.said.push(`${level}: ${message}`);
    const call = { urn, name, log: { info: log("info"), warn: log("warn") } };
    const checked = await resource.check!({ ...call, inputs: given, oldInputs: state?.inputs });
    if (checked.failures?.length) throw new Error(checked.failures.map(({ reason }) => reason).join("; "));
    const { inputs } = checked;
    const step = { ...call, inputs, preview: false, timeout: 0 };
    if (!state) {
      this.steps.push(`create ${name}`);
      return { inputs, outputs: (await resource.create(step)).outputs };
    }
    const old = { id: "id", oldInputs: state.inputs, oldOutputs: state.outputs };
    const diff = await resource.diff!({ ...call, ...old, inputs, ignoreChanges: [] });
    if (diff.changed.length === 0) return { inputs, outputs: state.outputs };
    const preview = await resource.update!({ ...step, ...old, preview: true });
    if (secretsIn(preview).some((value) => value.startsWith("value-") && value !== this.current))
      throw new Error("a preview knows a value that is not made yet");
    this.steps.push(`update ${name}`);
    return { inputs, outputs: await resource.update!({ ...step, ...old }) };
  }
}
