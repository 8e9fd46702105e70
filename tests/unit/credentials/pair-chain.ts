// One vendor key through many runs, as the engine drives its four steps: made, put into Vault and promoted, ended at the
// vendor, taken out of Vault. What a step that failed did is not saved, and what stands behind it does not run.
import type { CredentialKind } from "../../../provider/credentials/kind.ts";
import { credential } from "../../../provider/resources/credential.ts";
import { text } from "../../../provider/resources/inputs.ts";
import { keyPair, keyPairEnd, type Entries } from "../../../provider/resources/key-pair.ts";
import { revocation } from "../../../provider/resources/revocation.ts";
import { Settings } from "../../../provider/settings.ts";
import type { Properties, Resource } from "../../../provider/wire/contract.ts";

type Data = Record<string, unknown> & { primary_key?: string; secondary_key?: string };

/** One entry of Vault, with every version that a reader could have seen. */
export class Entry implements Entries {
  readonly versions: Data[] = [];
  readonly custom: Record<string, string> = {};
  /** Called before each write: another writer, or a kill. */
  before: (write: number) => void = () => undefined;
  /** Called after each write: a kill, or an answer that gets lost. */
  after: (write: number) => void = () => undefined;
  writes = 0;

  async read() {
    const data = this.versions.at(-1);
    return data && { data: structuredClone(data), version: this.versions.length };
  }
  async write(_mount: string, _path: string, data: Data, cas: number): Promise<boolean> {
    this.before(++this.writes);
    if (cas !== this.versions.length) return false;
    this.versions.push(structuredClone(data));
    this.after(this.writes);
    return true;
  }
  async metadata() {
    return { currentVersion: this.versions.length, maxVersions: 0, versions: [] };
  }
  async describe(_mount: string, _path: string, custom: Record<string, string>): Promise<void> {
    Object.assign(this.custom, custom);
  }
  /** `primary/secondary` of each version, "-" for none. */
  get pairs(): string[] {
    return this.versions.map((data) => `${data.primary_key ?? "-"}/${data.secondary_key ?? "-"}`);
  }
}

interface State {
  inputs: Properties;
  outputs: Properties;
}
interface Given {
  now: string;
  /** What the schedule said. @default the one of the last run */
  window?: string;
  forced?: number;
  args?: Properties;
}

export class PairChain {
  readonly entry = new Entry();
  readonly said: string[] = [];
  readonly #kind: CredentialKind;
  readonly #state = new Map<string, State>();
  #last: Given = { now: "", window: "w1", forced: 1, args: {} };

  constructor(kind: CredentialKind) {
    this.#kind = kind;
  }

  /** An output of one of the steps. */
  out(step: "Credential" | "Revocation" | "KeyPairEnd", name: string): unknown {
    return this.#state.get(step)?.outputs[name];
  }

  /** One run with one day of grace. @throws what the step that failed says */
  async run(given: Given): Promise<void> {
    const { now, window = "", forced = 1, args = {} } = (this.#last = { ...this.#last, ...given });
    const settings = new Settings();
    settings.configure({ now, fingerprintKey: "key" });
    const kinds = new Map([[this.#kind.kind, this.#kind]]);
    const about = { secret: "intelliflow/KEY", kind: this.#kind.kind, args, forced };
    const common = { ...about, graceHours: 24, adoption: [], deadlineSeconds: 1 };
    const made = await this.#step("Credential", credential(settings, kinds), { ...common, window });
    const { current, previous, reference, previousReference, generation } = made;
    const place = { mount: "secret", path: "intelliflow/key", generation, value: current };
    await this.#step(
      "KeyPair",
      keyPair(settings, kinds, () => this.entry),
      { ...about, ...place, reference, previous, window },
    );
    const ended = await this.#step("Revocation", revocation(settings, kinds), {
      ...{ ...common, generation, previousReference, previous, value: current, atOnce: false },
    });
    await this.#step(
      "KeyPairEnd",
      keyPairEnd(settings, () => this.entry),
      { secret: about.secret, ...place, done: ended["done"] },
    );
  }

  async #step(name: string, resource: Resource, given: Properties): Promise<Properties> {
    const state = this.#state.get(name);
    const say = (message: string): void => void this.said.push(message);
    const call = { urn: `urn:pulumi:t::p::x:${name}::intelliflow/KEY/${name}`, name, log: { info: say, warn: say } };
    const { inputs, failures } = await resource.check!({ ...call, inputs: given, oldInputs: state?.inputs });
    if (failures?.length) throw new Error(failures.map(({ reason }) => reason).join("; "));
    const step = { ...call, inputs, preview: false, timeout: 0 };
    if (!state) {
      const { outputs } = await resource.create(step);
      this.#state.set(name, { inputs, outputs });
      return outputs;
    }
    const old = { id: text(inputs, "secret"), oldInputs: state.inputs, oldOutputs: state.outputs };
    const { changed } = await resource.diff!({ ...call, ...old, inputs, ignoreChanges: [] });
    const outputs = changed.length ? await resource.update!({ ...step, ...old }) : state.outputs;
    this.#state.set(name, { inputs, outputs });
    return outputs;
  }
}
