// One run over one issued credential and its revocation, as the engine drives them: what a step that failed or was
// killed did is not saved, and what stands behind it does not run.
import structpb from "google-protobuf/google/protobuf/struct_pb.js";
import { credentialKinds } from "../../provider/credentials/index.ts";
import { credential } from "../../provider/resources/credential.ts";
import { revocation } from "../../provider/resources/revocation.ts";
import { text } from "../../provider/resources/inputs.ts";
import { Settings } from "../../provider/settings.ts";
import type { Properties, Resource } from "../../provider/wire/contract.ts";
import { decode, encode, Secret } from "../../provider/wire/values.ts";

/** What the engine remembers of one resource. */
export interface Saved {
  inputs: Properties;
  outputs: Properties;
}

/** What the engine would remember of the two. */
export interface LoneState {
  credential?: Saved | undefined;
  revocation?: Saved | undefined;
}

export interface LoneRun {
  kind: string;
  args: Properties;
  /** The provider's own settings, by key. */
  settings: Record<string, string>;
  /** RFC 3339. */
  now: string;
  /** A change of it rotates. */
  window: string;
}

/**
 * @param saved takes each state as soon as its step is over
 * @throws what the step said; what was saved before stays
 */
export async function runLone(run: LoneRun, state: LoneState, saved: (state: LoneState) => void): Promise<void> {
  const settings = new Settings();
  settings.configure(
    Object.fromEntries(
      Object.entries({ ...run.settings, now: run.now }).map(([key, value]) => [key, new Secret(value)]),
    ),
  );
  const kinds = credentialKinds(settings);
  const secret = `matrix/${run.kind}`;
  const common = {
    secret,
    kind: run.kind,
    args: run.args,
    forced: 1,
    graceHours: 1,
    adoption: [],
    deadlineSeconds: 10,
  };
  const made = await step("Credential", credential(settings, kinds), state.credential, {
    ...common,
    window: run.window,
  });
  saved({ ...state, credential: made });
  const { generation, previousReference, previous, current } = made.outputs;
  const about = { ...common, generation, previousReference, previous, value: current, atOnce: false };
  const ended = await step("Revocation", revocation(settings, kinds), state.revocation, about);
  saved({ credential: made, revocation: ended });
}

/**
 * Check, diff, and the step that they ask for.
 * @throws what the resource said; nothing is remembered then
 */
export async function step(
  name: string,
  resource: Resource,
  state: Saved | undefined,
  given: Properties,
): Promise<Saved> {
  const urn = `urn:pulumi:matrix::rotation::rotation:index:${name}::${text(given, "secret")}/${name.toLowerCase()}`;
  const call = { urn, name, log: { info: () => undefined, warn: () => undefined } };
  const checked = await resource.check?.({ ...call, inputs: given, oldInputs: state?.inputs });
  if (checked?.failures?.length) throw new Error(checked.failures.map(({ reason }) => reason).join("; "));
  const inputs = checked?.inputs ?? given;
  const now = { ...call, inputs, preview: false, timeout: 0 };
  if (!state) return { inputs, outputs: (await resource.create(now)).outputs };
  const old = { id: "id", oldInputs: state.inputs, oldOutputs: state.outputs };
  const diff = await resource.diff?.({ ...call, ...old, inputs, ignoreChanges: [] });
  if (!diff?.changed.length) return { inputs, outputs: state.outputs };
  return { inputs, outputs: (await resource.update?.({ ...now, ...old })) ?? {} };
}

/** For the way to a process of its own and back; it holds values, so it goes through pipes alone. */
export function pack(properties: unknown): string {
  return JSON.stringify(encode(properties as Properties).toJavaScript());
}

export function unpack<T>(text: string): T {
  return decode(structpb.Struct.fromJavaScript(JSON.parse(text) as never)) as T;
}
