// Counts how often each secret is read from Vault, from the file of an audit device (developer.hashicorp.com/vault/docs/audit/file).
// The log has values as HMACs only; this looks at no more than the kind of entry, the operation and the path.
import { createReadStream, statSync } from "node:fs";
import type { State } from "../cli/engine.ts";
import { nameOf, secretOf } from "../cli/inventory.ts";

/** Vault's API paths of the entries, like `secret/data/visapi/JWT_SECRET`, with the secret that each belongs to. */
export type Entries = ReadonlyMap<string, string>;

interface AuditLine {
  type?: string;
  error?: string;
  request?: { operation?: string; path?: string };
}

/** Follows a log from where it stands; only reads of the stack's own entries count, so that labels stay few. */
export class Reads {
  readonly #file: string;
  #entries: Entries;
  #offset: number | undefined;
  #inode = 0;
  #rest = "";
  #counts = new Map<string, number>();

  /** @param from `start` counts what the log holds already. @default "end" */
  constructor(file: string, entries: Entries, from: "start" | "end" = "end") {
    this.#file = file;
    this.#entries = entries;
    this.know(entries);
    if (from === "start") this.#offset = 0;
  }

  /** Entries of secrets that came since. Each starts at 0, so that its first read is an increase. */
  know(entries: Entries): void {
    this.#entries = entries;
    for (const secret of entries.values()) if (!this.#counts.has(secret)) this.#counts.set(secret, 0);
  }

  /** Reads since the start, by secret. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Reads what has been added; a log that was rotated or truncated is read from its beginning. */
  async catchUp(): Promise<void> {
    const { size, ino } = statSync(this.#file);
    if (this.#offset === undefined) this.#offset = size;
    else if (ino !== this.#inode && this.#inode !== 0) [this.#offset, this.#rest] = [0, ""];
    if (size < this.#offset) [this.#offset, this.#rest] = [0, ""];
    this.#inode = ino;
    if (size === this.#offset) return;
    const added = createReadStream(this.#file, { start: this.#offset, end: size - 1, encoding: "utf8" });
    this.#offset = size;
    let text = this.#rest;
    for await (const chunk of added) {
      const parts = (text + String(chunk)).split("\n");
      text = parts.pop() ?? "";
      for (const line of parts) this.#see(line);
    }
    this.#rest = text;
  }

  #see(line: string): void {
    // Most lines are of other paths: a look is cheaper than a parse.
    if (!line.includes('"read"')) return;
    let entry: AuditLine;
    try {
      entry = JSON.parse(line) as AuditLine;
    } catch {
      return;
    }
    // Each call has a request and, unless Vault died, a response; a refused one read nothing.
    if (entry.type !== "response" || entry.error || entry.request?.operation !== "read") return;
    const secret = this.#entries.get(entry.request.path ?? "");
    if (secret) this.#counts.set(secret, (this.#counts.get(secret) ?? 0) + 1);
  }
}

/** Where the stack keeps its secrets in Vault. */
export function entriesOf(state: State): Entries {
  const found = state.resources.flatMap(({ urn, type, inputs = {} }): [string, string][] => {
    const secret = secretOf(nameOf(urn));
    const [mount, name] = [inputs["mount"], inputs["name"] ?? inputs["path"]];
    const kept = type === "vault:kv/secretV2:SecretV2" || type === "rotation:vault:KeyPair";
    return kept && secret && typeof mount === "string" && typeof name === "string"
      ? [[`${mount}/data/${name}`, secret]]
      : [];
  });
  return new Map(found);
}
