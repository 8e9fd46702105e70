// A credential that a service issues, in two slots: a rotation makes the idle one, proves it, and only then hands it
// out; the other one stays valid until its revocation. What is live is remembered, never counted from dates.
import type { CredentialKind, Issue, Issued, Slot } from "../credentials/kind.ts";
import { fingerprint, type ProofSource } from "../proof.ts";
import type { Settings } from "../settings.ts";
import type {
  CheckRequest,
  CheckResult,
  CreateRequest,
  Properties,
  Resource,
  UpdateRequest,
} from "../wire/contract.ts";
import { hasUnknown, same, unknown } from "../wire/values.ts";
import { adoptable } from "./adopted.ts";
import { end, usage } from "./ending.ts";
import { list, number, object, raised, required, secret, text } from "./inputs.ts";

export type Kinds = ReadonlyMap<string, CredentialKind>;

/**
 * `rotation:index:Credential`
 *
 * Inputs: `secret`, `kind`, `args` (the kind's own settings), `window` and `forced` (a change of either rotates),
 * `graceHours`, `adoption` (`ProofSource[]`) and `deadlineSeconds`: when a credential whose revocation was missed may
 * make room; `restore` (`{generation, at}`: with each new `at` the previous credential becomes live again, while its
 * service accepts it), `adopted` (secret: what is in use before the first run becomes the first generation, once every
 * consumer has proven that it uses it; a person ends it after the first rotation, unless a stack of this name had made it), `adoptedGeneration` (which one
 * it was to a stack that lost its state; @default 1). Remembered in the inputs, decided in `check`: `generation` (1, 2, ...), `slot` ("a" or "b", the
 * live one), `retireAt` (end of the grace period of the previous one, "" when there is none), `restoredAt` (the last
 * `restore.at` that was followed).
 * Outputs: `current` and `previous` (secrets; `previous` for a rollback while it is valid), `reference` and
 * `previousReference` (as the service calls them), `generation`, `slot`, `fingerprint`. Deleting it ends nothing.
 */
export function credential(settings: Settings, kinds: Kinds): Resource {
  const kindOf = (inputs: Properties): CredentialKind => {
    const kind = kinds.get(text(inputs, "kind"));
    if (!kind) throw new Error(`There is no kind of credential "${text(inputs, "kind")}"`);
    return kind;
  };
  return {
    token: "rotation:index:Credential",
    check: (request) => check(kinds, request, settings.now()),
    diff: ({ oldInputs, inputs }) => ({
      changed: ["secret", "kind", "args", "window", "forced", "generation", "slot"].filter(
        (key) => !same(oldInputs[key], inputs[key]),
      ),
      // Another kind is another credential: it begins at its own first generation, beside the old one.
      replaces: oldInputs["kind"] === inputs["kind"] ? [] : ["kind"],
    }),
    create: async (request) => {
      const { inputs, preview, log } = request;
      const id = text(inputs, "secret");
      if (preview) return { id, outputs: pending(inputs, "", secret("")) };
      const kind = kindOf(inputs);
      if (inputs["adopted"] !== undefined) {
        const value = text(inputs, "adopted");
        await adoptable(inputs, log.info);
        // What a person made has no reference, and its rotation leaves it to that person.
        const [family, generation] = [familyOf(request.urn, id), number(inputs, "generation", 1)];
        const about = { family, name: `${family}-g${generation}`, before: `${family}-g${generation - 1}`, value };
        const known = await kind.recognise?.(object(inputs, "args"), about);
        if (known) log.info(`${id}: this is ${known.reference}, which a stack of this name has made.`);
        const made = { value, reference: known?.reference ?? "" };
        return { id, outputs: outputs(settings, inputs, made, known?.previous ?? "", secret("")) };
      }
      const made = await make(kind, request, undefined, false);
      if (!kind.cutOver)
        log.info(`${id} has a credential of its own from now on; what was made by hand before is left as it is.`);
      return { id, outputs: outputs(settings, inputs, made, "", secret("")) };
    },
    update: (request) => update(settings, kindOf(request.inputs), request),
    read: async ({ id, inputs, outputs }) => ({ id, inputs, outputs }),
    delete: async ({ outputs, log }) =>
      log.warn(`${text(outputs, "secret")} is no longer rotated; ${text(outputs, "reference")} stays valid.`),
  };
}

