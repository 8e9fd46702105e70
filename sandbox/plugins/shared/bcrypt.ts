// bcrypt (Provos and Mazieres 1999), for the `bcryptHash` output of random passwords: no package in use here has it.
// Blowfish's tables are the fractional digits of pi, so they are computed rather than listed.
import { randomBytes } from "node:crypto";

const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const words = 18 + 4 * 256;
let digits: Uint32Array | undefined;

/**
 * Hashes the first 72 bytes of the text, as golang.org/x/crypto/bcrypt does through the random provider.
 * @param cost 4 to 31, the binary logarithm of the rounds. @default 10
 */
export function bcrypt(text: string, cost = 10, salt: Uint8Array = randomBytes(16)): string {
  const key = Buffer.concat([Buffer.from(text, "utf8"), Buffer.from([0])]).subarray(0, 72);
  const state = (digits ??= piWords()).slice();
  expand(state, key, salt);
  for (let round = 0; round < 2 ** cost; round++) {
    expand(state, key);
    expand(state, salt);
  }
  const block = new Uint32Array(6);
  Buffer.from("OrpheanBeholderScryDoubt").forEach((byte, i) => {
    block[i >> 2] = ((block[i >> 2] ?? 0) << 8) | byte;
  });
  for (let i = 0; i < 64; i++) for (let at = 0; at < 6; at += 2) encrypt(state, block, at);
  const hash = Buffer.alloc(24);
  block.forEach((word, i) => hash.writeUInt32BE(word, i * 4));
  return `$2a$${String(cost).padStart(2, "0")}$${base64(salt)}${base64(hash.subarray(0, 23))}`;
}

/** Blowfish's key schedule, with a salt mixed into the blocks that refill the tables. */
function expand(state: Uint32Array, key: Uint8Array, salt?: Uint8Array): void {
  const keyWord = cyclic(key);
  for (let i = 0; i < 18; i++) state[i]! ^= keyWord();
  const saltWord = salt && cyclic(salt);
  const block = new Uint32Array(2);
  for (let i = 0; i < words; i += 2) {
    if (saltWord) {
      block[0]! ^= saltWord();
      block[1]! ^= saltWord();
    }
    encrypt(state, block, 0);
    state[i] = block[0]!;
    state[i + 1] = block[1]!;
  }
}

function cyclic(bytes: Uint8Array): () => number {
  let at = 0;
  return () => {
    let word = 0;
    for (let i = 0; i < 4; i++) word = (word << 8) | bytes[at++ % bytes.length]!;
    return word;
  };
}

function encrypt(state: Uint32Array, block: Uint32Array, at: number): void {
  let left = block[at]! ^ state[0]!;
  let right = block[at + 1]!;
  for (let i = 1; i <= 16; i += 2) {
    right ^= mix(state, left) ^ state[i]!;
    left ^= mix(state, right) ^ state[i + 1]!;
  }
  block[at] = right ^ state[17]!;
  block[at + 1] = left;
}

function mix(state: Uint32Array, x: number): number {
  const sum = (state[18 + (x >>> 24)]! + state[274 + ((x >>> 16) & 255)]!) ^ state[530 + ((x >>> 8) & 255)]!;
  return (sum + state[786 + (x & 255)]!) | 0;
}

/** The first `words` 32-bit words of pi's fraction, by Machin's formula. */
function piWords(): Uint32Array {
  const guard = 64n;
  const one = 1n << (BigInt(words * 32) + guard);
  const arctanInverse = (n: bigint): bigint => {
    let [sum, power] = [0n, one / n];
    for (let k = 1n, sign = 1n; power !== 0n; k += 2n, sign = -sign, power /= n * n) sum += (sign * power) / k;
    return sum;
  };
  const pi = 4n * (4n * arctanInverse(5n) - arctanInverse(239n));
  const fraction = ((pi - 3n * one) >> guard).toString(16).padStart(words * 8, "0");
  return Uint32Array.from({ length: words }, (_, i) => Number.parseInt(fraction.slice(i * 8, i * 8 + 8), 16));
}

/** bcrypt's own base64: another alphabet, no padding. */
function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    for (let j = 0; j < Math.min(4, bytes.length - i + 1); j++) text += alphabet[(group >> (18 - 6 * j)) & 63];
  }
  return text;
}
