// Trails of tests: a signing key of their own, and an account of Vault's KV v2 and transit as the trail uses them.
import { generateKeyPairSync, sign } from "node:crypto";
import { vaultSigner, keySigner, type Signer } from "../../../provider/audit/signer.ts";
import { Trail } from "../../../provider/audit/trail.ts";
import type { AuditEntry } from "../../../provider/audit/record.ts";
import type { AuditStore } from "../../../provider/audit/store.ts";
import type { KvEntry } from "../../../provider/vendors/vault.ts";

export function newSigner(): Signer {
  const { privateKey } = generateKeyPairSync("ed25519");
  return keySigner(privateKey.export({ type: "pkcs8", format: "pem" }) as string);
}

let runs = 0;
/** A trail of one process: what `name` says tells runs apart. */
export function newTrail(store: AuditStore, signer: Signer, name = `run-${++runs}`): Trail {
  const run = { id: name, by: "tests", approvals: [], stack: "secret-rotation/sandbox" };
  return new Trail({ store, signer }, run, () => new Date("2027-03-01T03:00:00Z"));
}

export function made(secret: string, generation: number): AuditEntry {
  const resource = `${secret}/overlap`;
  return { event: "made", secret, resource, key: `generation ${generation}`, generation, to: `f${generation}` };
}

/** Vault's KV v2 in memory: compare-and-set, and refusals on demand. */
export class FakeKv {
  readonly entries = new Map<string, { data: KvEntry["data"]; version: number }>();
  /** Throws it before the next call. */
  down: Error | undefined;
  /** The next write happens, and its reply is lost; the repetition then fails its compare-and-set. */
  loseReply = false;

  async read(mount: string, path: string): Promise<KvEntry | undefined> {
    this.#check();
    return structuredClone(this.entries.get(`${mount}/${path}`));
  }
  async write(mount: string, path: string, data: KvEntry["data"], cas: number): Promise<boolean> {
    this.#check();
    const known = this.entries.get(`${mount}/${path}`)?.version ?? 0;
    if (known !== cas) return false;
    this.entries.set(`${mount}/${path}`, { data: structuredClone(data), version: known + 1 });
    const lost = this.loseReply;
    this.loseReply = false;
    return !lost;
  }
  async list(mount: string, path: string): Promise<string[]> {
    this.#check();
    const folder = `${mount}/${path}/`;
    return [...this.entries.keys()].filter((key) => key.startsWith(folder)).map((key) => key.slice(folder.length));
  }
  #check(): void {
    if (this.down) throw this.down;
  }
}

/** Transit's answers for one key. */
export function transitSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url").toString("base64");
  return vaultSigner(
    {
      sign: async (_mount, _key, inputs) =>
        inputs.map((input) => `vault:v1:${sign(null, Buffer.from(input, "base64"), privateKey).toString("base64")}`),
      publicKeys: async () => new Map([["1", raw]]),
    },
    "transit",
    "rotation-audit",
  );
}
