// The end of an issued credential, a step of its own behind verification: after the grace period, once nobody uses it.
import type { CredentialKind } from "../credentials/kind.ts";
import type { ProofSource } from "../proof.ts";
import type { Settings } from "../settings.ts";
import type { CheckRequest, CheckResult, CreateRequest, Properties, Resource } from "../wire/contract.ts";
import { hasUnknown, reveal, same, unknown } from "../wire/values.ts";
import type { Kinds } from "./credential.ts";
import { end, usage } from "./ending.ts";
import { flag, list, number, object, raised, required, text } from "./inputs.ts";

/**
 * `rotation:index:Revocation`
 *
 * Inputs: `secret`, `kind`, `args`, `generation` and `previousReference` (of the credential: what is to end, "" for
 * nothing), `value` (secret, the current one), `previous` (secret, what is to end, where it is known: the service is then
 * asked about the credential itself), `forced`, `atOnce` (whether a forced rotation ends the old credential
 * in the same run, sessions and all), `graceHours`, `adoption` (`ProofSource[]`), `deadlineSeconds`.
 * Remembered in the inputs, decided in `check`: `retireAt` (RFC 3339), `emergency`, `due`.
 * Outputs: `done`; `held` (how many sessions or consumers keep it from being done, 0 for none) with `reason`;
 * `retireAt`, "" once it is done; `worksWith`, the environment variable of a run that works with the very credential,
 * which only a run with its successor there can end, else "". A held one is no failure: it is tried again in every run.
 */
export function revocation(settings: Settings, kinds: Kinds): Resource {
  return {
    token: "rotation:index:Revocation",
    check: (request) => check(request, settings.now()),
    diff: ({ oldInputs, oldOutputs, inputs }) => {
      const keys = ["secret", "kind", "generation", "previousReference", "retireAt", "emergency"];
      const tried = flag(inputs, "due") && oldOutputs["done"] !== true;
      return { changed: [...keys.filter((key) => !same(oldInputs[key], inputs[key])), ...(tried ? ["due"] : [])] };
    },
    create: async (request) => ({ id: text(request.inputs, "secret"), outputs: await run(kinds, request) }),
    update: async (request) => run(kinds, request),
    read: async ({ id, inputs, outputs }) => ({ id, inputs, outputs }),
  };
}

function check({ inputs, oldInputs }: CheckRequest, now: Date): CheckResult {
  const failures = required(inputs, "secret", "kind", "generation");
  const graceHours = number(inputs, "graceHours", 0);
  if (graceHours < 0)
    failures.push({
      property: "graceHours",
      reason: `graceHours is ${graceHours}; give the hours for which the previous credential stays valid, 0 or more`,
    });
  // What a preview does not know yet cannot be due.
  if (hasUnknown(inputs["previousReference"]) || hasUnknown(inputs["generation"]))
    return { inputs: { ...inputs, retireAt: unknown, emergency: unknown, due: unknown }, failures };
  const isNew = !oldInputs || !same(oldInputs["generation"], inputs["generation"]);
  const forced = oldInputs !== undefined && raised(inputs, oldInputs);
  const emergency = isNew ? forced && flag(inputs, "atOnce") : flag(oldInputs, "emergency");
  const grace = emergency ? 0 : graceHours * 3_600_000;
  const retireAt = isNew ? new Date(now.getTime() + grace).toISOString() : text(oldInputs, "retireAt");
  const ends = text(inputs, "previousReference") !== "";
  const due = ends && now.toISOString() >= retireAt;
  return { inputs: { ...inputs, retireAt: ends ? retireAt : "", emergency, due }, failures };
}

async function run(kinds: Kinds, { inputs, preview, log }: CreateRequest): Promise<Properties> {
  const { secret, generation, previousReference, retireAt } = inputs;
  const state = (done: boolean, held = 0, reason = "", worksWith = ""): Properties => ({
    ...{ secret, generation, previousReference, done, held, reason, worksWith },
    retireAt: done ? "" : retireAt,
  });
  if (reveal(previousReference) === "") return state(true);
  if (preview)
    return { ...state(false), done: unknown, held: unknown, reason: unknown, worksWith: unknown, retireAt: unknown };
  if (!flag(inputs, "due")) return state(false);

  const kind = kinds.get(text(inputs, "kind"));
  if (!kind) throw new Error(`There is no kind of credential "${text(inputs, "kind")}"`);
  const [args, reference] = [object(inputs, "args"), text(inputs, "previousReference")];
  const previous = text(inputs, "previous") || undefined;
  const own = (await kind.own?.(args, reference)) ?? "";
  const hold =
    flag(inputs, "emergency") && kind.byHand === undefined
      ? own && { count: 1, reason: `1 session uses ${reference} still: this run itself, by ${own}` }
      : await heldBack(kind, inputs, log.info);
  if (hold) {
    log.warn(
      `${text(inputs, "secret")}: ${reference} is not revoked yet: ${hold.reason}. It is tried again in the next run.`,
    );
    return state(false, hold.count, hold.reason, own);
  }
  // Where only a person can end it, nothing held it back because it is dead.
  if (kind.byHand === undefined) await end(kind, args, reference, number(inputs, "deadlineSeconds", 60), previous);
  return state(true);
}

async function heldBack(
  kind: CredentialKind,
  inputs: Properties,
  info: (message: string) => void,
): Promise<{ count: number; reason: string } | undefined> {
  const [args, reference] = [object(inputs, "args"), text(inputs, "previousReference")];
  if (!(await kind.valid(args, reference, text(inputs, "previous") || undefined))) return undefined;
  if (kind.byHand !== undefined) return { count: 1, reason: kind.byHand };
  const { hold, proven } = await usage({
    kind,
    args,
    reference,
    current: text(inputs, "value"),
    adoption: list<Properties>(inputs, "adoption") as unknown as ProofSource[],
    seconds: number(inputs, "deadlineSeconds", 60),
  });
  if (!proven)
    info(
      `Nothing can tell whether ${reference} is still in use; it ends by the declared grace period alone (${number(inputs, "graceHours", 0)} h).`,
    );
  return hold;
}
