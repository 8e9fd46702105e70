// A restricted key of Stripe's. A person makes it on the dashboard and hands it over, and a person ends it there: no
// call can do either. What a program can do is ask whether a key works, and go on asking whether the old one is dead.
import { fingerprint } from "../proof.ts";
import { text } from "../resources/inputs.ts";
import type { Settings } from "../settings.ts";
import { modeOf, standing } from "../vendors/stripe.ts";
import type { Failure } from "../wire/contract.ts";
import type { Properties } from "../wire/values.ts";
import type { CredentialKind } from "./kind.ts";

export const stripeKeysPage = "https://dashboard.stripe.com/apikeys";

/**
 * Settings: `value` (secret: what was handed over, `rk_live_...`), `mode` ("live" or "test"; left out: either).
 * Stripe has no public name for a key, so its reference is a keyed fingerprint; nor does it tell who uses one.
 */
export function stripeKey(settings: Settings): CredentialKind {
  const ask = (value: string) => standing(settings.stripeUrl(), value, Math.min(30, settings.patienceSeconds()));
  return {
    kind: "stripe-key",
    given: (args) => text(args, "value"),
    byHand: `only a person can end it, at ${stripeKeysPage}`,
    validate,
    issue: async ({ args, family }) => {
      const value = text(args, "value");
      const key = settings.require("fingerprintKey", "The key for fingerprints");
      return { value, reference: `${modeOf(value) ?? "unknown"}-key-${fingerprint(key, family, value)}` };
    },
    prove: async (_args, { value, reference }) => {
      if ((await ask(value)) === "dead") throw new Error(`Stripe does not accept the key ${reference}.`);
    },
    // Without the value nothing can be asked, and what may be alive counts as alive.
    valid: async (_args, _reference, value) => !value || (await ask(value)) !== "dead",
    users: async () => undefined,
    revoke: async (_args, reference) => {
      throw new Error(
        `Stripe's ${reference} cannot be ended by a program: end it at ${stripeKeysPage}, and run again.`,
      );
    },
  };
}

function validate(args: Properties): Failure[] {
  const [mode, found] = [text(args, "mode"), modeOf(text(args, "value"))];
  const failures: Failure[] = [];
  if (mode !== "" && mode !== "live" && mode !== "test")
    failures.push({ property: "mode", reason: `mode is "${mode}"; give "live" or "test", or leave it out` });
  if (!found)
    failures.push({
      property: "value",
      reason: "what was handed over is no key of Stripe's; they begin with rk_live_ or rk_test_",
    });
  else if (mode !== "" && mode !== found)
    failures.push({
      property: "value",
      reason: `what was handed over is a key for ${found} mode, and this stack needs one for ${mode} mode`,
    });
  return failures;
}
