// Supabase's Management API, as far as a project's API keys go (supabase.com/docs/reference/api), and the two calls
// by which a project shows whether it accepts a key.
import { request, VendorError, type Reply, type Vendor } from "./http.ts";

export type SupabaseKeyType = "publishable" | "secret";

export interface SupabaseKey {
  id: string;
  name: string;
  type: SupabaseKeyType | "legacy";
  /** Whole only where it was asked to be revealed; else its beginning. */
  api_key?: string;
}

export class Supabase {
  readonly #vendor: Vendor;
  /** @param token a personal access token that may read and write the project's secrets */
  constructor(baseUrl: string, token: string, patienceSeconds?: number) {
    this.#vendor = {
      name: "Supabase",
      baseUrl,
      headers: { authorization: `Bearer ${token}` },
      tokenName: "SUPABASE_ACCESS_TOKEN",
      ...(patienceSeconds === undefined ? {} : { patienceSeconds }),
    };
  }

  async keys(ref: string): Promise<SupabaseKey[]> {
    const reply = await request(this.#vendor, {
      method: "GET",
      path: `/v1/projects/${ref}/api-keys`,
      purpose: `list the API keys of project ${ref}`,
    });
    return reply.body as SupabaseKey[];
  }

  /** A key with its value, or undefined when there is none of that id. */
  async reveal(ref: string, id: string): Promise<SupabaseKey | undefined> {
    const reply = await request(this.#vendor, {
      method: "GET",
      path: `/v1/projects/${ref}/api-keys/${id}?reveal=true`,
      purpose: `read API key ${id} of project ${ref}`,
      accept: [404],
    });
    return reply.status === 404 ? undefined : (reply.body as SupabaseKey);
  }

  /** Not to be repeated blindly: the name is no key, and each call makes one more. */
  async create(ref: string, type: SupabaseKeyType, name: string, description: string): Promise<SupabaseKey> {
    const template = type === "secret" ? { secret_jwt_template: { role: "service_role" } } : {};
    const reply = await request(this.#vendor, {
      method: "POST",
      path: `/v1/projects/${ref}/api-keys?reveal=true`,
      body: { type, name, description, ...template },
      purpose: `create the ${type} key ${name} of project ${ref}`,
    });
    return reply.body as SupabaseKey;
  }

  /** A key that is gone already is done. */
  remove(ref: string, id: string): Promise<Reply> {
    return request(this.#vendor, {
      method: "DELETE",
      path: `/v1/projects/${ref}/api-keys/${id}`,
      purpose: `delete API key ${id} of project ${ref}`,
      accept: [404],
    });
  }

  /** Whether the legacy keys `anon` and `service_role` work; undefined where Supabase no longer knows of any. */
  async legacyEnabled(ref: string): Promise<boolean | undefined> {
    const reply = await request(this.#vendor, {
      method: "GET",
      path: `/v1/projects/${ref}/api-keys/legacy`,
      purpose: `tell whether the legacy keys of project ${ref} work`,
      accept: [404],
    });
    return reply.status === 404 ? undefined : (reply.body as { enabled: boolean }).enabled;
  }

  setLegacy(ref: string, enabled: boolean): Promise<Reply> {
    return request(this.#vendor, {
      method: "PUT",
      path: `/v1/projects/${ref}/api-keys/legacy?enabled=${enabled}`,
      purpose: `switch the legacy keys of project ${ref} ${enabled ? "on" : "off"}`,
      accept: [404],
    });
  }
}

/**
 * Asks the project itself whether it accepts a key.
 * The root of the data API answers secret keys alone (supabase.com/changelog 42949); the sign-in's settings, any key.
 * @param projectUrl `https://<ref>.supabase.co`
 * @throws VendorError when the project gives no clear answer
 */
export async function accepted(projectUrl: string, type: SupabaseKeyType, key: string): Promise<boolean> {
  const vendor: Vendor = {
    name: "The Supabase project",
    baseUrl: projectUrl,
    // Not as a bearer token: these keys are no JWTs, and the gateway refuses them there.
    headers: { apikey: key },
    tokenName: "SUPABASE_ACCESS_TOKEN",
    patienceSeconds: 30,
  };
  const reply = await request(vendor, {
    method: "GET",
    path: type === "secret" ? "/rest/v1/" : "/auth/v1/settings",
    purpose: `accept a ${type} key`,
    accept: [401, 403],
  });
  if (reply.status === 403)
    throw new VendorError("The Supabase project knows the key, but gives it no right to its data.", 403);
  return reply.status !== 401;
}
