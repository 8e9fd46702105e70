// IntelliFlow's login at PostgreSQL: two users, one in use (runbook, "Database Credentials"). The stack makes them by an
// administrator's login; or, where Vault's database engine has that login, Vault sets their passwords when the stack says.
import * as pulumi from "@pulumi/pulumi";
import { kubernetesSecret } from "../components/destinations/kubernetes.ts";
import { vaultKv } from "../components/destinations/vault.ts";
import { IssuedCredential, type IssuedCredentialArgs } from "../components/issued-credential.ts";
import { secretSetting, setting } from "../components/stack.ts";
import type { Application } from "../components/application.ts";
import type { Services } from "./intelliflow-services.ts";

export interface DatabaseArgs extends Services {
  owner: string;
  /** Hours for which the old user can log in still; sessions of it delay its end. */
  graceHours: number;
}

/** A connection string of an administrator, for the database that IntelliFlow uses. */
export function databaseAdminUrl(): pulumi.Output<string> {
  return secretSetting("intelliflow", "databaseAdminUrl", "INTELLIFLOW_DATABASE_ADMIN_URL");
}

export function database(application: Application, { owner, graceHours, api, web }: DatabaseArgs): void {
  new IssuedCredential(application, "DATABASE_URL", {
    class: "CRITICAL",
    owner,
    intervalDays: 30,
    graceHours,
    ...madeBy(),
    destinations: [
      vaultKv({ path: "intelliflow/database", fields: (url) => ({ ...login(url), url }) }),
      kubernetesSecret({
        deployments: [api, web],
        name: "database",
        entries: (url) => {
          const { username, password } = login(url);
          return { DATABASE_URL: url, DATABASE_USERNAME: username, DATABASE_PASSWORD: password };
        },
      }),
    ],
  });
}

/**
 * Config `intelliflow:vaultDatabaseRoles`, the two static roles of Vault's database engine, has Vault make the passwords;
 * `intelliflow:databaseUrl` is then the address of the database, without user. Left out: `postgres-login`.
 */
function madeBy(): Pick<IssuedCredentialArgs, "kind" | "settings"> {
  const common = { owner: "intelliflow_owner", checks: ["select 1 from customers limit 1"] };
  const roles = new pulumi.Config("intelliflow").getObject<string[]>("vaultDatabaseRoles");
  if (roles === undefined)
    return {
      kind: "postgres-login",
      settings: { ...common, adminUrl: databaseAdminUrl(), application: "intelliflow" },
    };
  const consumerUrl = setting("intelliflow", "databaseUrl", "INTELLIFLOW_DATABASE_URL");
  return { kind: "vault-static-role", settings: { ...common, roles, consumerUrl } };
}

/** User and password, as they are before they are encoded for a URL. */
function login(url: pulumi.Output<string>): { username: pulumi.Output<string>; password: pulumi.Output<string> } {
  const part = (name: "username" | "password"): pulumi.Output<string> =>
    pulumi.secret(url.apply((text) => decodeURIComponent(new URL(text)[name])));
  return { username: part("username"), password: part("password") };
}
