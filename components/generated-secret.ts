// A secret that is nothing but randomness, made by us: signing keys, tokens between our own services.
import * as pulumi from "@pulumi/pulumi";
import { RandomPassword, type RandomPasswordArgs } from "@pulumi/random/randomPassword.js";
import type { Application } from "./application.ts";
import { OverlappingSecret, type OverlappingSecretArgs } from "./overlapping-secret.ts";

export type Format = "hex" | "base64url" | "alphanumeric";

export interface GeneratedSecretArgs extends OverlappingSecretArgs {
  format: Format;
  /** Characters in production; from 16 to 512. Staging has half of them, at least 128 bits. */
  length: number;
}

const alphabets: Record<
  Format,
  Pick<RandomPasswordArgs, "lower" | "upper" | "numeric" | "special" | "overrideSpecial">
> = {
  // Of the random resources only RandomPassword keeps the value out of its plain id; digits and a to f make it hex.
  hex: { lower: false, upper: false, numeric: true, special: true, overrideSpecial: "abcdef" },
  base64url: { lower: true, upper: true, numeric: true, special: true, overrideSpecial: "-_" },
  alphanumeric: { lower: true, upper: true, numeric: true, special: false },
};

/** What one character is worth, in bits. */
const bits: Record<Format, number> = { hex: 4, base64url: 6, alphanumeric: Math.log2(62) };

export class GeneratedSecret extends OverlappingSecret {
  constructor(application: Application, secret: string, args: GeneratedSecretArgs) {
    if (!Number.isInteger(args.length) || args.length < 16 || args.length > 512)
      throw new pulumi.RunError(
        `${application.label}/${secret} has length ${args.length}; give a whole number from 16 to 512`,
      );
    super("GeneratedSecret", "generated", application, secret, args);
    // Half of it in staging, but never fewer than 128 bits.
    const least = Math.min(args.length, Math.ceil(128 / bits[args.format]));
    const length = application.stack.halfLength ? Math.max(least, Math.ceil(args.length / 2)) : args.length;
    this.make(
      ({ keepers, options }) =>
        new RandomPassword(this.part("value"), { length, ...alphabets[args.format], keepers }, options).result,
    );
  }
}