function check(kinds: Kinds, { inputs, oldInputs }: CheckRequest, now: Date): CheckResult {
  const failures = required(inputs, "secret", "kind", "window");
  const kind = kinds.get(text(inputs, "kind"));
  if (!kind && typeof inputs["kind"] === "string")
    failures.push({
      property: "kind",
      reason: `kind is "${inputs["kind"]}"; there are ${[...kinds.keys()].join(", ")}`,
    });
  const args = object(inputs, "args");
  if (kind && !hasUnknown(args)) failures.push(...kind.validate(args));

  const known = oldInputs && oldInputs["kind"] === inputs["kind"] ? oldInputs : undefined;
  const asked = text(object(inputs, "restore"), "at");
  if (!known) return { inputs: { ...inputs, ...first(kind, inputs), retireAt: "", restoredAt: asked }, failures };
  const before = text(known, "restoredAt");
  const news = asked !== "" && asked !== before;
  // Whoever asks for a new one after a return that cannot be made is not held up by it.
  const restores = news && !raised(inputs, known);
  const restoredAt = news ? asked : before;
  const [generation, slot] = [number(known, "generation", 1), text(known, "slot") as Slot];
  const rotates = kind?.given
    ? brought(kind, known, inputs)
    : !same(known["window"], inputs["window"]) || number(known, "forced", 1) !== number(inputs, "forced", 1);
  if (restores) failures.push(...unrestorable(inputs, generation, kind?.cutOver ?? false));
  if (!rotates && !restores)
    return { inputs: { ...inputs, generation, slot, retireAt: text(known, "retireAt"), restoredAt }, failures };
  return {
    inputs: {
      ...inputs,
      generation: generation + 1,
      slot: kind?.cutOver ? slot : slot === "a" ? "b" : "a",
      retireAt: kind?.cutOver
        ? ""
        : new Date(now.getTime() + number(inputs, "graceHours", 0) * 3_600_000).toISOString(),
      restoredAt,
    },
    failures,
  };
}

/** Where a credential begins: what is adopted keeps the slot and the number that it has, so that the next one takes the other. */
function first(kind: CredentialKind | undefined, inputs: Properties): { generation: number; slot: Slot } {
  const adopted = text(inputs, "adopted");
  const slot = adopted === "" ? undefined : kind?.slotOf?.(object(inputs, "args"), adopted);
  return { generation: number(inputs, "adoptedGeneration", 1), slot: slot ?? "a" };
}

/** Whether a person has handed over another value. What a preview does not know counts as the same. */
function brought(kind: CredentialKind, known: Properties, inputs: Properties): boolean {
  const [before, now] = [object(known, "args"), object(inputs, "args")];
  return !hasUnknown(now) && kind.given?.(before) !== kind.given?.(now);
}

function unrestorable(inputs: Properties, generation: number, cutOver: boolean): { reason: string }[] {
  const wanted = number(object(inputs, "restore"), "generation", 0);
  const name = text(inputs, "secret");
  if (cutOver)
    return [
      { reason: `${name} cannot go back: its service knows one value only, and the rotation ended the old one.` },
    ];
  return wanted === generation - 1
    ? []
    : [
        {
          reason: `${name} cannot go back to generation ${wanted}: only the one before ${generation} may be valid still.`,
        },
      ];
}

async function update(settings: Settings, kind: CredentialKind, request: UpdateRequest): Promise<Properties> {
  const { inputs, oldInputs, oldOutputs, preview } = request;
  if (number(inputs, "generation", 1) === number(oldInputs, "generation", 1))
    return { ...oldOutputs, window: inputs["window"] };
  const [previous, previousReference] = kind.cutOver
    ? [secret(""), ""]
    : [oldOutputs["current"], text(oldOutputs, "reference")];
  if (preview) return pending(inputs, previousReference, previous);
  const forced = raised(inputs, oldInputs);
  if (!forced && text(inputs, "restoredAt") !== text(oldInputs, "restoredAt"))
    return outputs(settings, inputs, await revived(kind, request), previousReference, previous);
  if (!kind.cutOver) await makeRoom(kind, request, forced, settings.now());
  const made = await make(kind, request, text(oldOutputs, "current"), forced);
  return outputs(settings, inputs, made, previousReference, previous);
}

/** The credential of the other slot, once its service has shown that it works. Nothing is written there. */
async function revived(kind: CredentialKind, { inputs, oldOutputs }: UpdateRequest): Promise<Issued> {
  const args = object(inputs, "args");
  const issued: Issued = { value: text(oldOutputs, "previous"), reference: text(oldOutputs, "previousReference") };
  if (issued.reference === "" || issued.value === "" || !(await kind.valid(args, issued.reference, issued.value)))
    throw new Error(
      `${text(inputs, "secret")} cannot go back: ${issued.reference || "the credential before this one"} is not valid any more. Nothing was changed. Rotate to a new one by raising its generation with a reason.`,
    );
  await kind.prove(args, issued);
  return issued;
}

