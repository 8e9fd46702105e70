// The audit trail as the commands use it: where the stack keeps it, what is in it, and what they add to it.
import { examine, readAnchor, type Anchor, type Finding } from "../provider/audit/chain.ts";
import { openTrail } from "../provider/audit/open.ts";
import type { Asked, AuditEntry, AuditRecord } from "../provider/audit/record.ts";
import { auditRun, runIdOf, stackOf } from "../provider/audit/run.ts";
import { readPlace, type OpenTrail } from "../provider/audit/store.ts";
import { Trail } from "../provider/audit/trail.ts";
import { Settings, settingNames } from "../provider/settings.ts";
import { Failure, UsageError, type Io } from "./command.ts";
import { Engine, type State } from "./engine.ts";
import { nameOf } from "./inventory.ts";
import { who } from "./who.ts";

export interface Audit {
  open: OpenTrail;
  /** `<project>/<stack>` */
  stack: string;
  /** Adds records in this command's own run. @throws Error when they are not recorded */
  record(entries: AuditEntry[]): Promise<void>;
}

/** @returns undefined when the stack keeps none. @throws UsageError for a setting that makes no sense */
export async function openAudit(
  engine: Engine,
  io: Pick<Io, "env" | "now">,
  state?: State,
): Promise<Audit | undefined> {
  const config = await engine.values("rotation");
  const given = Object.fromEntries(
    settingNames.flatMap((key) => (config[`rotation:${key}`] ? [[key, config[`rotation:${key}`]]] : [])),
  );
  const settings = new Settings();
  try {
    settings.configure(given);
    if (readPlace(settings.get("audit")).kind === "off") return undefined;
    const urn = (state ?? (await engine.state())).resources.find(({ urn }) => urn.startsWith("urn:pulumi:"))?.urn;
    const stack = urn ? stackOf(urn) : await engine.stackName();
    const open = openTrail(settings, stack);
    if (!open) return undefined;
    const began = Date.now();
    const clock = (): Date => new Date(io.now.getTime() + Date.now() - began);
    const trail = new Trail(open, auditRun(io.env, io.now, stack), clock);
    const record = async (entries: AuditEntry[]): Promise<void> => void (await trail.record(entries));
    return { open, stack, record };
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new UsageError((error as Error).message);
  }
}

/** @throws UsageError that says how to have one */
export async function requireAudit(engine: Engine, io: Io, state?: State): Promise<Audit> {
  const audit = await openAudit(engine, io, state);
  if (audit) return audit;
  throw new UsageError(
    "This stack keeps no audit trail. Begin one with: pulumi config set rotation:audit vault (docs/audit.md has what Vault needs, and the file)",
  );
}

/** Everything that the trail holds. @throws Failure when it cannot be read */
export async function readTrail({ open }: Audit): Promise<AuditRecord[]> {
  try {
    return await open.store.read();
  } catch (error) {
    throw new Failure(`The audit trail (${open.store.place}) cannot be read: ${(error as Error).message}`);
  }
}

/** What the state of each resource remembers of the trail; also those whose records are still owed. */
export function receiptsOf(state: State): { anchors: Anchor[]; owed: string[] } {
  const anchors = state.resources.flatMap(({ urn, outputs }) => {
    const anchor = readAnchor(outputs?.["audited"], `the state of ${nameOf(urn)}`);
    return anchor ? [anchor] : [];
  });
  const owed = state.resources.filter(({ outputs }) => typeof outputs?.["unaudited"] === "string");
  return { anchors, owed: owed.map(({ urn }) => nameOf(urn)) };
}

/** @param more anchors beside the head and the state, like an earlier export's */
export async function verifyTrail(
  audit: Audit,
  state: State,
  more: Anchor[] = [],
): Promise<{ records: AuditRecord[]; findings: Finding[]; owed: string[] }> {
  const records = await readTrail(audit);
  const { anchors, owed } = receiptsOf(state);
  const head = await audit.open.store.keptHead();
  const findings = examine(
    records,
    [...(head ? [{ ...head, where: "the head" }] : []), ...anchors, ...more],
    await audit.open.signer.keys(),
  );
  if (!head && records.length > 0) findings.push({ seq: 0, what: "the head, which is kept apart, is gone" });
  return { records, findings, owed };
}

/** Pulumi as the commands drive it, with every request of a person recorded before it is written down. */
export class AuditedEngine extends Engine {
  readonly #io: Pick<Io, "env" | "now" | "say">;
  constructor(io: Pick<Io, "env" | "now" | "say">, stack: string | undefined) {
    // One run and one person for everything that this command does, by itself or by pulumi.
    io.env["ROTATION_RUN_ID"] ??= runIdOf(io.env, io.now);
    io.env["ROTATION_RUN_BY"] ??= who(io.env);
    super(io.env, stack, io.say);
    this.#io = io;
  }

  override async setEntry(
    key: string,
    secret: string,
    entry: Record<string, string | number | boolean>,
  ): Promise<void> {
    const asked = askedBy(key, entry);
    const audit = asked && (await openAudit(this, this.#io));
    if (asked && audit) {
      const { generation } = entry;
      const detail =
        typeof generation === "number" && key === "restored" ? { detail: `back to generation ${generation}` } : {};
      try {
        await audit.record([
          { event: "requested", secret, resource: "", key: asked.at, action: asked.action, asked, ...detail },
        ]);
      } catch (error) {
        throw new Failure(
          `The request could not be recorded in the audit trail (${audit.open.store.place}), so nothing was changed: ${(error as Error).message}`,
        );
      }
    }
    await super.setEntry(key, secret, entry);
  }
}

/** What an entry of the configuration asks for; undefined for entries that are no requests. */
function askedBy(key: string, entry: Record<string, string | number | boolean>): Asked | undefined {
  const action =
    key === "forced"
      ? entry["revoke"] === true
        ? ("emergency" as const)
        : ("requested" as const)
      : ({ restored: "rollback", handedOver: "hand-over" } as const)[key];
  const { by, at, reason = action === "hand-over" ? "a person brought a new value" : "" } = entry;
  return action && typeof by === "string" && typeof at === "string"
    ? { action, by, at, reason: String(reason) }
    : undefined;
}
