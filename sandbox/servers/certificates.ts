// A certificate authority in a folder, for servers on loopback and the clients that may use them. Node's crypto makes
// keys and signatures but no certificates, so the few structures of RFC 5280 that are needed are written here.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writePrivate } from "./wait.ts";

/** Whom a certificate is for. */
export interface Subject {
  /** The user's name, or the server's. */
  commonName: string;
  /** Groups of a Kubernetes user. */
  organization?: string;
  /** Whether it serves on 127.0.0.1 and localhost; otherwise it is a client's. */
  server?: boolean;
  /** More names of a server. */
  names?: string[];
}

/** Paths of PEM files: the certificate, and its key (0600). */
export interface CertificateFiles {
  certificate: string;
  key: string;
}

const years = 10;
const tag = { integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, utf8: 0x0c, sequence: 0x30, set: 0x31 } as const;

function der(type: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const size =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([type, ...size]), body]);
}

/** An object identifier, written with dots. */
function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const bytes = rest.flatMap((part) => {
    const digits = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return der(tag.oid, Buffer.from([first * 40 + second, ...bytes]));
}

const ecdsaWithSha256 = der(tag.sequence, oid("1.2.840.10045.4.3.2"));
const time = (date: Date): Buffer =>
  // GeneralizedTime, which is right for years from 2050 on and accepted by Go and OpenSSL before.
  date.getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(`${stamp(date).slice(2)}`))
    : der(0x18, Buffer.from(stamp(date)));
const stamp = (date: Date): string => `${date.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;

function distinguishedName({ commonName, organization }: Subject): Buffer {
  const attribute = (id: string, value: string): Buffer =>
    der(tag.set, der(tag.sequence, oid(id), der(tag.utf8, Buffer.from(value))));
  return der(
    tag.sequence,
    ...(organization === undefined ? [] : [attribute("2.5.4.10", organization)]),
    attribute("2.5.4.3", commonName),
  );
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return der(tag.sequence, oid(id), ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), der(tag.octets, value));
}

const keyId = (key: KeyObject): Buffer =>
  createHash("sha1")
    .update(key.export({ type: "spki", format: "der" }))
    .digest();

function certify(
  subject: Subject,
  key: KeyObject,
  issuer: { subject: Subject; key: KeyObject },
  authority: boolean,
): string {
  const usage = authority ? [0x01, 0x06] : [0x07, 0x80]; // keyCertSign and cRLSign; digitalSignature
  const purpose = subject.server ? ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"] : ["1.3.6.1.5.5.7.3.2"];
  const names = ["localhost", ...(subject.names ?? [])].map((name) => der(0x82, Buffer.from(name)));
  const extensions = [
    extension("2.5.29.19", true, der(tag.sequence, ...(authority ? [der(0x01, Buffer.from([0xff]))] : []))),
    extension("2.5.29.15", true, der(tag.bits, Buffer.from(usage))),
    extension("2.5.29.14", false, der(tag.octets, keyId(key))),
    extension("2.5.29.35", false, der(tag.sequence, der(0x80, keyId(createPublicKey(issuer.key))))),
    ...(authority ? [] : [extension("2.5.29.37", false, der(tag.sequence, ...purpose.map(oid)))]),
    ...(subject.server
      ? [extension("2.5.29.17", false, der(tag.sequence, ...names, der(0x87, Buffer.from([127, 0, 0, 1]))))]
      : []),
  ];
  const now = Date.now();
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = der(
    tag.sequence,
    der(0xa0, der(tag.integer, Buffer.from([2]))),
    der(tag.integer, serial),
    ecdsaWithSha256,
    distinguishedName(issuer.subject),
    der(tag.sequence, time(new Date(now - 3_600_000)), time(new Date(now + years * 365 * 86_400_000))),
    distinguishedName(subject),
    key.export({ type: "spki", format: "der" }),
    der(0xa3, der(tag.sequence, ...extensions)),
  );
  const signature = sign("sha256", body, issuer.key);
  const whole = der(tag.sequence, body, ecdsaWithSha256, der(tag.bits, Buffer.from([0]), signature));
  const lines = whole.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

const newKey = () => generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const pem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }) as string;

/** An authority of one folder; it is made at the first use and reused ever after, as are the certificates it issues. */
export class Authority {
  readonly #dir: string;
  readonly #subject: Subject;
  readonly #key: KeyObject;
  /** The PEM file of its own certificate. */
  readonly file: string;

  /** @param dir its folder, closed to others */
  constructor(dir: string, commonName: string) {
    this.#dir = dir;
    this.#subject = { commonName };
    this.file = join(dir, "ca.crt");
    const keyFile = join(dir, "ca.key");
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    if (!existsSync(this.file) || !existsSync(keyFile)) {
      const { privateKey, publicKey } = newKey();
      writePrivate(keyFile, pem(privateKey));
      const issuer = { subject: this.#subject, key: privateKey };
      writeFileSync(this.file, certify(this.#subject, publicKey, issuer, true), { mode: 0o644 });
    }
    this.#key = createPrivateKey(readFileSync(keyFile));
  }

  /** The certificate and key of this name, issued at the first call. */
  issue(name: string, subject: Subject): CertificateFiles {
    const files = { certificate: join(this.#dir, `${name}.crt`), key: join(this.#dir, `${name}.key`) };
    if (existsSync(files.certificate) && existsSync(files.key)) return files;
    const { privateKey, publicKey } = newKey();
    writePrivate(files.key, pem(privateKey));
    const issuer = { subject: this.#subject, key: this.#key };
    writeFileSync(files.certificate, certify(subject, publicKey, issuer, false), { mode: 0o644 });
    return files;
  }

  /** A key pair without a certificate, for tokens: PEM files. */
  keyPair(name: string): { privateKey: string; publicKey: string } {
    const files = { privateKey: join(this.#dir, `${name}.key`), publicKey: join(this.#dir, `${name}.pub`) };
    if (!existsSync(files.privateKey) || !existsSync(files.publicKey)) {
      const { privateKey, publicKey } = newKey();
      writePrivate(files.privateKey, pem(privateKey));
      writeFileSync(files.publicKey, publicKey.export({ type: "spki", format: "pem" }), { mode: 0o644 });
    }
    return files;
  }
}
