// The trail that the settings mean.
import type { Settings } from "../settings.ts";
import { fileStore } from "./file-store.ts";
import { keySigner, vaultSigner } from "./signer.ts";
import { readPlace, type OpenTrail } from "./store.ts";
import { vaultStore } from "./vault-store.ts";

/** The transit key that signs; its versions are kept, so rotating it is safe. */
export const transit = { mount: "transit", key: "rotation-audit" } as const;

/**
 * @param stack `<project>/<stack>`: in Vault each stack has a trail of its own
 * @returns undefined when it is off
 * @throws Error that says which setting is missing or wrong
 */
export function openTrail(settings: Settings, stack: string): OpenTrail | undefined {
  const place = readPlace(settings.get("audit"));
  if (place.kind === "off") return undefined;
  if (place.kind === "vault") {
    const vault = settings.vault();
    return {
      store: vaultStore(vault, place.mount, `${place.path}/${stack}`),
      signer: vaultSigner(vault, transit.mount, transit.key),
    };
  }
  const former = (settings.get("auditFormerKeys") ?? "").split(",").map((key) => key.trim());
  const key = settings.require("auditKey", "The Ed25519 key that signs the audit trail");
  return {
    store: fileStore(place.path),
    signer: keySigner(
      key,
      former.filter((each) => each !== ""),
    ),
  };
}
