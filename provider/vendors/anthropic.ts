// Anthropic's Admin API, as far as keys go (platform.claude.com/docs/en/api/admin/api_keys): it lists keys and changes
// their status, and never makes one. And the harmless call that tells whether a key works.
import { request, type Vendor } from "./http.ts";
import { tryKey } from "./try-key.ts";

export interface AnthropicKey {
  /** `apikey_...` */
  id: string;
  name: string;
  status: "active" | "inactive" | "archived" | "expired";
  /** The beginning and the end of the key: `sk-ant-api03-R2D...igAA`. */
  partial_key_hint: string | null;
}

function vendorOf(baseUrl: string, key: string, tokenName: string, patienceSeconds: number): Vendor {
  const headers = { "x-api-key": key, "anthropic-version": "2023-06-01" };
  return { name: "Anthropic", baseUrl, headers, tokenName, patienceSeconds };
}

export class Anthropic {
  readonly #vendor: Vendor;
  /** @param adminKey an admin key (`sk-ant-admin...`); other keys may not manage keys */
  constructor(baseUrl: string, adminKey: string, patienceSeconds: number) {
    this.#vendor = vendorOf(baseUrl, adminKey, "ANTHROPIC_ADMIN_KEY", patienceSeconds);
  }

  /** The organisation's keys that are active. */
  async activeKeys(): Promise<AnthropicKey[]> {
    const keys: AnthropicKey[] = [];
    for (let after = ""; ;) {
      const reply = await request(this.#vendor, {
        method: "GET",
        path: `/v1/organizations/api_keys?status=active&limit=100${after && `&after_id=${after}`}`,
        purpose: "list the organisation's API keys",
      });
      const { data, has_more, last_id } = reply.body as {
        data: AnthropicKey[];
        has_more: boolean;
        last_id: string | null;
      };
      const more = data.filter(({ id }) => !keys.some((known) => known.id === id));
      keys.push(...more);
      after = last_id ?? "";
      if (!has_more || !after || !more.length) return keys;
    }
  }

  /** The active key that a value belongs to, by what the vendor shows of it. */
  async find(value: string): Promise<AnthropicKey[]> {
    return (await this.activeKeys()).filter((key) => fits(value, key.partial_key_hint ?? ""));
  }

  /** `undefined` when there is none of this id. */
  async key(id: string): Promise<AnthropicKey | undefined> {
    const path = `/v1/organizations/api_keys/${id}`;
    const reply = await request(this.#vendor, { method: "GET", path, purpose: `look at key ${id}`, accept: [404] });
    return reply.status === 404 ? undefined : (reply.body as AnthropicKey);
  }

  /** Ends a key; a person can make it active again in the Console. */
  async deactivate(id: string): Promise<void> {
    await request(this.#vendor, {
      method: "POST",
      path: `/v1/organizations/api_keys/${id}`,
      body: { status: "inactive" },
      purpose: `make key ${id} inactive`,
      repeatable: true,
      accept: [404],
    });
  }
}

/** Whether a value begins and ends as the hint says; a hint that shows next to nothing fits nothing. */
export function fits(value: string, hint: string): boolean {
  const [, head = "", tail = ""] = /^(.{8,})\.\.\.(.{2,})$/.exec(hint) ?? [];
  return head !== "" && value.length > head.length + tail.length && value.startsWith(head) && value.endsWith(tail);
}

/** Whether Anthropic accepts a key: asks for the list of models, which costs nothing. */
export async function accepted(baseUrl: string, key: string, patienceSeconds: number): Promise<boolean> {
  const vendor = vendorOf(baseUrl, key, "the key", patienceSeconds);
  return (await tryKey(vendor, "/v1/models?limit=1", "list models with a key")) !== "dead";
}
