// Static roles of Vault's database engine (developer.hashicorp.com/vault/api-docs/secret/databases, "Static role"): Vault
// knows a login of the database, and sets its password itself.
import { request, VendorError, type Reply, type Vendor } from "./http.ts";

export interface StaticCredential {
  username: string;
  password: string;
  /** RFC 3339 with nanoseconds, as Vault writes it: tells one password of the login from the next. */
  rotatedAt: string;
}

export class VaultDatabase {
  readonly #vendor: Vendor;
  readonly #mount: string;

  /** @param mount of the engine, like `database` */
  constructor(vendor: Vendor, mount: string) {
    this.#vendor = vendor;
    this.#mount = mount;
  }

  /** Seconds after which Vault sets a new password by itself. @throws VendorError when there is no such role */
  async periodOf(role: string): Promise<number> {
    const reply = await this.#ask("GET", `/static-roles/${role}`, `read the static role ${this.#mount}/${role}`, true);
    const { data } = reply.body as { data: { rotation_period?: number; rotation_schedule?: string } };
    return data.rotation_schedule ? 0 : (data.rotation_period ?? 0);
  }

  /** The password that holds now. @throws VendorError when there is no such role */
  async read(role: string): Promise<StaticCredential> {
    const reply = await this.#ask("GET", `/static-creds/${role}`, `read the login ${this.#mount}/${role}`, true);
    const { data } = reply.body as {
      data: { username: string; password: string; last_vault_rotation: string };
    };
    return { username: data.username, password: data.password, rotatedAt: data.last_vault_rotation };
  }

  /** Sets a new password. A repetition sets one more, which matters only to whoever has read the first. */
  async rotate(role: string): Promise<void> {
    await this.#ask("POST", `/rotate-role/${role}`, `rotate the static role ${this.#mount}/${role}`, false);
  }

  async #ask(method: "GET" | "POST", path: string, purpose: string, missing: boolean): Promise<Reply> {
    const role = path.split("/").at(-1) ?? "";
    const reply = await request(this.#vendor, {
      method,
      path: `/${this.#mount}${path}`,
      purpose,
      ...(missing ? { accept: [400, 404] } : {}),
      repeatable: true,
    });
    if (reply.status === 400 || reply.status === 404)
      throw new VendorError(
        `Vault has no static role "${role}" at ${this.#mount}/. Make it with: vault write ${this.#mount}/static-roles/${role} db_name=<connection> username=<login> rotation_period=87600h`,
        reply.status,
      );
    return reply;
  }
}
