// A vendor's API key, kept in Vault as a pair: consumers use `primary_key` and fall back to `secondary_key`. A rotation
// puts the new key beside the old one, has the vendor accept it, and swaps them; the old one goes after verification and
// grace, at the vendor first and then in Vault.
import * as pulumi from "@pulumi/pulumi";
import { Credential, KeyPair, KeyPairEnd, Revocation } from "../provider/sdk.ts";
import type { Application } from "./application.ts";
import type { Destination } from "./destinations/destination.ts";
import { handedOver, type Brought } from "./handed-over.ts";
import { RotatedSecret, type Origin, type RotatedSecretArgs } from "./rotated-secret.ts";

export interface KeyPairArgs extends Omit<RotatedSecretArgs, "destinations" | "onRequest" | "adopted" | "generation"> {
  /** A kind of `provider/credentials/`, like `openai-key`. */
  kind: string;
  /** What that kind needs to know; described in its file. @default {} */
  settings?: Record<string, pulumi.Input<unknown>>;
  /** Hours for which the previous key stays valid after verification, 0 or more; more than any consumer holds on to it. */
  graceHours: number;
  /** Who else gets the primary key, after the entry in Vault. @default [] */
  destinations?: Destination[];
  /** The mount of a KV v2 engine. @default "secret" */
  mount?: string;
  /** The entry's path below the mount. @default `<application>/<secret>` */
  path?: string;
}

type Own = Pick<RotatedSecretArgs, "onRequest" | "adopted" | "generation"> & { handling: string };

abstract class VendorKey extends RotatedSecret {
  readonly #pair: KeyPairArgs;
  readonly #entry: { mount: string; path: string };
  #credential: Credential | undefined;
  #origin: Origin | undefined;

  protected constructor(kind: string, application: Application, secret: string, args: KeyPairArgs, own: Own) {
    const name = `${application.label}/${secret}`;
    const { graceHours, mount = "secret", path = name, destinations = [] } = args;
    if (!(graceHours >= 0))
      throw new pulumi.RunError(`${name} has a grace period of ${graceHours} hours; give 0 or more`);
    const { handling, ...terms } = own;
    // The destination is asked to write once the key is there.
    const later: { write?: Destination["deliver"] } = {};
    const vault: Destination = {
      label: `vault:${mount}`,
      first: true,
      health: [],
      proofs: () => [],
      entries: () => [{ mount, path }],
      deliver: (delivery) => {
        if (!later.write) throw new Error("a key is made before it is delivered");
        return later.write(delivery);
      },
    };
    const all = { ...args, ...terms, destinations: [vault, ...destinations] };
    super(kind, application, secret, all, { handling, overlaps: false });
    this.#pair = args;
    this.#entry = { mount, path };
    later.write = (delivery) => ({ resources: [this.#write(delivery)] });
  }

  /** @param value what was handed over; left out where the service issues the key */
  protected make(value?: pulumi.Output<string>): void {
    const settings = { ...this.#pair.settings, ...(value ? { value } : {}) };
    this.build((origin) => {
      this.#origin = origin;
      const credential = (this.#credential = this.#issue(settings, origin));
      const { current, generation, fingerprint } = credential;
      return {
        ...{ current, generation, fingerprint },
        // Only readers of the pair know both.
        previous: pulumi.secret(""),
        holds: pulumi.output(false),
        retireAt: (verification) => this.#end(settings, origin, credential, verification),
      };
    });
  }

  #issue(
    settings: Record<string, pulumi.Input<unknown>>,
    { secret, forced, proofs, keepers, options }: Origin,
  ): Credential {
    const back = this.application.stack.restored[secret];
    return new Credential(
      this.part("credential"),
      {
        ...{ secret, kind: this.#pair.kind, args: settings, window: keepers.window, forced },
        graceHours: this.#pair.graceHours,
        adoption: proofs,
        deadlineSeconds: this.application.stack.verificationSeconds,
        ...(back ? { restore: { generation: back.generation, at: back.at, by: back.by, reason: back.reason } } : {}),
      },
      options,
    );
  }

  #write({ part, options, window }: Parameters<Destination["deliver"]>[0]): KeyPair {
    const [credential, origin] = [this.#credential, this.#origin];
    if (!credential || !origin) throw new Error("a key is made before it is delivered");
    return new KeyPair(
      part("vault"),
      {
        ...{ secret: origin.secret, ...this.#entry, window },
        ...{ kind: this.#pair.kind, args: this.#pair.settings ?? {} },
        value: credential.current,
        reference: credential.reference,
        previous: credential.previous,
        generation: credential.generation,
      },
      options,
    );
  }

  #end(
    settings: Record<string, pulumi.Input<unknown>>,
    { secret, forced, proofs }: Origin,
    { current, previous, previousReference, generation }: Credential,
    verification: pulumi.Resource,
  ): pulumi.Output<string> {
    const revocation = new Revocation(
      this.part("revocation"),
      {
        ...{ secret, kind: this.#pair.kind, args: settings, forced, generation, previousReference, previous },
        value: current,
        atOnce: this.application.stack.forced[secret]?.revoke ?? false,
        graceHours: this.#pair.graceHours,
        adoption: proofs,
        deadlineSeconds: this.application.stack.verificationSeconds,
      },
      { parent: this, dependsOn: [verification] },
    );
    new KeyPairEnd(
      this.part("vault-end"),
      { secret, ...this.#entry, value: current, generation, done: revocation.done },
      { parent: this },
    );
    return revocation.retireAt;
  }
}

/** A key that the vendor issues to a program. */
export class IssuedKeyPair extends VendorKey {
  constructor(application: Application, secret: string, args: KeyPairArgs) {
    super("IssuedKeyPair", application, secret, args, { handling: "issued, primary and secondary" });
    this.make();
  }
}

/**
 * A key that only a person can make. `rotate hand-over` proves it and stores it; from there it goes the way of every
 * other key. The schedule tracks when the next one is due, says so ahead of time, and never rotates by itself.
 */
export class HandedOverKeyPair extends VendorKey {
  /**
   * Declares it when a person has handed it over; until then says so and declares nothing.
   * @throws RunError when it was handed over and its value is gone from the config
   */
  static declare(application: Application, secret: string, args: KeyPairArgs): HandedOverKeyPair | undefined {
    const brought = handedOver(application, secret);
    return brought && new HandedOverKeyPair(application, secret, args, brought);
  }

  private constructor(application: Application, secret: string, args: KeyPairArgs, { value, handed }: Brought) {
    const forced = handed?.generation ?? 1;
    super("HandedOverKeyPair", application, secret, args, {
      handling: "handed over, primary and secondary",
      onRequest: true,
      generation: forced,
      ...(handed ? { adopted: handed.at } : {}),
    });
    this.make(value);
    this.remind();
  }
}
