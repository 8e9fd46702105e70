// The identity tokens of workflow jobs (docs.github.com/actions/reference/security/oidc). At GitHub the issuer and the
// endpoint that a job asks are hosts of their own; here both are below the simulator's address.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose";
import { bearer, Refusal } from "./answers.ts";

/** Paths that need no token of the REST API. */
export const oidcPaths = ["/oidc/token", "/oidc/.well-known/openid-configuration", "/oidc/.well-known/jwks"];

/** What GitHub says about a job; `sub` follows from it unless given. */
export interface JobClaims {
  repository: string;
  /** `refs/heads/main` */
  ref: string;
  /** The environment that the job runs in, if any. */
  environment?: string;
  /** `owner/repo/.github/workflows/rotate.yml@refs/heads/main` */
  job_workflow_ref: string;
  event_name?: string;
  actor?: string;
  run_id?: string;
}

/** Signs tokens for jobs. A job is known by the request token that it was started with. */
export class OidcIssuer {
  readonly #jobs = new Map<string, JobClaims>();
  #keys: Promise<{ privateKey: CryptoKey; jwk: JWK }> | undefined;

  /** @returns the job's ACTIONS_ID_TOKEN_REQUEST_TOKEN */
  startJob(claims: JobClaims): string {
    const token = `oidc-request-${crypto.randomUUID()}`;
    this.#jobs.set(token, claims);
    return token;
  }

  routes(app: FastifyInstance, issuer: () => string): void {
    app.get("/oidc/.well-known/openid-configuration", async () => ({
      issuer: issuer(),
      jwks_uri: `${issuer()}/.well-known/jwks`,
      id_token_signing_alg_values_supported: ["RS256"],
    }));
    app.get("/oidc/.well-known/jwks", async () => ({ keys: [(await this.#pair()).jwk] }));
    app.get("/oidc/token", async (request: FastifyRequest<{ Querystring: { audience?: string } }>) => {
      const claims = this.#jobs.get(bearer(request) ?? "");
      if (!claims) throw new Refusal(401, { message: "Unauthorized" });
      const { audience = `https://github.com/${claims.repository.split("/")[0]}` } = request.query;
      return { count: 1, value: await this.#sign(claims, audience, issuer()) };
    });
  }

  async #sign(claims: JobClaims, audience: string, issuer: string): Promise<string> {
    const { privateKey, jwk } = await this.#pair();
    const where = claims.environment ? `environment:${claims.environment}` : `ref:${claims.ref}`;
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: "RS256", kid: jwk.kid, typ: "JWT" })
      .setSubject(`repo:${claims.repository}:${where}`)
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt()
      .setNotBefore("0s")
      .setExpirationTime("5m")
      .sign(privateKey);
  }

  #pair(): Promise<{ privateKey: CryptoKey; jwk: JWK }> {
    return (this.#keys ??= generateKeyPair("RS256", { extractable: true }).then(async ({ publicKey, privateKey }) => ({
      privateKey,
      jwk: { ...(await exportJWK(publicKey)), kid: "sandbox", alg: "RS256", use: "sig" },
    })));
  }
}
