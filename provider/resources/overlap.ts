// Remembers a secret's current and previous value, so that consumers can accept both during the grace period and
// a killed or missed run never overwrites a value that something may still use.
import type { CheckRequest, CheckResult, Properties, Resource, UpdateRequest } from "../wire/contract.ts";
import { hasUnknown, reveal, unknown, type Value } from "../wire/values.ts";
import { fingerprint, unproven, type ProofSource } from "../proof.ts";
import type { Settings } from "../settings.ts";
import { keptVersion } from "../vendors/vault-versions.ts";
import { adoptable } from "./adopted.ts";
import { flag, list, number, object, raised, required, secret, text } from "./inputs.ts";

/**
 * `rotation:index:Overlap`
 *
 * Inputs: `secret`, `value` (secret), `window`, `forced` (the configured generation), `graceHours` (0: cut-over,
 * nothing overlaps), `adoption` (`ProofSource[]`: who must prove the current value before the previous one ends),
 * `deadlineSeconds`, `revoke` (a raised `forced` ends the previous value at once: it is compromised), `follows` (a
 * person hands the value over: another value is a rotation by itself), `restore` (`{generation, at, mount, path}`: with
 * each new `at` the value of that generation comes back from Vault, until the next rotation), `adopted` (secret: what is
 * in use before the first run becomes the first generation, once every consumer has proven that it uses it),
 * `adoptedGeneration` (which one it was to a stack that lost its state; @default 1).
 * Remembered in the inputs, decided in `check`: `generation` (1, 2, ...), `holds` (whether the previous value is still
 * accepted), `retireAt` (end of the grace period), `revoked` (the highest generation that must not come back, 0: none),
 * `restoredAt` (the last `restore.at` that was followed), `restored` (whether the current value is another one than `value`: one that
 * came back, or was adopted).
 * Outputs: those, `current` and `previous` (secrets; `previous` is empty once it has ended), `fingerprint`.
 */
export function overlap(settings: Settings): Resource {
  return {
    token: "rotation:index:Overlap",
    check: (request) => check(request, settings.now()),
    diff: ({ oldInputs, oldOutputs, inputs }) => {
      const keys = ["secret", "window", "forced", "generation", "restoredAt"];
      const changed = keys.filter((key) => reveal(oldInputs[key]) !== reveal(inputs[key]));
      // The outputs tell whether an end that was due has happened; what kept it is asked again in each run.
      return {
        changed: flag(oldOutputs, "holds") === flag(inputs, "holds") ? changed : [...changed, "holds"],
        replaces: [],
      };
    },
    create: async ({ inputs, preview, log }) => {
      const { adopted } = inputs;
      if (adopted !== undefined && !preview) await adoptable(inputs, log.info);
      return {
        id: text(inputs, "secret"),
        outputs: outputs(settings, inputs, adopted ?? inputs["value"], secret(""), preview),
      };
    },
    update: (request) => update(settings, request),
    delete: async () => undefined,
  };
}

function check({ inputs, oldInputs }: CheckRequest, now: Date): CheckResult {
  const failures = required(inputs, "secret", "value", "window");
  const graceHours = number(inputs, "graceHours", 0);
  if (graceHours < 0)
    failures.push({
      property: "graceHours",
      reason: `graceHours is ${graceHours}; give 0 for a cut-over, or the hours for which both values are accepted`,
    });
  const restore = object(inputs, "restore");
  const remembered: Memory = { ...fresh, ...pick(oldInputs) };
  if (!oldInputs)
    return {
      inputs: {
        ...inputs,
        ...remembered,
        generation: number(inputs, "adoptedGeneration", 1),
        restoredAt: text(restore, "at"),
        restored: inputs["adopted"] !== undefined,
      },
      failures,
    };

  const asked = text(restore, "at") !== "" && text(restore, "at") !== remembered.restoredAt;
  const forced = raised(inputs, oldInputs);
  // Whoever asks for a new value after a return that cannot be made is not held up by it.
  const restores = asked && !forced;
  const rotates =
    !sameText(oldInputs["window"], inputs["window"]) ||
    number(oldInputs, "forced", 1) !== number(inputs, "forced", 1) ||
    (flag(inputs, "follows") && !hasUnknown(inputs["value"]) && !sameText(oldInputs["value"], inputs["value"]));
  const graceOver = remembered.retireAt === "" || now.toISOString() >= remembered.retireAt;
  if (rotates || restores) {
    if (restores) failures.push(...unrestorable(text(inputs, "secret"), number(restore, "generation", 0), remembered));
    else if (remembered.holds && !graceOver && !forced) {
      failures.push({
        reason: `${text(inputs, "secret")} is due again, but its previous value is accepted until ${remembered.retireAt} and may be in use. Run again after that, or raise its generation with a reason to end the grace period now.`,
      });
    }
    const ends = forced && flag(inputs, "revoke");
    const holds = graceHours > 0 && !ends;
    const decided: Memory = {
      generation: remembered.generation + 1,
      holds,
      retireAt: holds ? new Date(now.getTime() + graceHours * 3_600_000).toISOString() : "",
      revoked: ends ? remembered.generation : remembered.revoked,
      restoredAt: asked ? text(restore, "at") : remembered.restoredAt,
      restored: restores,
    };
    return { inputs: { ...inputs, ...decided }, failures };
  }
  const holds = remembered.holds && !graceOver;
  return { inputs: { ...inputs, ...remembered, holds, retireAt: holds ? remembered.retireAt : "" }, failures };
}

