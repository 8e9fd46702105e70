// Stripe: keys are made, rolled and ended on the dashboard only (docs.stripe.com/keys).
import { standing } from "../../provider/vendors/stripe.ts";
import type { Guide, Verdict } from "./guide.ts";

export const stripe: Guide = {
  name: "intelliflow/STRIPE_API_KEY",
  vendor: "Stripe",
  steps: [
    "Open https://dashboard.stripe.com/apikeys, in the account and mode (live or test) that IntelliFlow uses.",
    'Choose "Create restricted key". Do not roll the old one: rolling sets its end now, before the new one is verified.',
    "Give it a name that says what it is for and the date, and the same permissions as the old key (open the old one beside it). Read on Balance lets the key be checked more thoroughly.",
    "Copy it (rk_live_...): it is shown once.",
  ],
  ending: [
    "After the grace period (rotate status shows until when) expire the old key on the same page: Stripe has no call for that.",
    "Each run of the stack asks whether it is dead; when it is, it goes out of Vault.",
  ],
  shape: /^rk_(live|test)_[0-9A-Za-z]{16,247}$/,
  like: "rk_live_AbCd... (a restricted key; secret keys, sk_..., may do everything and are not taken)",
  async check(value, env): Promise<Verdict> {
    const said = await standing((env["STRIPE_API_URL"] || "https://api.stripe.com").replace(/\/$/, ""), value, 15);
    if (said === "dead") return { verdict: "refused", said: "Stripe does not accept it (401)" };
    return said === "works"
      ? { verdict: "accepted", said: "Stripe shows the account's balance with it" }
      : { verdict: "accepted", said: "Stripe knows it, though it may not read the balance" };
  },
};
