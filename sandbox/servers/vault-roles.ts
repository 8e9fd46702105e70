// How the stack gets into the sandbox's Vault: by AppRole, with the rights of vault/policies/rotation-stack.hcl and no
// others, as docs/vault-access.md sets it up. The root token stays with the sandbox itself.
import { readFileSync } from "node:fs";
import type { Vault } from "./vault.ts";

const role = "rotation-stack";

/**
 * Logs in as the stack, after making policy and role where they are missing; the policy is written anew each time.
 * @returns a token that is good for 32 days
 */
export async function stackToken(vault: Vault): Promise<string> {
  const policy = readFileSync(new URL(`../../vault/policies/${role}.hcl`, import.meta.url), "utf8");
  await vault.call("PUT", `sys/policies/acl/${role}`, { policy });
  const { data: methods } = await vault.call<{ data: Record<string, unknown> }>("GET", "sys/auth");
  if (!("approle/" in methods)) await vault.call("POST", "sys/auth/approle", { type: "approle" });
  const path = `auth/approle/role/${role}`;
  await vault.call("POST", path, { token_policies: [role], token_period: "768h", secret_id_num_uses: 1 });
  const { data: id } = await vault.call<{ data: { role_id: string } }>("GET", `${path}/role-id`);
  const { data: once } = await vault.call<{ data: { secret_id: string } }>("POST", `${path}/secret-id`, {});
  const { auth } = await vault.call<{ auth: { client_token: string } }>("POST", "auth/approle/login", {
    ...{ role_id: id.role_id, secret_id: once.secret_id },
  });
  return auth.client_token;
}
