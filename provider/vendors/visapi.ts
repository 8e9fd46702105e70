// VisAPI's own API, as far as keys go: `/api/v1/api-keys` with the header X-API-Key. A key is its prefix and 64 hex
// characters; VisAPI keeps a bcrypt hash of those, so its value is told once, in the answer to the call that makes it.
import { request, type Reply, type Vendor } from "./http.ts";

export interface VisapiKey {
  id: string;
  name: string;
  created_at: string;
  last_used_at?: string | null;
}

export class Visapi {
  readonly #vendor: Vendor;
  /** @param key one with the scopes keys:create, keys:read and keys:delete */
  constructor(baseUrl: string, key: string, patienceSeconds?: number) {
    this.#vendor = {
      name: "VisAPI",
      baseUrl,
      headers: { "x-api-key": key },
      tokenName: "VISAPI_ADMIN_API_KEY",
      ...(patienceSeconds === undefined ? {} : { patienceSeconds }),
    };
  }

  /** Every key, and the API's clock when it told. */
  async keys(): Promise<{ keys: VisapiKey[]; date: Date }> {
    const reply = await request(this.#vendor, { method: "GET", path: "/api/v1/api-keys", purpose: "list API keys" });
    const body = reply.body as VisapiKey[] | { data?: VisapiKey[] };
    return { keys: Array.isArray(body) ? body : (body.data ?? []), date: reply.date };
  }

  /** Not to be repeated blindly: each call makes one more key, and tells its value this once. */
  async create(name: string, scopes: string[]): Promise<{ id: string; key: string }> {
    const reply = await request(this.#vendor, {
      method: "POST",
      path: "/api/v1/api-keys",
      body: { name, scopes },
      purpose: `create the API key ${name}`,
    });
    return reply.body as { id: string; key: string };
  }

  /** A key that is gone already is done; documented as 204, and some versions answer 200 with a message. */
  remove(id: string): Promise<Reply> {
    return request(this.#vendor, {
      method: "DELETE",
      path: `/api/v1/api-keys/${encodeURIComponent(id)}`,
      purpose: `delete API key ${id}`,
      accept: [404],
    });
  }

  /**
   * Whether VisAPI accepts this client's key, asked several times in a row: more than one instance answers.
   * A key without the right to list keys (403) is accepted all the same.
   */
  async accepted(times = 4): Promise<boolean> {
    for (let turn = 0; turn < times; turn++) {
      const reply = await request(this.#vendor, {
        method: "GET",
        path: "/api/v1/api-keys",
        headers: { connection: "close" },
        purpose: "accept an API key",
        accept: [401, 403],
      });
      if (reply.status === 401) return false;
    }
    return true;
  }
}
