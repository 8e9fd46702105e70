// The person of the year: fetches a new key from its vendor's pages when the stack asks for one, brings it by
// `rotate hand-over`, and deletes the old one once the stack says that nobody uses it.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Row } from "../../cli/inventory.ts";
import type { Typist } from "../support/type.ts";
import type { World } from "../support/world.ts";

const prefixes: Record<string, string> = { ANTHROPIC_API_KEY: "sk-ant-api03-", STRIPE_API_KEY: "rk_test_" };

export class Person {
  readonly #world: World;
  readonly #typist: Typist;
  /** The keys of each secret, the one in use last. */
  readonly #keys: Record<string, string[]>;

  constructor(world: World, typist: Typist) {
    [this.#world, this.#typist] = [world, typist];
    const { anthropicApiKey, stripeApiKey } = world.sandbox.secrets;
    this.#keys = { ANTHROPIC_API_KEY: [anthropicApiKey], STRIPE_API_KEY: [stripeApiKey] };
  }

  /** Does what the inventory asks of a person today. @returns whether anything was done */
  async tend(rows: Row[], now: string): Promise<boolean> {
    let busy = false;
    const { anthropic, stripe } = this.#world.sandbox.simulators;
    for (const row of rows.filter(({ handedOver, secret }) => handedOver && secret in prefixes)) {
      const keys = this.#keys[row.secret] ?? [];
      // Stripe has no way for a program to end a key.
      if (row.state === "held") {
        assert.match(row.why, /only a person can end it/);
        for (const old of keys.splice(0, keys.length - 1)) stripe.revokeKey(old);
        busy = true;
      }
      if (row.state !== "due" && row.state !== "overdue") continue;
      busy = true;
      const key = `${prefixes[row.secret]}${randomBytes(45).toString("hex")}AA`;
      const vendor = row.secret === "STRIPE_API_KEY" ? stripe : anthropic;
      vendor.addKey(`intelliflow-${now.slice(0, 10)}`, key);
      const { code, said } = await this.#typist.type(now, ["hand-over", row.secret], { input: `${key}\n` });
      assert.equal(code, 0, said);
      keys.push(key);
    }
    return busy;
  }
}
