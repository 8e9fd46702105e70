// What a secret is made of, whoever made it: the one thing that the way of a secret needs to know of its kind.
import type * as pulumi from "@pulumi/pulumi";
import type { Verification } from "../provider/sdk.ts";

export interface Material {
  /** What consumers get. Secret. */
  current: pulumi.Output<string>;
  /** What goes with it, by name: the `kid` of a signing key. @default nothing */
  fields?: Record<string, pulumi.Output<string>>;
  /** What they accept beside it; "" where nothing overlaps or the overlap has ended. Secret. */
  previous: pulumi.Output<string>;
  /** 1, 2, ...: how often it has been made. */
  generation: pulumi.Output<number>;
  fingerprint: pulumi.Output<string>;
  /** Whether consumers should accept the previous value now. */
  holds: pulumi.Output<boolean>;
  /**
   * Until when the previous one is valid, RFC 3339; "" when it has ended.
   * @param verification what must have succeeded before anything may end
   */
  retireAt: (verification: Verification) => pulumi.Output<string>;
}
