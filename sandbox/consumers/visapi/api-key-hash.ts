// bcrypt with 12 rounds takes a second: in a thread of its own, so that requests go on meanwhile.
import { createHash } from "node:crypto";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { bcrypt } from "../../plugins/shared/bcrypt.ts";
import { sameSecret } from "./tokens.ts";

interface Task {
  id: number;
  text: string;
  rounds: number;
  salt?: Uint8Array;
}

const rounds = 12;
const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

if (!isMainThread)
  parentPort?.on("message", ({ id, text, rounds, salt }: Task) =>
    parentPort?.postMessage({ id, hash: bcrypt(text, rounds, salt) }),
  );

/** Hashes and compares; `close` ends the thread. */
export class Hasher {
  #worker: Worker | undefined;
  #next = 0;
  readonly #waiting = new Map<number, PromiseWithResolvers<string>>();

  /** `$2a$12$` and 53 characters. */
  hash(text: string): Promise<string> {
    return this.#run({ text, rounds });
  }

  /** Whether the text is what was hashed. */
  async matches(text: string, hash: string): Promise<boolean> {
    const [, cost = "", salt = ""] = /^\$2[aby]\$(\d\d)\$(.{22}).{31}$/.exec(hash) ?? [];
    if (!cost) return false;
    return sameSecret(await this.#run({ text, rounds: Number(cost), salt: decoded(salt) }), hash);
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #run(task: Omit<Task, "id">): Promise<string> {
    const worker = (this.#worker ??= this.#start());
    const id = this.#next++;
    const answer = Promise.withResolvers<string>();
    this.#waiting.set(id, answer);
    worker.postMessage({ ...task, id });
    return answer.promise;
  }

  #start(): Worker {
    const worker = new Worker(new URL(import.meta.url));
    worker.unref();
    worker.on("message", ({ id, hash }: { id: number; hash: string }) => {
      this.#waiting.get(id)?.resolve(hash);
      this.#waiting.delete(id);
    });
    worker.on("error", (error) => {
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
      this.#worker = undefined;
    });
    return worker;
  }
}

/** For look-ups in memory: short, and of no use to whoever reads the memory. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The 16 bytes of a salt in bcrypt's own base64. */
function decoded(salt: string): Uint8Array {
  let bits = 0n;
  for (const letter of salt) bits = (bits << 6n) | BigInt(alphabet.indexOf(letter));
  // 22 letters carry 132 bits; the last four are padding.
  return Buffer.from((bits >> 4n).toString(16).padStart(32, "0"), "hex");
}
