// IntelliFlow's own steps in the order in which its components have them: one run over each, without the engine. What
// the official plugins do is done by the stand-ins' own resources.
import { credentialKinds } from "../../provider/credentials/index.ts";
import { credential } from "../../provider/resources/credential.ts";
import { number, object, text } from "../../provider/resources/inputs.ts";
import { keyPair, keyPairEnd } from "../../provider/resources/key-pair.ts";
import { keySet } from "../../provider/resources/key-set.ts";
import { kubernetesRestart } from "../../provider/resources/kubernetes.ts";
import { reencryption } from "../../provider/resources/reencryption.ts";
import { revocation } from "../../provider/resources/revocation.ts";
import { transitMinimum, transitRotation } from "../../provider/resources/transit.ts";
import { Settings } from "../../provider/settings.ts";
import type { Properties, Resource } from "../../provider/wire/contract.ts";
import { Secret } from "../../provider/wire/values.ts";
import { Cluster } from "../../sandbox/plugins/kubernetes/cluster.ts";
import { kubeObject } from "../../sandbox/plugins/kubernetes/object.ts";
import { configuration } from "../../sandbox/plugins/shared/config.ts";
import { VaultClient } from "../../sandbox/plugins/vault/client.ts";
import { secretV2 } from "../../sandbox/plugins/vault/secret-v2.ts";
import { step, type Saved } from "./lone-step.ts";

/** What the engine would remember, by the steps' names. */
export type FlowState = Record<string, Saved | undefined>;

export interface FlowRun {
  flow: FlowName;
  /** What the entries, objects and credentials are called; digits alone, so that calls have the same names for each. */
  subject: string;
  args: Properties;
  /** The provider's own settings, by key. */
  settings: Record<string, string>;
  /** RFC 3339. */
  now: string;
  /** A change of it rotates. */
  window: string;
}

/** Carries out a step. @returns its outputs */
type Do = (name: string, resource: Resource, given: Properties) => Promise<Properties>;

/** @throws what a step said; what was saved before stays, and what stands behind it does not run */
export async function runFlow(run: FlowRun, state: FlowState, saved: (state: FlowState) => void): Promise<void> {
  const settings = new Settings();
  settings.configure(
    Object.fromEntries(
      Object.entries({ ...run.settings, now: run.now }).map(([key, value]) => [key, new Secret(value)]),
    ),
  );
  const known = { ...state };
  await flows[run.flow](run, settings, async (name, resource, given) => {
    const made = await step(name, resource, known[name], given);
    known[name] = made;
    saved({ ...known });
    return made.outputs;
  });
}

const mount = "secret";

/** As `components/signing-keys.ts`: the key set for verifiers first, then the entry that signers read. */
async function signingKeys({ subject, window, args }: FlowRun, settings: Settings, run: Do): Promise<void> {
  const [entry, jwksEntry] = [`matrix/${subject}`, `matrix/${subject}/jwks`];
  const keys = await run("KeySet", keySet(settings), {
    ...{ secret: "matrix/JWT", window, forced: 1, algorithm: "ES256", ...args },
    entry: { mount, path: entry },
    published: [{ mount, path: jwksEntry }],
  });
  const [vault, jwks] = [vaultPlugin(settings), text(keys, "jwks")];
  await run("Jwks", vault, { mount, name: jwksEntry, dataJson: JSON.stringify({ jwks }) });
  const { kid, publicKey: public_key } = keys;
  const version = `${number(keys, "version", 1)}`;
  const fields = { version, private_key: text(keys, "privateKey"), public_key, kid, jwks };
  await run("Entry", vault, {
    ...{ mount, name: entry, dataJson: JSON.stringify(fields) },
    customMetadata: { data: { generation: version, window } },
  });
}

