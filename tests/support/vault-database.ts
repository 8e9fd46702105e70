// What an administrator sets up once where Vault's database engine has the passwords of IntelliFlow's logins.
import type { Sandbox } from "../../sandbox/sandbox.ts";

/** Makes two logins, the engine's connection and its two static roles, `intelliflow-a` and `intelliflow-b`. */
export async function prepareVaultDatabase({ postgres, vault }: Sandbox): Promise<{ roles: string[]; url: string }> {
  const [database, owner] = ["intelliflow", "intelliflow_owner"];
  const admin = new URL(postgres.adminUrl(database));
  await vault.call("POST", "sys/mounts/database", { type: "database" });
  await vault.call("POST", `database/config/${database}`, {
    plugin_name: "postgresql-database-plugin",
    allowed_roles: "*",
    connection_url: `postgresql://{{username}}:{{password}}@${admin.host}${admin.pathname}?sslmode=disable`,
    username: decodeURIComponent(admin.username),
    password: decodeURIComponent(admin.password),
  });
  const roles = ["a", "b"];
  for (const slot of roles) {
    const username = `intelliflow_vault_${slot}`;
    await postgres.query(`create role ${username} login in role ${owner}`);
    await postgres.query(`alter role ${username} set role = '${owner}'`);
    // Ten years: the stack says when, not Vault's own clock.
    const role = { db_name: database, username, rotation_period: "87600h" };
    await vault.call("POST", `database/static-roles/intelliflow-${slot}`, role);
  }
  return { roles: roles.map((slot) => `intelliflow-${slot}`), url: `postgresql://${admin.host}${admin.pathname}` };
}
