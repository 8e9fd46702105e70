// A consumer of a vendor's key as IntelliFlow has it: it reads the pair from Vault, uses the primary key, and falls back
// to the secondary one when the vendor refuses the first.
import type { World } from "./world.ts";

export interface Pair {
  primary_key?: string;
  secondary_key?: string;
  generation?: number;
}

/** The latest version of a pair; {} when there is none. */
export async function readPair(world: World, path: string, version = ""): Promise<Pair> {
  const { VAULT_ADDR: address = "", VAULT_TOKEN: token = "" } = world.sandbox.env;
  const query = version && `?version=${version}`;
  const response = await fetch(`${address}/v1/secret/data/${path}${query}`, { headers: { "x-vault-token": token } });
  const { data } = (await response.json()) as { data?: { data?: Pair } };
  return data?.data ?? {};
}

/** Calls a vendor over and over until it is stopped, and counts what failed and what the secondary key saved. */
export class PairClient {
  requests = 0;
  fallbacks = 0;
  readonly failures: string[] = [];
  #running = true;
  readonly #done: Promise<unknown>;

  /** @param accepted whether the vendor serves a request with this key */
  constructor(world: World, path: string, accepted: (key: string) => Promise<boolean>) {
    this.#done = this.#work(world, path, accepted);
  }

  async #work(world: World, path: string, accepted: (key: string) => Promise<boolean>): Promise<void> {
    while (this.#running) {
      this.requests++;
      try {
        const { primary_key: primary = "", secondary_key: secondary = "" } = await readPair(world, path);
        if (primary === "" || !(await accepted(primary))) {
          this.fallbacks++;
          if (secondary === "" || !(await accepted(secondary))) this.failures.push("both keys were refused");
        }
      } catch (error) {
        this.failures.push((error as Error).message);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }
}
