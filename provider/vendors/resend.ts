// Resend's API, as far as keys go (resend.com/docs/api-reference), and the ways to try a key.
import { request, VendorError, type Reply, type Vendor } from "./http.ts";

export interface ResendKey {
  id: string;
  name: string;
  created_at: string;
  /** Null when it was never used. */
  last_used_at?: string | null;
}

/** What a key can do at Resend. */
export type ResendStanding = "dead" | "sending" | "full";

function vendorOf(baseUrl: string, key: string, tokenName: string, patienceSeconds?: number): Vendor {
  return {
    name: "Resend",
    baseUrl,
    // Requests without a user agent are refused with 403 (resend.com/docs/api-reference/introduction).
    headers: { authorization: `Bearer ${key}`, "user-agent": "secret-rotation" },
    tokenName,
    ...(patienceSeconds === undefined ? {} : { patienceSeconds }),
  };
}

export class Resend {
  readonly #vendor: Vendor;
  /** @param adminKey a `full_access` key; `sending_access` keys may not manage keys */
  constructor(baseUrl: string, adminKey: string, patienceSeconds?: number) {
    this.#vendor = vendorOf(baseUrl, adminKey, "RESEND_ADMIN_KEY", patienceSeconds);
  }

  /** Every key of the team, and the vendor's clock when it told. */
  async keys(): Promise<{ keys: ResendKey[]; date: Date }> {
    const keys: ResendKey[] = [];
    for (let after = ""; ;) {
      const reply = await request(this.#vendor, {
        method: "GET",
        path: `/api-keys?limit=100${after && `&after=${after}`}`,
        purpose: "list the team's API keys",
      });
      const { data, has_more } = reply.body as { data: ResendKey[]; has_more?: boolean };
      const more = data.filter(({ id }) => !keys.some((known) => known.id === id));
      keys.push(...more);
      after = data.at(-1)?.id ?? "";
      // A page without anything new ends it too, should the vendor not know the cursor.
      if (!has_more || !after || !more.length) return { keys, date: reply.date };
    }
  }

  /** Not to be repeated blindly: each call makes one more key, and tells its value this once. */
  async create(name: string, domainId?: string): Promise<{ id: string; token: string }> {
    const reply = await request(this.#vendor, {
      method: "POST",
      path: "/api-keys",
      body: { name, permission: "sending_access", ...(domainId ? { domain_id: domainId } : {}) },
      purpose: `create the API key ${name}`,
    });
    return reply.body as { id: string; token: string };
  }

  /** A key that is gone already is done. */
  remove(id: string): Promise<Reply> {
    return request(this.#vendor, {
      method: "DELETE",
      path: `/api-keys/${id}`,
      purpose: `delete API key ${id}`,
      accept: [404],
    });
  }
}

/**
 * Tells what a key can do without sending anything: a live `sending_access` key is refused with `restricted_api_key`,
 * a dead one with `invalid_api_key` (resend.com/docs/api-reference/errors).
 */
export async function standing(baseUrl: string, key: string): Promise<ResendStanding> {
  const reply = await request(vendorOf(baseUrl, key, "RESEND_API_KEY", 30), {
    method: "GET",
    path: "/domains",
    purpose: "tell what a key may do",
    accept: [400, 401, 403],
  });
  if (reply.status < 300) return "full";
  return (reply.body as { name?: string } | null)?.name === "restricted_api_key" ? "sending" : "dead";
}

/**
 * Sends to an address that takes everything and reaches nobody.
 * @param from a sender of a domain that the key may send from
 * @param once the same text for every attempt, so that a repeated one sends nothing more
 */
export async function trySending(baseUrl: string, key: string, from: string, once: string): Promise<void> {
  const reply = await request(vendorOf(baseUrl, key, "RESEND_API_KEY", 30), {
    method: "POST",
    path: "/emails",
    headers: { "idempotency-key": once },
    body: { from, to: ["delivered@resend.dev"], subject: "Secret rotation", text: "A new key was tried." },
    purpose: `send as ${from} with a new key`,
    repeatable: true,
    accept: [400, 401, 403, 404, 409, 422],
  });
  if (reply.status >= 300) {
    const name = (reply.body as { name?: unknown } | null)?.name;
    const why = typeof name === "string" && /^\w{1,40}$/.test(name) ? `, ${name}` : "";
    throw new VendorError(
      `Resend refused (${reply.status}${why}) a test message from ${from} under a key. Check that its domain is verified and that the key may send from it.`,
      reply.status,
    );
  }
}
