// Access tokens of a Vercel user (vercel.com/docs/rest-api, "authentication"). They belong to a person, not to a team.
import { request, type Reply, type Vendor } from "./http.ts";

export interface VercelToken {
  id: string;
  name: string;
  /** Milliseconds since the epoch, as the following. */
  createdAt: number;
  /** When it was last used. */
  activeAt?: number;
  expiresAt?: number;
}

export class VercelTokens {
  readonly #vendor: Vendor;
  /** @param token one with full access to its account: limited ones may not make others */
  constructor(baseUrl: string, token: string, patienceSeconds?: number) {
    this.#vendor = {
      name: "Vercel",
      baseUrl,
      headers: { authorization: `Bearer ${token}` },
      tokenName: "VERCEL_API_TOKEN",
      ...(patienceSeconds === undefined ? {} : { patienceSeconds }),
    };
  }

  /** Every token of the user, and the vendor's clock when it told. */
  async list(): Promise<{ tokens: VercelToken[]; date: Date }> {
    const tokens: VercelToken[] = [];
    for (let until = ""; ;) {
      const reply = await request(this.#vendor, {
        method: "GET",
        path: `/v6/user/tokens?limit=100${until && `&until=${until}`}`,
        purpose: "list the user's tokens",
      });
      const body = reply.body as { tokens: VercelToken[]; pagination?: { next?: number | null } };
      const more = body.tokens.filter(({ id }) => !tokens.some((known) => known.id === id));
      tokens.push(...more);
      until = body.pagination?.next ? String(body.pagination.next) : "";
      // A page without anything new ends it too, should the vendor not know the cursor.
      if (!until || !more.length) return { tokens, date: reply.date };
    }
  }

  /** A token by its id, or the one that this client itself uses. */
  async get(id: string): Promise<VercelToken | undefined> {
    const reply = await request(this.#vendor, {
      method: "GET",
      path: `/v5/user/tokens/${id}`,
      purpose: id === "current" ? "tell which token this run uses" : `read token ${id}`,
      accept: [404],
    });
    return reply.status === 404 ? undefined : (reply.body as { token: VercelToken }).token;
  }

  /** Not to be repeated blindly: each call makes one more token, and tells its value this once. */
  async create(name: string, expiresAt: Date): Promise<{ id: string; value: string }> {
    const reply = await request(this.#vendor, {
      method: "POST",
      path: "/v3/user/tokens",
      body: { name, expiresAt: expiresAt.getTime() },
      purpose: `create the token ${name}`,
    });
    const { token, bearerToken } = reply.body as { token: VercelToken; bearerToken: string };
    return { id: token.id, value: bearerToken };
  }

  /** A token that is gone already is done. */
  remove(id: string): Promise<Reply> {
    return request(this.#vendor, {
      method: "DELETE",
      path: `/v3/user/tokens/${id}`,
      purpose: `revoke token ${id}`,
      accept: [404],
    });
  }

  /** Whether this client's token opens the user's own account. */
  async works(): Promise<boolean> {
    const reply = await request(this.#vendor, {
      method: "GET",
      path: "/v2/user",
      purpose: "accept a token",
      accept: [401, 403],
    });
    return reply.status === 200;
  }
}
