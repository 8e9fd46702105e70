// The audit trail in Vault's KV v2. Each batch of records is an entry of its own, made by a compare-and-set that only
// succeeds where nothing is: two runs at once cannot write the same numbers, and a token that may only create (no
// update, no delete) cannot change what is written.
import { VendorError } from "../vendors/http.ts";
import type { Vault } from "../vendors/vault.ts";
import { emptyHead, type AuditHead, type AuditRecord } from "./record.ts";
import type { AuditStore } from "./store.ts";

type Kv = Pick<Vault, "read" | "write" | "list">;

/** Entries that are read at once. */
const parallel = 16;

/** @param path below the mount; records go to `<path>/log/<first number, 12 digits>`, the head to `<path>/head` */
export function vaultStore(vault: Kv, mount: string, path: string): AuditStore {
  const entryOf = (seq: number): string => `${path}/log/${String(seq).padStart(12, "0")}`;
  const batch = async (seq: number): Promise<AuditRecord[] | undefined> => {
    const entry = await vault.read(mount, entryOf(seq));
    return entry && recordsIn(entry.data);
  };
  const kept = async (): Promise<{ head: AuditHead; version: number } | undefined> => {
    const entry = await vault.read(mount, `${path}/head`);
    if (!entry) return undefined;
    const { count, hash } = entry.data;
    return { head: { count: Number(count), hash: String(hash) }, version: entry.version };
  };
  let version: number | undefined;
  /** Whoever knows the most is right; a run that died before this left it behind. */
  const keep = async (head: AuditHead): Promise<void> => {
    for (;;) {
      if (version === undefined) {
        const known = await kept();
        if (known && known.head.count >= head.count) return;
        version = known?.version ?? 0;
      }
      if (await vault.write(mount, `${path}/head`, { ...head }, version)) {
        version++;
        return;
      }
      version = undefined;
    }
  };
  /** Whether another run may have written since. */
  let stale = true;
  let at: AuditHead | undefined;

  return {
    place: `Vault's ${mount}/${path}`,
    async head() {
      // Numbers that another run has taken meanwhile are refused when they are written.
      if (at && !stale) return at;
      let head = at ?? (await kept())?.head ?? emptyHead;
      for (let next = await batch(head.count + 1); next?.length; next = await batch(head.count + 1)) {
        const last = next.at(-1) as AuditRecord;
        head = { count: last.seq, hash: last.hash };
      }
      at = head;
      stale = false;
      return head;
    },
    async append(records) {
      const [first, last] = [records[0], records.at(-1)];
      if (!first || !last) return true;
      const lines = records.map((each) => JSON.stringify(each));
      stale = !(await create(vault, mount, entryOf(first.seq), { records: lines }));
      if (stale) return false;
      at = { count: last.seq, hash: last.hash };
      // The records are safe; a head that is behind is brought on by whoever comes next.
      await keep(at).catch(() => undefined);
      return true;
    },
    // That it can be read says nothing of writing; another run that is faster has shown that one can.
    writable: async () => {
      const known = await kept();
      await vault.write(mount, `${path}/head`, { ...(known?.head ?? emptyHead) }, known?.version ?? 0);
      stale = true;
    },
    async read(from = 1) {
      const names = (await vault.list(mount, `${path}/log`)).filter((name) => /^\d{12}$/.test(name)).sort();
      // The batch that holds `from` may begin before it.
      const begin = Math.max(
        0,
        names.findLastIndex((name) => Number(name) <= from),
      );
      const wanted = names.slice(begin);
      const found: AuditRecord[][] = [];
      for (let index = 0; index < wanted.length; index += parallel)
        found.push(
          ...(await Promise.all(
            wanted.slice(index, index + parallel).map(async (name) => (await batch(Number(name))) ?? []),
          )),
        );
      return found.flat().filter(({ seq }) => seq >= from);
    },
    keptHead: async () => (await kept())?.head,
  };
}

/** @returns false when the entry exists; a token without the right to update is refused with 403 then */
async function create(vault: Kv, mount: string, path: string, data: Record<string, unknown>): Promise<boolean> {
  try {
    return await vault.write(mount, path, data, 0);
  } catch (error) {
    if (error instanceof VendorError && error.status === 403 && (await vault.read(mount, path))) return false;
    throw error;
  }
}

/** What cannot be read as a record is left out: it is missing then, and verification says so. */
function recordsIn(data: Record<string, unknown>): AuditRecord[] {
  const lines = Array.isArray(data["records"]) ? (data["records"] as unknown[]) : [];
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(String(line)) as AuditRecord];
    } catch {
      return [];
    }
  });
}
