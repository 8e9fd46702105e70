// An application: its secrets, the services that consume them, and what a person may know about them.
import * as pulumi from "@pulumi/pulumi";
import "./lean.ts";
import "./quiet.ts";
import type { StackSettings } from "./stack.ts";

/** One row of the inventory: everything about a secret but its value. */
export interface InventoryRow {
  secret: string;
  class: string;
  owner: string;
  intervalDays: number;
  /** How it is made and replaced: `generated, overlap`, `generated, cut-over`, `prefix, on request`, `issued, two slots`, ... */
  handling: string;
  generation: number;
  rotatedAt: string;
  dueAt: string;
  /** Until when the previous value is accepted; empty when it has ended. */
  previousUntil: string;
  destinations: string[];
  /** Consumers that have proven to use the current value, like `api 2/2`. */
  consumers: string[];
  fingerprint: string;
}

export class Application extends pulumi.ComponentResource {
  readonly stack: StackSettings;
  readonly label: string;
  readonly #rows: pulumi.Output<InventoryRow>[] = [];
  readonly #names = new Set<string>();
  readonly #gate: PromiseWithResolvers<void>;

  /** @param name lower-case letters, digits and dashes: the first part of every name below it */
  constructor(name: string, stack: StackSettings) {
    if (!/^[a-z][a-z0-9-]*$/.test(name))
      throw new pulumi.RunError(
        `The application is named "${name}"; use lower-case letters, digits and dashes, like "visapi"`,
      );
    // The engine hears of the application, and so of everything below it, only once all of it has been declared: a
    // mistake in its last line stops the run before its first secret has an effect.
    const gate = Promise.withResolvers<void>();
    const dependsOn = pulumi.output(gate.promise.then((): pulumi.Resource[] => []));
    super("secret-rotation:index:Application", name, {}, { dependsOn });
    this.label = name;
    this.stack = stack;
    this.#gate = gate;
  }

  /** Resolves when every secret of the application has been declared. */
  get complete(): Promise<void> {
    return this.#gate.promise;
  }

  /** Takes a secret's name, once. */
  claim(secret: string): void {
    if (!/^[A-Za-z][A-Za-z0-9_.-]*$/.test(secret))
      throw new pulumi.RunError(
        `A secret of ${this.label} is named "${secret}"; use letters, digits, "_", "-" and ".", like "JWT_SECRET"`,
      );
    if (this.#names.has(secret))
      throw new pulumi.RunError(`${this.label} declares ${secret} twice; remove one of them`);
    this.#names.add(secret);
  }

  record(row: pulumi.Output<InventoryRow>): void {
    this.#rows.push(row);
  }

  /** To be called after the last secret: lets the engine begin, and returns the inventory. */
  finish(): pulumi.Output<InventoryRow[]> {
    const unknown = Object.keys(this.stack.forced).filter(
      (name) => name.startsWith(`${this.label}/`) && !this.#names.has(name.slice(this.label.length + 1)),
    );
    if (unknown.length)
      throw new pulumi.RunError(
        `forced names ${unknown.map((name) => `"${name}"`).join(", ")}, which ${this.label} does not have; it has ${[...this.#names].join(", ")}. Remove it: pulumi config rm --path 'forced["${unknown[0]}"]'`,
      );
    this.#gate.resolve();
    const inventory = pulumi.all(this.#rows);
    this.registerOutputs({ inventory });
    return inventory;
  }
}
