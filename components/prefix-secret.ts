// A constant that other credentials are built on, like the prefix of issued API keys: changing it makes every one of
// them invalid, so it is made once and only a person's request changes it.
import * as pulumi from "@pulumi/pulumi";
import type { Application } from "./application.ts";
import { OverlappingSecret } from "./overlapping-secret.ts";
import type { RotatedSecretArgs } from "./rotated-secret.ts";

export interface PrefixSecretArgs extends Omit<RotatedSecretArgs, "onRequest"> {
  /** What the prefix starts with: `vapi` gives `vapi_202601_`. */
  stem: string;
  /** What breaks when it changes, told to whoever changes it. */
  warning: string;
}

export class PrefixSecret extends OverlappingSecret {
  constructor(application: Application, secret: string, args: PrefixSecretArgs) {
    if (!/^[a-z][a-z0-9]*$/.test(args.stem))
      throw new pulumi.RunError(
        `${application.label}/${secret} has the stem "${args.stem}"; use lower-case letters and digits, like "vapi"`,
      );
    super("PrefixSecret", "prefix", application, secret, { ...args, onRequest: true, overlap: "cut-over" });
    const forced = application.stack.forced[`${application.label}/${secret}`];
    if (forced)
      void pulumi.log.warn(
        `${application.label}/${secret} was asked to change (generation ${forced.generation}): ${args.warning}`,
        this,
      );
    this.make(({ keepers }) =>
      pulumi.secret(keepers.window.apply((window) => `${args.stem}_${window.slice(0, 4)}${window.slice(5, 7)}_`)),
    );
  }
}
