// Every kind of credential that can be issued, by its name.
import type { Settings } from "../settings.ts";
import type { CredentialKind } from "./kind.ts";

/** @param settings where a kind finds the vendor that it calls */
export function credentialKinds(settings: Settings): ReadonlyMap<string, CredentialKind> {
  void settings;
  const kinds: CredentialKind[] = [];
  return new Map(kinds.map((kind) => [kind.kind, kind]));
}