interface Memory extends Properties {
  generation: number;
  holds: boolean;
  retireAt: string;
  revoked: number;
  restoredAt: string;
  restored: boolean;
}
const fresh: Memory = { generation: 1, holds: false, retireAt: "", revoked: 0, restoredAt: "", restored: false };

function pick(oldInputs: Properties | undefined): Memory {
  if (!oldInputs) return fresh;
  return {
    generation: number(oldInputs, "generation", 1),
    holds: flag(oldInputs, "holds"),
    retireAt: text(oldInputs, "retireAt"),
    revoked: number(oldInputs, "revoked", 0),
    restoredAt: text(oldInputs, "restoredAt"),
    restored: flag(oldInputs, "restored"),
  };
}

function unrestorable(name: string, wanted: number, { generation, revoked }: Memory): { reason: string }[] {
  if (wanted >= 1 && wanted <= revoked)
    return [
      {
        reason: `${name} cannot go back to generation ${wanted}: it was revoked in an emergency. Nothing was changed; rotate to a new value instead.`,
      },
    ];
  if (wanted < 1 || wanted >= generation)
    return [
      {
        reason: `${name} cannot go back to generation ${wanted}; it is at ${generation}, so give 1 to ${generation - 1}`,
      },
    ];
  return [];
}

function sameText(a: Value, b: Value): boolean {
  return typeof reveal(a) === "string" && reveal(a) === reveal(b);
}

async function update(
  settings: Settings,
  { inputs, oldInputs, oldOutputs, preview, log }: UpdateRequest,
): Promise<Properties> {
  const rotated = number(inputs, "generation", 1) !== number(oldInputs, "generation", 1);
  const ends = flag(oldOutputs, "holds") && (rotated || !flag(inputs, "holds"));
  const forced = raised(inputs, oldInputs);
  const restores = !forced && text(inputs, "restoredAt") !== text(oldInputs, "restoredAt");
  const asked = restores || forced;
  const unsafe = ends && !asked && !preview ? await notUsing(inputs, text(oldOutputs, "current"), log.info) : undefined;
  if (unsafe && rotated)
    throw new Error(
      `${text(inputs, "secret")} is due again, but its previous value may be in use: ${unsafe} Mend the consumer and run again, or raise its generation with a reason to end the previous value now.`,
    );
  if (unsafe) {
    // Not an error: what comes after this step may be what the consumer waits for.
    log.warn(
      `The previous value of ${text(inputs, "secret")} stays valid, since its end is not safe: ${unsafe} The next run asks again.`,
    );
    const { current, previous, retireAt } = oldOutputs;
    return outputs(settings, { ...inputs, holds: true, retireAt }, current, previous, preview);
  }
  const before = rotated ? oldOutputs["current"] : oldOutputs["previous"];
  const previous = flag(inputs, "holds") ? before : secret("");
  const current = restores
    ? await broughtBack(settings, inputs, preview)
    : flag(inputs, "restored")
      ? oldOutputs["current"]
      : inputs["value"];
  return outputs(settings, inputs, current, previous, preview);
}

/** The value of an earlier generation, from the system of record to its consumers without passing through any text. */
async function broughtBack(settings: Settings, inputs: Properties, preview: boolean): Promise<Value> {
  if (preview) return unknown;
  const restore = object(inputs, "restore");
  const entry = {
    address: settings.require("vaultAddress", "The address of Vault, from which the value would come back,"),
    token: settings.require("vaultToken", "The Vault token"),
    mount: text(restore, "mount"),
    path: text(restore, "path"),
  };
  return secret((await keptVersion(entry, number(restore, "generation", 0))).value);
}

/** A previous value ends only while every consumer proves, now, that it uses the current one: says who does not. */
async function notUsing(
  inputs: Properties,
  current: string,
  info: (message: string) => void,
): Promise<string | undefined> {
  const sources = list<Properties>(inputs, "adoption") as unknown as ProofSource[];
  if (sources.length === 0) {
    info(
      "No consumer can prove that it uses the current value; the previous one ends by the declared grace period alone.",
    );
    return undefined;
  }
  const failed = await unproven(sources, current, number(inputs, "deadlineSeconds", 60));
  return failed.length ? failed.join(" ") : undefined;
}

function outputs(
  settings: Settings,
  inputs: Properties,
  current: Value,
  previous: Value,
  preview: boolean,
): Properties {
  const { generation, holds, retireAt } = inputs;
  const known = !hasUnknown(current);
  if (!known && !preview) throw new Error("The value is not known");
  return {
    secret: inputs["secret"],
    window: inputs["window"],
    generation,
    holds,
    retireAt,
    current,
    previous,
    fingerprint: known
      ? fingerprint(
          settings.require("fingerprintKey", "The key for fingerprints"),
          text(inputs, "secret"),
          reveal(current) as string,
        )
      : unknown,
  };
}
