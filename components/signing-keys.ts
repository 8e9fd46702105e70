// Keys that sign tokens: the next one is published before it signs, and old ones stay published until the last token
// that they signed is no longer valid. Signers read the private key from Vault, verifiers read the JWKS.
import * as pulumi from "@pulumi/pulumi";
import { SecretV2 } from "@pulumi/vault/kv/secretV2.js";
import { KeySet } from "../provider/sdk.ts";
import type { Application } from "./application.ts";
import type { Delivery, Destination } from "./destinations/destination.ts";
import { RotatedSecret, type Origin, type RotatedSecretArgs } from "./rotated-secret.ts";

/** A JWKS document, as a destination that is no entry of Vault writes it (a ConfigMap, for instance). */
export interface JwksDestination {
  label: string;
  /** Creates what holds the document, named with `delivery.part(...)` and created with `delivery.options`. */
  publish: (jwks: pulumi.Output<string>, delivery: Delivery) => pulumi.Resource[];
}

export interface SigningKeysArgs extends Omit<RotatedSecretArgs, "destinations"> {
  /** Who else is restarted or written, after the entry in Vault; consumers there prove the private key (PEM). @default [] */
  destinations?: Destination[];
  /** `RS256` is RSA-4096, `ES256` EC P-256, `EdDSA` Ed25519. A change holds for keys made from then on. @default "RS256" */
  algorithm?: "RS256" | "ES256" | "EdDSA";
  /** Bits of an RSA key, at least 2048. @default 4096 */
  rsaBits?: number;
  /** Seconds that the longest-lived token is valid. */
  tokenSeconds: number;
  /** Seconds that a verifier goes on with the key set that it has fetched. @default 3600 */
  cacheSeconds?: number;
  /** Seconds that clocks may differ. @default 300 */
  skewSeconds?: number;
  /** Seconds within which signers take up what is in Vault; not used where they prove what they hold. @default 3600 */
  handoverSeconds?: number;
  /** The mount of a KV v2 engine. @default "secret" */
  mount?: string;
  /** Where signers read `version`, `private_key`, `public_key`, `kid`, `jwks`. @default `<application>/<secret>` */
  path?: string;
  /** Where verifiers, who must not see the private key, read `jwks`. @default `<path>-jwks` */
  jwksPath?: string;
  /** URLs at which the application itself serves the key set: a key signs only once it is seen there. @default [] */
  jwksUrls?: string[];
  /** Where else the key set is written. @default [] */
  jwks?: JwksDestination[];
}

export class SigningKeys extends RotatedSecret {
  constructor(application: Application, secret: string, args: SigningKeysArgs) {
    const name = `${application.label}/${secret}`;
    const terms = validated(name, args);
    const mount = args.mount ?? "secret";
    const path = args.path ?? name;
    const jwksPath = args.jwksPath ?? `${path}-jwks`;
    const publishers = [{ label: "jwks", publish: inVault(mount, jwksPath) }, ...(args.jwks ?? [])];
    // Destinations are asked to write when the key set is there.
    let keys: KeySet | undefined;
    const destinations = [publication(mount, path, publishers, () => keys), ...(args.destinations ?? [])];
    super("SigningKeys", application, secret, { ...args, destinations }, { handling: "key set", overlaps: false });
    this.build((origin) => {
      keys = this.#make(args, terms, { mount, path, jwksPath }, origin);
      const { privateKey, generation, fingerprint, retireAt, kid, version } = keys;
      return {
        current: privateKey,
        fields: { kid, version: pulumi.interpolate`${version}` },
        // Verifiers know old keys by the JWKS; no old private key is handed to anyone.
        previous: pulumi.secret(""),
        ...{ generation, fingerprint },
        holds: pulumi.output(false),
        retireAt: () => retireAt,
      };
    });
  }

  #make(
    args: SigningKeysArgs,
    terms: Terms,
    { mount, path, jwksPath }: { mount: string; path: string; jwksPath: string },
    { secret, forced, proofs, keepers, options }: Origin,
  ): KeySet {
    const { stack } = this.application;
    const back = stack.restored[secret];
    return new KeySet(
      this.part("keys"),
      {
        ...{ secret, forced, window: keepers.window, ...terms },
        revoke: stack.forced[secret]?.revoke ?? false,
        algorithm: args.algorithm ?? "RS256",
        rsaBits: args.rsaBits ?? 4096,
        entry: { mount, path },
        published: [{ mount, path: jwksPath }],
        jwksUrls: args.jwksUrls ?? [],
        adoption: proofs,
        deadlineSeconds: stack.verificationSeconds,
        ...(back ? { restore: { generation: back.generation, at: back.at } } : {}),
      },
      options,
    );
  }
}

type Terms = Record<"cacheSeconds" | "tokenSeconds" | "skewSeconds" | "handoverSeconds", number>;

function validated(name: string, args: SigningKeysArgs): Terms {
  const { tokenSeconds, cacheSeconds = 3600, skewSeconds = 300, handoverSeconds = 3600 } = args;
  const terms = { tokenSeconds, cacheSeconds, skewSeconds, handoverSeconds };
  for (const [term, seconds] of Object.entries(terms))
    if (!(seconds >= 0 && seconds <= 31 * 86_400))
      throw new pulumi.RunError(`${name} has ${term} ${seconds}; give seconds from 0 to ${31 * 86_400}`);
  if (!(tokenSeconds > 0)) throw new pulumi.RunError(`${name} has tokenSeconds ${tokenSeconds}; give more than 0`);
  if (args.intervalDays * 86_400 <= cacheSeconds + skewSeconds)
    throw new pulumi.RunError(
      `${name} rotates every ${args.intervalDays} days, but verifiers cache keys for ${cacheSeconds} s: a key could not be known before it signs. Give a longer interval, or a shorter cache`,
    );
  return terms;
}

function inVault(mount: string, path: string): JwksDestination["publish"] {
  return (jwks, { part, options }) => [
    new SecretV2(part("vault-jwks"), { mount, name: path, dataJson: pulumi.jsonStringify({ jwks }) }, options),
  ];
}

/**
 * What verifiers read, then what signers read: a key must be published before anyone signs with it. Signers get all
 * fields in one version, so that nobody sees half of a rotation.
 */
function publication(
  mount: string,
  path: string,
  publishers: JwksDestination[],
  keys: () => KeySet | undefined,
): Destination {
  return {
    label: [`vault:${mount}`, ...publishers.map(({ label }) => label)].join(", "),
    first: true,
    health: [],
    proofs: () => [],
    entries: () => [{ mount, path }],
    deliver: (delivery) => {
      const keySet = keys();
      if (!keySet) throw new Error("the keys are made before they are delivered");
      const { version, privateKey, publicKey, kid, jwks } = keySet;
      const published = publishers.flatMap(({ publish }) => publish(jwks, delivery));
      const fields = {
        version: pulumi.interpolate`${version}`,
        private_key: privateKey,
        public_key: publicKey,
        kid,
        jwks,
      };
      const { window, generation, part, options } = delivery;
      const data = { generation: pulumi.interpolate`${generation}`, window, "managed-by": "secret-rotation" };
      const entry = new SecretV2(
        part("vault"),
        { mount, name: path, dataJson: pulumi.secret(pulumi.jsonStringify(fields)), customMetadata: { data } },
        // `first` destinations come with nothing to wait for.
        { ...options, dependsOn: published },
      );
      return { resources: [...published, entry] };
    },
  };
}