/** As `components/key-pair.ts`. */
async function pairOfKeys({ subject, window, args }: FlowRun, settings: Settings, run: Do): Promise<void> {
  const [secret, path] = ["matrix/OPENAI", `matrix/pair/${subject}`];
  const kinds = credentialKinds(settings);
  const common = { secret, kind: "openai-key", args, forced: 1, graceHours: 1, adoption: [], deadlineSeconds: 10 };
  const made = await run("Credential", credential(settings, kinds), { ...common, window });
  const { current: value, reference, previous, previousReference, generation } = made;
  await run("KeyPair", keyPair(settings, kinds), {
    ...{ secret, mount, path, kind: common.kind, args, value, reference, previous, generation, window },
  });
  const about = { ...common, generation, previousReference, previous, value, atOnce: false };
  const { done } = await run("Revocation", revocation(settings, kinds), about);
  await run("KeyPairEnd", keyPairEnd(settings), { secret, mount, path, value, generation, done });
}

/** As `components/transit-key.ts`. */
async function transitKey({ window, args }: FlowRun, settings: Settings, run: Do): Promise<void> {
  const { key } = args;
  const common = { secret: "matrix/DATA", mount: "transit", key };
  const made = await run("Rotation", transitRotation(settings), { ...common, window, forced: 1 });
  const all = { ...common, ...args };
  const { version } = await run("Reencryption", reencryption(settings), { ...all, version: made["latestVersion"] });
  await run("Minimum", transitMinimum(settings), { ...all, version, graceHours: 1, atOnce: false });
}

const manager = "secret-rotation";

/** As `components/destinations/`: a Secret of two keys and a ConfigMap, then the restart of who reads them. */
async function cluster({ subject, window, args }: FlowRun, settings: Settings, run: Do): Promise<void> {
  const plugin = new Cluster();
  plugin.configure(
    configuration({
      kubeconfig: settings.get("kubeconfig"),
      ...{ enableSecretMutable: "true", enableConfigMapMutable: "true", upsertExistingObjects: "true" },
    }),
  );
  const namespace = text(args, "namespace");
  const annotations = { "pulumi.com/patchFieldManager": manager, "pulumi.com/patchForce": "true" };
  const metadata = { name: subject, namespace, annotations };
  const base64 = (value: string): string => Buffer.from(value).toString("base64");
  const [secrets, maps] = (["Secret", "ConfigMap"] as const).map((kind) =>
    kubeObject(
      {
        ...{ kind, plural: `${kind.toLowerCase()}s`, namespaced: true, fields: ["data", "type"] },
        replaces: () => [],
      },
      plugin,
    ),
  ) as [Resource, Resource];
  const core = { apiVersion: "v1", metadata };
  await run("ConfigMap", maps, { ...core, kind: "ConfigMap", data: { "jwks.json": `keys of ${window}` } });
  const data = { USERNAME: base64(`user of ${window}`), PASSWORD: base64(`password of ${window}`) };
  const written = await run("Secret", secrets, { ...core, kind: "Secret", data: new Secret(data) });
  const { managedFields } = object(written, "metadata") as { managedFields?: { manager: string; time: string }[] };
  const times = (managedFields ?? []).filter((entry) => entry.manager === manager).map(({ time }) => time);
  await run("Restart", kubernetesRestart(settings), {
    ...{ deployment: `${namespace}/api`, written: [times.sort().at(-1) ?? ""], reason: `matrix of ${window}` },
    ...{ minimumReplicas: 1, timeoutSeconds: 60 },
  });
}

function vaultPlugin(settings: Settings): Resource {
  const client = new VaultClient();
  const [address, token] = [settings.get("vaultAddress"), settings.get("vaultToken")];
  client.configure(configuration({ address, token }));
  return secretV2(client);
}

const flows = {
  "signing keys": signingKeys,
  "pair of keys": pairOfKeys,
  "transit key": transitKey,
  cluster,
} satisfies Record<string, (run: FlowRun, settings: Settings, step: Do) => Promise<void>>;
export type FlowName = keyof typeof flows;
