// The key that IntelliFlow's data is encrypted with (runbook, "Encryption Keys"): it never leaves Vault, and what it has
// encrypted is brought to its new version beside live writes.
import type { Application } from "../components/application.ts";
import { TransitKey } from "../components/transit-key.ts";
import { databaseAdminUrl } from "./intelliflow-database.ts";
import type { Services } from "./intelliflow-services.ts";

export interface EncryptionArgs extends Services {
  owner: string;
}

export function encryption(application: Application, { owner, api }: EncryptionArgs): void {
  new TransitKey(application, "DATA_ENCRYPTION_KEY", {
    class: "CRITICAL",
    owner,
    intervalDays: 365,
    key: "intelliflow-data",
    databaseUrl: databaseAdminUrl(),
    // Every column that holds a ciphertext of this key: what is missing here is locked out once the minimum is raised.
    tables: [{ table: "customers", key: "id", column: "card" }],
    kv: [{ mount: "secret", path: "intelliflow/integrations", fields: ["crm_token"] }],
    // Longer than a backup that may be restored as it is.
    graceHours: 24,
    health: api.args.health ?? [],
  });
}
