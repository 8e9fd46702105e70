// Where the audit trail is kept: what a store must be able to do, and which one a setting means.
import type { AuditHead, AuditRecord } from "./record.ts";
import type { Signer } from "./signer.ts";

export interface AuditStore {
  /** For people: `Vault's secret/rotation-audit/...`, or a file. */
  readonly place: string;
  /** How far the trail goes, with whatever another run has added. */
  head(): Promise<AuditHead>;
  /**
   * Appends records that follow `head()` as it was last given.
   * @returns false when another run was faster: nothing was written, and `head()` must be asked anew
   */
  append(records: AuditRecord[]): Promise<boolean>;
  /** Left out: whoever can read it can write it, as far as can be told. @throws Error that says why nothing can be written */
  writable?(): Promise<void>;
  /** Records from a number on, in order, as far as they are there. @param from @default 1 */
  read(from?: number): Promise<AuditRecord[]>;
  /** The head as it is kept apart from the records; undefined when there is none. */
  keptHead(): Promise<AuditHead | undefined>;
}

/** A trail that can be written and verified. */
export interface OpenTrail {
  store: AuditStore;
  signer: Signer;
}

/** What the setting `rotation:audit` means. */
export type AuditPlace =
  { kind: "off" } | { kind: "file"; path: string } | { kind: "vault"; mount: string; path: string };

/**
 * @param setting `off`, `vault`, `vault:<mount>/<path>` or `file:<path>`; left out: off
 * @throws Error that says what to type
 */
export function readPlace(setting: string | undefined): AuditPlace {
  if (setting === undefined || setting === "off") return { kind: "off" };
  const [kind, ...rest] = setting.split(":");
  const where = rest.join(":");
  if (kind === "file" && where !== "") return { kind, path: where };
  const [mount = "", ...path] = (where || "secret/rotation-audit").split("/").filter((part) => part !== "");
  if (kind === "vault" && path.length > 0) return { kind, mount, path: path.join("/") };
  throw new Error(
    `rotation:audit is "${setting}"; give "vault" (or "vault:<mount>/<path>"), "file:<path>", or "off": pulumi config set rotation:audit vault`,
  );
}
