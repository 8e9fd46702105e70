// A secret that only a person can fetch: the vendor has no way to make one by a program. The person proves it and
// stores it with `rotate hand-over`; from there it goes the way of every other secret. The schedule tracks when the
// next one is due, says so ahead of time, and never rotates by itself.
import type { Application } from "./application.ts";
import { handedOver, type Brought } from "./handed-over.ts";
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
    const brought = handedOver(application, secret);
    return brought && new HandedOverSecret(application, secret, args, brought);
  }

  private constructor(
    application: Application,
    secret: string,
    args: HandedOverSecretArgs,
    { value, handed }: Brought,
  ) {
    super("HandedOverSecret", "handed over", application, secret, {
      overlap: "cut-over",
      ...args,
      onRequest: true,
      follows: true,
      generation: handed?.generation ?? 1,
      // When it was last changed nobody knows of a value that was there before; it counts as new then.
      ...(handed ? { adopted: handed.at } : {}),
    });
    this.make(() => value);
    this.remind();
  }
}
