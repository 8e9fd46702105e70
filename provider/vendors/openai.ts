// OpenAI's Admin API, as far as service accounts go (platform.openai.com/docs/api-reference/project-service-accounts),
// and the harmless call that tells whether a key works.
import { request, type Reply, type Vendor } from "./http.ts";
import { bearer, tryKey } from "./try-key.ts";

export interface ServiceAccount {
  /** `svc_acct_...` */
  id: string;
  name: string;
  /** Unix seconds. */
  created_at: number;
}

/** A key of a project, without its value. Dates are Unix seconds. */
export interface ProjectKey {
  id: string;
  created_at: number;
  /** Null or absent when it was never used. */
  last_used_at?: number | null;
  owner?: { type?: string; service_account?: { id?: string } };
}

interface Page<T> {
  data: T[];
  has_more?: boolean;
  last_id?: string | null;
}

export class OpenAi {
  readonly #vendor: Vendor;
  readonly #project: string;
  /** @param adminKey an admin key (`sk-admin-...`); a project's own keys may not manage keys */
  constructor(baseUrl: string, adminKey: string, project: string, patienceSeconds: number) {
    this.#vendor = {
      name: "OpenAI",
      baseUrl,
      headers: { authorization: `Bearer ${adminKey}` },
      tokenName: "OPENAI_ADMIN_KEY",
      patienceSeconds,
    };
    this.#project = `/organization/projects/${project}`;
  }

  accounts(): Promise<ServiceAccount[]> {
    return this.#all("service_accounts", "list the project's service accounts");
  }

  /** Every key of the project, with the vendor's clock. */
  async keys(): Promise<{ keys: ProjectKey[]; date: Date }> {
    let date = new Date();
    const keys = await this.#all<ProjectKey>("api_keys", "list the project's API keys", (reply) => (date = reply.date));
    return { keys, date };
  }

  /**
   * Makes a service account with a key of its own, whose value is told this once. Not to be repeated blindly: each call
   * makes one more, under the same name.
   * @param lifetimeSeconds after which the key ends by itself; 0: never
   */
  async create(name: string, lifetimeSeconds = 0): Promise<{ id: string; value: string }> {
    const reply = await request(this.#vendor, {
      method: "POST",
      path: `${this.#project}/service_accounts`,
      body: { name, ...(lifetimeSeconds > 0 ? { expires_in_seconds: lifetimeSeconds } : {}) },
      purpose: `create the service account ${name}`,
    });
    const { id, api_key: key } = reply.body as { id: string; api_key?: { value?: string } | null };
    if (!key?.value) throw new Error(`OpenAI made the service account ${name} (${id}) without telling a key.`);
    return { id, value: key.value };
  }

  async exists(id: string): Promise<boolean> {
    const purpose = `look for the service account ${id}`;
    const path = `${this.#project}/service_accounts/${id}`;
    return (await request(this.#vendor, { method: "GET", path, purpose, accept: [404] })).status !== 404;
  }

  /** Deletes a service account and with it its key. One that is gone already is done. */
  async remove(id: string): Promise<void> {
    const purpose = `delete the service account ${id}`;
    const path = `${this.#project}/service_accounts/${id}`;
    await request(this.#vendor, { method: "DELETE", path, purpose, accept: [404] });
  }

  async #all<T extends { id: string }>(what: string, purpose: string, seen?: (reply: Reply) => void): Promise<T[]> {
    const all: T[] = [];
    for (let after = ""; ;) {
      const path = `${this.#project}/${what}?limit=100${after && `&after=${after}`}`;
      const reply = await request(this.#vendor, { method: "GET", path, purpose });
      seen?.(reply);
      const { data, has_more, last_id } = reply.body as Page<T>;
      const more = data.filter(({ id }) => !all.some((known) => known.id === id));
      all.push(...more);
      after = last_id ?? data.at(-1)?.id ?? "";
      // A page without anything new ends it too, should the vendor not know the cursor.
      if (!has_more || !after || !more.length) return all;
    }
  }
}

/** Whether OpenAI accepts a key: asks for the list of models, which costs nothing; a key that may not see it works too. */
export async function accepted(baseUrl: string, key: string, patienceSeconds: number): Promise<boolean> {
  return (
    (await tryKey(bearer("OpenAI", baseUrl, key, patienceSeconds), "/models", "list models with a key")) !== "dead"
  );
}
