// Links records by their hashes, and finds what was changed, removed, added or put in another order.
import { createHash, verify, type KeyObject } from "node:crypto";
import { emptyHead, type AuditEntry, type AuditHead, type AuditRecord, type AuditRun } from "./record.ts";

/** A step that is about to be recorded: when it happened, and in whose run. */
export interface Happened extends AuditEntry {
  at: string;
  run: AuditRun;
  late?: true;
}

/** A record before it is signed. */
export type Linked = Omit<AuditRecord, "signature" | "signer">;

/** JSON with sorted keys and no blanks, as RFC 8785 has it for what records hold: text, numbers, lists, objects. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`)
    .join(",")}}`;
}

export function hashOf(record: Omit<Linked, "hash">): string {
  return createHash("sha256").update(canonical(record)).digest("hex");
}

export function idOf({ run, resource, secret, event, key }: Happened): string {
  return `${run.id}/${resource || secret}/${event}/${key}`;
}

/** Puts steps behind a head, in their order. */
export function link(steps: Happened[], { count, hash }: AuditHead): Linked[] {
  let [seq, previous] = [count, hash];
  return steps.map((step) => {
    const { at, run, late, event, secret, resource, key, ...rest } = step;
    const known = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    const body: Omit<Linked, "hash"> = {
      v: 1,
      seq: ++seq,
      id: idOf(step),
      at,
      ...(late ? { late } : {}),
      event,
      secret,
      resource,
      key,
      ...known,
      run,
      previous,
    };
    previous = hashOf(body);
    return { ...body, hash: previous };
  });
}

/** Something that is not as it was written. */
export interface Finding {
  /** The record, 0 for the head. */
  seq: number;
  /** A sentence for people, without its full stop. */
  what: string;
}

/** What was noted elsewhere of the trail: a head, or a record that the stack's state remembers. */
export interface Anchor extends AuditHead {
  /** For people: `the head`, `the state of visapi/JWT_SECRET/overlap`. */
  where: string;
}

/** `seq:hash`, as states and exports keep it. @returns undefined for anything else */
export function readAnchor(text: unknown, where: string): Anchor | undefined {
  const [, count, hash] = /^(\d+):([0-9a-f]{64})$/.exec(typeof text === "string" ? text : "") ?? [];
  return count && hash ? { count: Number(count), hash, where } : undefined;
}

/**
 * @param records as the store gives them
 * @param anchors what must be found in them, with its hash: the head and the receipts of the state
 * @param keys public keys by `signer`
 * @returns what is wrong, in the order of the records; empty when the trail is whole
 */
export function examine(
  records: readonly AuditRecord[],
  anchors: readonly Anchor[],
  keys: ReadonlyMap<string, KeyObject>,
): Finding[] {
  const findings: Finding[] = [];
  let last = emptyHead;
  const seen = new Set<number>();
  for (const record of records) {
    const { signature, signer, hash, ...body } = record;
    const seq = Number(record.seq);
    const say = (what: string): void => void findings.push({ seq, what });
    if (seen.has(seq)) say(`record ${seq} is there twice`);
    else if (seq < last.count + 1) say(`record ${seq} stands behind record ${last.count}`);
    else if (seq > last.count + 1) say(gap(last.count + 1, seq - 1));
    else if (record.previous !== last.hash) say(`record ${seq} does not follow the record before it`);
    if (hashOf(body) !== hash) say(`record ${seq} was changed after it was written`);
    const key = keys.get(signer);
    if (!key) say(`record ${seq} is signed by "${signer}", which is no key of this trail`);
    else if (!signed(hash, signature, key)) say(`the signature of record ${seq} is not genuine`);
    seen.add(seq);
    last = { count: seq, hash };
  }
  const hashes = new Map(records.map(({ seq, hash }) => [seq, hash]));
  for (const { count, hash, where } of anchors) {
    const found = count === 0 ? emptyHead.hash : hashes.get(count);
    if (found === hash) continue;
    const what =
      found !== undefined
        ? `record ${count} is not the one that ${where} remembers`
        : count > last.count
          ? `${where} remembers ${count} records, and the trail ends at ${last.count}: its tail was cut off`
          : `record ${count}, which ${where} remembers, is missing`;
    findings.push({ seq: count, what });
  }
  return findings;
}

function gap(from: number, to: number): string {
  return from === to ? `record ${from} is missing` : `records ${from} to ${to} are missing`;
}

function signed(hash: string, signature: string, key: KeyObject): boolean {
  return typeof signature === "string" && verify(null, Buffer.from(hash, "hex"), key, Buffer.from(signature, "base64"));
}
