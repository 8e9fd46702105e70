// The sandbox's Vault as docs/ci.md has it set up for GitHub's jobs: the jwt method, and a role and an entry of keys
// for each environment.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Vault } from "../../sandbox/servers/vault.ts";
import { repository } from "../../sandbox/stack.ts";

export type Environment = "preview" | "staging" | "production";

/** Beyond what docs/ci.md sets up. */
export interface Also {
  /** For the entries of another program. */
  policy?: string;
  /** Names of workflows that may rotate. */
  workflows?: string[];
}

interface Login {
  /** The role that let it in. */
  role: string;
  accessor: string;
}

interface AuditLine {
  type: string;
  error?: string;
  request: { path: string };
  response?: { auth?: { accessor?: string; metadata?: { role?: string } } };
}

/** Jobs of one repository at Vault. */
export class JobsAtVault {
  readonly #vault: Vault;
  readonly #log: string;

  private constructor(vault: Vault) {
    this.#vault = vault;
    this.#log = `${vault.auditLog}.jobs`;
  }

  /**
   * @param about `issuer` of the identity tokens, `project` as `owner/repository`, the `keys` that every entry holds, and
   * what is `also` let in
   */
  static async prepare(
    vault: Vault,
    about: { issuer: string; project: string; keys: Record<string, string>; also?: Also },
  ): Promise<JobsAtVault> {
    const { issuer, project, keys, also: { policy: extra = "", workflows: more = [] } = {} } = about;
    const jobs = new JobsAtVault(vault);
    // Vault's own device writes accessors as keyed hashes; here they are looked up afterwards.
    await vault.call("PUT", "sys/audit/jobs", {
      type: "file",
      options: { file_path: jobs.#log, mode: "0600", hmac_accessor: "false" },
    });
    for (const name of ["rotation-stack", "rotation-preview"])
      await vault.call("PUT", `sys/policies/acl/${name}`, { policy: `${policy(name)}\n${extra}` });
    await vault.call("POST", "sys/auth/jwt", { type: "jwt" });
    await vault.call("POST", "auth/jwt/config", { oidc_discovery_url: issuer, bound_issuer: issuer });
    const workflows = (...names: string[]) =>
      names.map((name) => `${project}/.github/workflows/${name}.yml@refs/heads/main`);
    const main = { ref: "refs/heads/main", job_workflow_ref: workflows("rotate", "emergency", ...more) };
    // A pull request's own branch previews, so the role of previews is bound to no branch.
    const claims = { preview: {}, staging: main, production: main };
    for (const [environment, bound] of Object.entries(claims)) {
      const text = policy("ci-entry").replaceAll("ENVIRONMENT", environment);
      await vault.call("PUT", `sys/policies/acl/ci-${environment}`, { policy: text });
      await vault.call("POST", `auth/jwt/role/rotation-${environment}`, {
        role_type: "jwt",
        user_claim: "sub",
        bound_audiences: [vault.address],
        bound_claims: { repository: project, environment, ...bound },
        token_policies: [environment === "preview" ? "rotation-preview" : "rotation-stack", `ci-${environment}`],
        token_ttl: "150m",
        token_max_ttl: "150m",
      });
      await vault.call("POST", `secret/data/ci/${environment}`, { data: keys });
    }
    return jobs;
  }

  /** Who was let in, in order, as Vault's audit device wrote it down. */
  logins(): Login[] {
    return readFileSync(this.#log, "utf8")
      .split("\n")
      .filter((line) => line.includes('"auth/jwt/login"'))
      .map((line) => JSON.parse(line) as AuditLine)
      .flatMap(({ type, request, response, error }) => {
        const { accessor, metadata } = response?.auth ?? {};
        if (type !== "response" || error || request.path !== "auth/jwt/login" || !accessor) return [];
        return [{ role: metadata?.role ?? "", accessor }];
      });
  }

  /** Roles of the logins whose token Vault still knows by its accessor. */
  async alive(): Promise<string[]> {
    const looked = this.logins().map(({ role, accessor }) =>
      this.#vault.call("POST", "auth/token/lookup-accessor", { accessor }).then(
        () => [role],
        (error: unknown) => {
          if (/answered 40\d [\s\S]*invalid accessor/.test((error as Error).message)) return [];
          throw error;
        },
      ),
    );
    return (await Promise.all(looked)).flat();
  }

  /** Logs in as a job does, without the job. */
  async login(role: string, jwt: string): Promise<{ status: number; said: string; token: string; policies: string[] }> {
    const response = await fetch(`${this.#vault.address}/v1/auth/jwt/login`, {
      method: "POST",
      body: JSON.stringify({ role, jwt }),
    });
    const body = (await response.json()) as {
      errors?: string[];
      auth?: { client_token: string; token_policies: string[] };
    };
    const { client_token: token = "", token_policies: policies = [] } = body.auth ?? {};
    return { status: response.status, said: (body.errors ?? []).join("; "), token, policies };
  }

  /** @returns the status of one call with a token */
  async status(token: string, method: string, path: string, body?: object): Promise<number> {
    const response = await fetch(`${this.#vault.address}/v1/${path}`, {
      method,
      headers: { "x-vault-token": token },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    await response.body?.cancel();
    return response.status;
  }
}

function policy(name: string): string {
  return readFileSync(join(repository, "vault", "policies", `${name}.hcl`), "utf8");
}