/**
 * The idle slot's last credential must have ended. Its revocation stands behind this step, so where that was missed
 * and nothing uses it any more, it ends here; else two missed runs would wait for each other for ever.
 */
async function makeRoom(kind: CredentialKind, request: UpdateRequest, forced: boolean, now: Date): Promise<void> {
  const { inputs, oldInputs, oldOutputs } = request;
  const [args, reference] = [object(inputs, "args"), text(oldOutputs, "previousReference")];
  const value = text(oldOutputs, "previous") || undefined;
  // Handed over once more, so it becomes live again.
  if (value !== undefined && kind.given?.(args) === value) return;
  if (reference === "" || !(await kind.valid(args, reference, value))) return;
  if (kind.byHand !== undefined)
    throw new Error(
      `${text(inputs, "secret")} is not rotated, and nothing was written: ${reference}, the one before the current one, is still valid, and ${kind.byHand}. Then run again.`,
    );
  const seconds = number(inputs, "deadlineSeconds", 60);
  if (!forced) {
    const [name, retireAt] = [text(inputs, "secret"), text(oldInputs, "retireAt")];
    const refuse = (why: string): Error =>
      new Error(
        `${name} is not rotated, and nothing was written: ${reference} in the idle slot is still valid, and ${why}. ` +
          `Or raise the generation of ${name} with a reason: that ends it at once.`,
      );
    if (now.toISOString() < retireAt) throw refuse(`may be in use until ${retireAt}. Run again after that`);
    const adoption = list<Properties>(inputs, "adoption") as unknown as ProofSource[];
    const current = text(oldOutputs, "current");
    const { hold, proven } = await usage({ kind, args, reference, current, adoption, seconds });
    if (hold) throw refuse(`${hold.reason}. End that use and run again`);
    if (!proven)
      throw refuse(
        `nothing can tell whether it is in use. Revoke it first: pulumi up --target '**::${name}/revocation'`,
      );
  }
  await end(kind, args, reference, seconds, value);
}

/** Issues into the slot, and proves what was issued before anyone is given it. */
async function make(
  kind: CredentialKind,
  { urn, inputs, log }: CreateRequest,
  current: string | undefined,
  forced: boolean,
): Promise<Issued> {
  const args = object(inputs, "args");
  const [name, slot, generation] = [
    text(inputs, "secret"),
    text(inputs, "slot") as Slot,
    number(inputs, "generation", 1),
  ];
  const holder = forced ? undefined : await kind.holder?.(args, slot);
  const users = holder === undefined ? undefined : await kind.users(args, holder);
  if (holder !== undefined && users && users.count > 0)
    throw new Error(
      `${name} gets no new credential, and nothing was written: the name of its slot ${slot} belongs to ${holder}, which ${users.count === 1 ? "1 session uses" : `${users.count} sessions use`} (${users.who.join(", ")}). Let them end or move, or give the application another name in the settings, and run again.`,
    );
  const family = familyOf(urn, name);
  const issue: Issue = { args, name: `${family}-g${generation}`, family, slot, generation, current, log };
  const issued = await kind.issue(issue);
  try {
    await kind.prove(args, issued);
  } catch (error) {
    // The engine's redaction knows what was sent to it; this value it has not seen yet.
    const message = [issued.value, encodeURIComponent(issued.value)].reduce(
      (said, value) => said.replaceAll(value, "[secret]"),
      error instanceof Error ? error.message : String(error),
    );
    return Promise.reject(
      new Error(
        `The new credential ${issued.reference} of ${name} does not work: ${message.replace(/\.$/, "")}. It is not handed out; what is in use stays as it is. Mend the cause and run again.`,
      ),
    );
  }
  return issued;
}

/** `<project>-<stack>-<application>-<secret>` in the characters that vendors accept. */
export function familyOf(urn: string, name: string): string {
  const [stack = "", project = ""] = urn.replace(/^urn:pulumi:/, "").split("::");
  return [project, stack, name]
    .join("-")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-");
}

function outputs(
  settings: Settings,
  inputs: Properties,
  made: Issued,
  previousReference: string,
  previous: Properties[string],
): Properties {
  const key = settings.require("fingerprintKey", "The key for fingerprints");
  return {
    ...pending(inputs, previousReference, previous),
    current: secret(made.value),
    reference: made.reference,
    fingerprint: fingerprint(key, text(inputs, "secret"), made.value),
  };
}

function pending(inputs: Properties, previousReference: string, previous: Properties[string]): Properties {
  const { secret: name, window, generation, slot } = inputs;
  const later = { current: unknown, reference: unknown, fingerprint: unknown };
  return { secret: name, window, generation, slot, previousReference, previous, ...later };
}
