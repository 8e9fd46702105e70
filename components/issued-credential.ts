// A credential that a service issues: a database login, a vendor's API key. Two are valid at once, and the old one is
// ended by a revocation of its own, behind verification, after its grace period, once nobody uses it any more.
import * as pulumi from "@pulumi/pulumi";
import { Credential, Revocation } from "../provider/sdk.ts";
import type { Application } from "./application.ts";
import { RotatedSecret, type Origin, type RotatedSecretArgs } from "./rotated-secret.ts";

export interface IssuedCredentialArgs extends RotatedSecretArgs {
  /** A kind of `provider/credentials/`, like `postgres-login`. */
  kind: string;
  /** What that kind needs to know; described in its file. */
  settings: Record<string, pulumi.Input<unknown>>;
  /** Hours for which the previous credential stays valid after verification, 0 or more; more than any client holds on to it. */
  graceHours: number;
  /** The service knows one value only: the old one is dead as soon as there is a new one. @default false */
  cutOver?: boolean;
}

export class IssuedCredential extends RotatedSecret {
  constructor(application: Application, secret: string, args: IssuedCredentialArgs) {
    if (!(args.graceHours >= 0))
      throw new pulumi.RunError(
        `${application.label}/${secret} has a grace period of ${args.graceHours} hours; give 0 or more`,
      );
    const handling = args.cutOver ? "issued, cut-over" : "issued, two slots";
    super("IssuedCredential", application, secret, args, { handling, overlaps: false, makes: true });
    this.build((origin) => {
      const credential = this.#issue(args, origin);
      const { current, generation, fingerprint } = credential;
      return {
        ...{ current, generation, fingerprint },
        // Consumers log in with one of them, and are never given the other.
        previous: pulumi.secret(""),
        holds: pulumi.output(false),
        retireAt: (verification) => this.#end(args, origin, credential, verification),
      };
    });
  }

  #issue(args: IssuedCredentialArgs, origin: Origin): Credential {
    const { secret, forced, proofs, keepers, adopted, adoptedGeneration = 1, options } = origin;
    const back = this.application.stack.restored[secret];
    return new Credential(
      this.part("credential"),
      {
        ...{ secret, kind: args.kind, args: args.settings, window: keepers.window, forced },
        graceHours: args.graceHours,
        ...(args.cutOver ? { cutOver: true } : {}),
        ...(adopted ? { adopted, adoptedGeneration } : {}),
        adoption: proofs,
        deadlineSeconds: this.application.stack.verificationSeconds,
        ...(back ? { restore: { generation: back.generation, at: back.at, by: back.by, reason: back.reason } } : {}),
      },
      options,
    );
  }

  #end(
    args: IssuedCredentialArgs,
    { secret, forced, proofs }: Origin,
    credential: Credential,
    verification: pulumi.Resource,
  ): pulumi.Output<string> {
    const revocation = new Revocation(
      this.part("revocation"),
      {
        ...{ secret, kind: args.kind, args: args.settings, forced },
        generation: credential.generation,
        previousReference: credential.previousReference,
        value: credential.current,
        atOnce: this.application.stack.forced[secret]?.revoke ?? false,
        graceHours: args.graceHours,
        adoption: proofs,
        deadlineSeconds: this.application.stack.verificationSeconds,
      },
      { parent: this, dependsOn: [verification] },
    );
    return revocation.retireAt;
  }
}
