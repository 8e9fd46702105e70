// A secret that only a person can fetch: the vendor has no way to make one by a program. The person proves it and
// stores it with `rotate hand-over`; from there it goes the way of every other secret. The schedule tracks when the
// next one is due, says so ahead of time, and never rotates by itself.
import * as pulumi from "@pulumi/pulumi";
import { Notice } from "../provider/sdk.ts";
import type { Application } from "./application.ts";
import { OverlappingSecret, type OverlappingSecretArgs } from "./overlapping-secret.ts";

export interface HandedOverSecretArgs extends Omit<
  OverlappingSecretArgs,
  "onRequest" | "follows" | "generation" | "adopted" | "overlap"
> {
  /**
   * Hours for which consumers are given the previous value too; "cut-over" where they only send it: the vendor accepts
   * both until the person revokes the old one. @default "cut-over"
   */
  overlap?: OverlappingSecretArgs["overlap"];
}

export class HandedOverSecret extends OverlappingSecret {
  /**
   * Declares it when a person has handed it over; until then says so and declares nothing.
   * @throws RunError when it was handed over and its value is gone from the config: nothing that uses it is taken away
   */
  static declare(application: Application, secret: string, args: HandedOverSecretArgs): HandedOverSecret | undefined {
    const name = `${application.label}/${secret}`;
    const value = new pulumi.Config(application.label).getSecret(secret);
    if (value) return new HandedOverSecret(application, secret, args, value);
    if (application.stack.handedOver[name])
      throw new pulumi.RunError(
        `${name} was handed over, and its value is missing in the stack's config. Bring it again: rotate hand-over ${secret}`,
      );
    application.claim(secret);
    void pulumi.log.warn(`${name} waits for a person to hand it over: rotate hand-over ${secret}`, application);
    return undefined;
  }

  private constructor(
    application: Application,
    secret: string,
    args: HandedOverSecretArgs,
    value: pulumi.Output<string>,
  ) {
    const name = `${application.label}/${secret}`;
    const { forced, handedOver } = application.stack;
    if (forced[name])
      throw new pulumi.RunError(
        `forced["${name}"] asks for a new value of ${name}, which only a person can fetch. Type: rotate hand-over ${secret}; and remove the entry: pulumi config rm --path 'forced["${name}"]'`,
      );
    const brought = handedOver[name];
    super("HandedOverSecret", "handed over", application, secret, {
      overlap: "cut-over",
      ...args,
      onRequest: true,
      follows: true,
      generation: brought?.generation ?? 1,
      // When it was last changed nobody knows of a value that was there before; it counts as new then.
      ...(brought ? { adopted: brought.at } : {}),
    });
    this.make(() => pulumi.secret(value));
    const { window, dueAt } = this.schedule;
    const { environment } = application.stack;
    new Notice(
      this.part("notice-due"),
      { phase: "due", secret: name, environment, window, dueAt, forced: brought?.generation ?? 1 },
      { parent: this },
    );
  }
}
