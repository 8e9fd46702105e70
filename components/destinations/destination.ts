// What every place that receives a secret has in common.
import * as pulumi from "@pulumi/pulumi";
import type { ProofSource } from "../../provider/sdk.ts";

/**
 * @param owner the secret, for the message
 * @throws RunError when there is none, or one of them is none of `components/destinations/`
 */
export function checkDestinations(owner: string, destinations: readonly unknown[]): void {
  if (destinations.length === 0)
    throw new pulumi.RunError(`${owner} has no destination; a secret that goes nowhere is of no use to anyone`);
  for (const destination of destinations) {
    if (typeof (destination as Partial<Destination> | null)?.deliver === "function") continue;
    const shown = typeof destination === "string" ? `"${destination}"` : `of type ${typeof destination}`;
    throw new pulumi.RunError(
      `${owner} has a destination ${shown}, which is none; write vaultKv(), githubActions({...}), or variable() of a RenderService or VercelProject`,
    );
  }
}

/** What a destination is given to write. */
export interface Delivery {
  application: string;
  secret: string;
  current: pulumi.Output<string>;
  /** What goes with the value, by name: the `kid` of a signing key. */
  fields?: Record<string, pulumi.Output<string>>;
  /** Empty where nothing overlaps or the previous value has ended. */
  previous: pulumi.Output<string>;
  overlaps: boolean;
  window: pulumi.Output<string>;
  generation: pulumi.Output<number>;
  /** The full resource name of a part of this secret. */
  part: (name: string) => string;
  /** Options for a resource of this secret: its parent, and what must have happened before. */
  options: pulumi.CustomResourceOptions;
}

/** The restart of a service that hands written variables to its instances. */
export interface ServiceRollout {
  service: Service;
  written: pulumi.Output<string>[];
}

export interface Delivered {
  resources: pulumi.Resource[];
  rollout?: ServiceRollout;
  /** Where several services read it, in the order of their restarts. */
  rollouts?: ServiceRollout[];
}

export interface Destination {
  /** For people, like `render:api/JWT_SECRET`. */
  label: string;
  /** Whether it must be written before the others: the system of record comes first. */
  first?: boolean;
  deliver(delivery: Delivery): Delivered;
  /** Entries of Vault that it replaces: their current version must be restorable before. */
  entries?: (application: string, secret: string) => { mount: string; path: string }[];
  /** Where the consumer behind it proves that it uses the value. */
  proofs(secret: string, overlaps: boolean): ProofSource[];
  health: string[];
}

/** A deployed service: many secrets write its variables, and its instances take them up by a rollout. */
export interface Service {
  label: string;
  /** Every variable that any secret of the application writes to it; complete once the application is. */
  readonly writes: pulumi.Resource[];
  rollOut(
    name: string,
    written: pulumi.Output<string>[],
    options: pulumi.CustomResourceOptions,
  ): { resource: pulumi.Resource; id: pulumi.Output<string> };
}
