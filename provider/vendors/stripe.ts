// Stripe, as far as its keys can be tried: no call makes, lists or ends them (docs.stripe.com/keys).
import { bearer, tryKey } from "./try-key.ts";

/**
 * What Stripe says of a key when it is asked for the account's balance, which changes nothing: `limited` is a restricted
 * key that may not read the balance (403), and works; a dead one is refused as such (401).
 */
export type StripeStanding = "dead" | "limited" | "works";

/** @param baseUrl @default used by callers: https://api.stripe.com */
export function standing(baseUrl: string, key: string, patienceSeconds: number): Promise<StripeStanding> {
  return tryKey(
    bearer("Stripe", baseUrl, key, patienceSeconds),
    "/v1/balance",
    "read the account's balance with a key",
  );
}

/** Whether a key belongs to live payments or to tests; undefined for what is no key. */
export function modeOf(key: string): "live" | "test" | undefined {
  const found = /^[rs]k_(live|test)_[0-9A-Za-z]{10,247}$/.exec(key);
  return found ? (found[1] as "live" | "test") : undefined;
}
