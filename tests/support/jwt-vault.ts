// Vault's jwt auth method in front of a real Vault: the sandbox's own has none built in. It checks a GitHub identity
// token as Vault does (issuer, audience, signature, bound claims), hands out a child token of the real Vault, and passes
// everything else on.
import http from "node:http";
import { createRemoteJWKSet, jwtVerify } from "jose";

export interface JwtRole {
  audience: string;
  /** Every claim must be one of the values. */
  boundClaims: Record<string, string[]>;
}

export class JwtVault {
  /** Roles that were let in, in order. */
  readonly logins: string[] = [];
  /** Tokens that were handed out and not revoked yet. */
  readonly alive = new Set<string>();
  readonly #server: http.Server;
  readonly #options: { vault: string; token: string; issuer: string; roles: Record<string, JwtRole> };
  #port = 0;

  /** @param options `vault` and `token` of the real one; `issuer` of the identity tokens */
  constructor(options: { vault: string; token: string; issuer: string; roles: Record<string, JwtRole> }) {
    this.#options = options;
    this.#server = http.createServer((request, response) => {
      void this.#answer(request)
        .catch((error: unknown) => ({ status: 500, body: { errors: [(error as Error).message] } }))
        .then(({ status, body }) => {
          response.writeHead(status, { "content-type": "application/json" });
          response.end(body === undefined ? "" : JSON.stringify(body));
        });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as { port: number }).port;
    return this;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: http.IncomingMessage): Promise<{ status: number; body?: unknown }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    if (request.url === "/v1/auth/jwt/login") return this.#login(JSON.parse(text) as { role?: string; jwt?: string });
    const given = request.headers["x-vault-token"];
    const answer = await this.#ask(
      request.method ?? "GET",
      request.url ?? "/",
      String(given ?? ""),
      text,
      request.headers,
    );
    if (request.url === "/v1/auth/token/revoke-self" && answer.status < 300) this.alive.delete(String(given));
    return answer;
  }

  async #login({ role = "", jwt = "" }: { role?: string; jwt?: string }): Promise<{ status: number; body?: unknown }> {
    const refuse = (why: string) => ({ status: 400, body: { errors: [why] } });
    const known = this.#options.roles[role];
    if (!known) return refuse(`role "${role}" could not be found`);
    try {
      const keys = createRemoteJWKSet(new URL(`${this.#options.issuer}/.well-known/jwks`));
      const { payload } = await jwtVerify(jwt, keys, { issuer: this.#options.issuer, audience: known.audience });
      for (const [claim, values] of Object.entries(known.boundClaims))
        if (!values.includes(String(payload[claim])))
          return refuse(`claim "${claim}" does not match any associated bound claim values`);
    } catch {
      return refuse("error validating token");
    }
    const made = await this.#ask("POST", "/v1/auth/token/create", this.#options.token, JSON.stringify({ ttl: "20m" }));
    const { auth } = made.body as { auth: { client_token: string } };
    this.logins.push(role);
    this.alive.add(auth.client_token);
    return { status: 200, body: { auth } };
  }

  async #ask(method: string, path: string, token: string, body: string, headers: http.IncomingHttpHeaders = {}) {
    const response = await fetch(this.#options.vault + path, {
      method: method === "LIST" ? "GET" : method,
      headers: { "x-vault-token": token, ...(headers["x-vault-request"] ? { "x-vault-request": "true" } : {}) },
      ...(body === "" ? {} : { body }),
    });
    const text = await response.text();
    return { status: response.status, ...(text === "" ? {} : { body: JSON.parse(text) as unknown }) };
  }
}
