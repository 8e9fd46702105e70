// A value that the consumers themselves check: they are given the previous one too, for as long as both must work.
import * as pulumi from "@pulumi/pulumi";
import { Overlap } from "../provider/sdk.ts";
import type { Application } from "./application.ts";
import type { Restored } from "./stack.ts";
import { RotatedSecret, type Origin, type RotatedSecretArgs } from "./rotated-secret.ts";

export interface OverlappingSecretArgs extends RotatedSecretArgs {
  /**
   * Hours for which consumers accept the previous value too, by a second variable `<name>_PREVIOUS`; or "cut-over"
   * where the application can know one value only, and whoever uses the old one at the restart is refused.
   */
  overlap: { graceHours: number } | "cut-over";
  /** The value comes from a person: another one is a rotation by itself. @default false */
  follows?: boolean;
}

export abstract class OverlappingSecret extends RotatedSecret {
  readonly #graceHours: number;
  readonly #follows: boolean;

  /** @param made how it comes to be, for the inventory: `generated` */
  protected constructor(
    kind: string,
    made: string,
    application: Application,
    secret: string,
    args: OverlappingSecretArgs,
  ) {
    const { overlap } = args;
    if (overlap !== "cut-over" && !(overlap.graceHours > 0))
      throw new pulumi.RunError(
        `${application.label}/${secret} overlaps for ${overlap.graceHours} hours; give more than 0, or overlap: "cut-over"`,
      );
    const how = args.onRequest ? "on request" : overlap === "cut-over" ? "cut-over" : "overlap";
    super(kind, application, secret, args, {
      handling: `${made}, ${how}`,
      overlaps: overlap !== "cut-over",
      makes: !args.follows,
    });
    this.#graceHours = overlap === "cut-over" ? 0 : overlap.graceHours;
    this.#follows = args.follows ?? false;
  }

  /** What a person has asked for in the stack's config. */
  #asked(secret: string): {
    revoke?: boolean;
    restore?: Required<Restored>;
  } {
    const { forced, restored } = this.application.stack;
    const back = restored[secret];
    const { generation, at, mount, path, by = "", reason = "" } = back ?? {};
    return {
      ...(forced[secret]?.revoke ? { revoke: true } : {}),
      ...(generation && at && mount && path ? { restore: { generation, at, mount, path, by, reason } } : {}),
    };
  }

  /** Makes the secret: `value` creates what it is, the rest follows. */
  protected make(value: (origin: Origin) => pulumi.Output<string>): void {
    this.build((origin) => {
      const overlap = new Overlap(
        this.part("overlap"),
        {
          secret: origin.secret,
          value: value(origin),
          window: this.schedule.window,
          forced: origin.forced,
          graceHours: this.#graceHours,
          adoption: origin.proofs,
          deadlineSeconds: this.application.stack.verificationSeconds,
          ...this.#asked(origin.secret),
          ...(this.#follows ? { follows: true } : {}),
          ...(origin.adopted ? { adopted: origin.adopted, adoptedGeneration: origin.adoptedGeneration ?? 1 } : {}),
        },
        { parent: this },
      );
      return { ...pick(overlap), retireAt: () => overlap.retireAt };
    });
  }
}

function pick({ current, previous, generation, fingerprint, holds }: Overlap) {
  return { current, previous, generation, fingerprint, holds };
}
