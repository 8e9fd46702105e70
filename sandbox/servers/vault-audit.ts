// The key that signs the stack's audit trail, as an administrator makes it (docs/audit.md).
import type { Vault } from "./vault.ts";

/** Mounts transit where it is not yet, and makes the key where there is none; a key that is there stays. */
export async function ensureAuditKey(call: Vault["call"]): Promise<void> {
  const { data } = await call<{ data: Record<string, unknown> }>("GET", "sys/mounts");
  if (!("transit/" in data)) await call("POST", "sys/mounts/transit", { type: "transit" });
  await call("POST", "transit/keys/rotation-audit", { type: "ed25519" });
}
