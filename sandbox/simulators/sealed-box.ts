import sodium from "libsodium-wrappers";

/** A key pair for libsodium's sealed boxes; both halves in standard base64. */
export interface BoxKeys {
  publicKey: string;
  privateKey: string;
}

/** Must have resolved before the other functions are called. */
export const sodiumReady: Promise<void> = sodium.ready;

export function newBoxKeys(): BoxKeys {
  const pair = sodium.crypto_box_keypair();
  return { publicKey: encode(pair.publicKey), privateKey: encode(pair.privateKey) };
}

/** What `crypto_box_seal` put in, or undefined where the box was not sealed for this key. */
export function openBox(sealed: string, keys: BoxKeys): string | undefined {
  try {
    const box = Buffer.from(sealed, "base64");
    const opened = sodium.crypto_box_seal_open(box, decode(keys.publicKey), decode(keys.privateKey));
    return Buffer.from(opened).toString("utf8");
  } catch {
    return undefined;
  }
}

/** Seals a value as a client of the API does. */
export function sealBox(value: string, publicKey: string): string {
  return encode(sodium.crypto_box_seal(Buffer.from(value, "utf8"), decode(publicKey)));
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function decode(base64: string): Uint8Array {
  return Buffer.from(base64, "base64");
}
