// An application: its secrets, the services that consume them, and what a person may know about them.
import * as pulumi from "@pulumi/pulumi";
import "./lean.ts";
import "./quiet.ts";
import { heldBy, partOf, partOfService, unitsOf, type Shared } from "./parts.ts";
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
  readonly #together: string[][];
  /** The part of every secret that `ours` was given. */
  readonly #parts = new Map<string, number>();

  /**
   * @param name lower-case letters, digits and dashes: the first part of every name below it
   * @param together labels of services that share secrets, and so are never split among parts; @default none
   */
  constructor(name: string, stack: StackSettings, together: string[][] = []) {
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
    this.#together = together;
  }

  /**
   * Of the whole inventory, the secrets that this stack declares: all of them, or those of its part.
   * @throws RunError for what cannot be kept together
   */
  ours<Row extends Shared>(rows: readonly Row[]): Row[] {
    const { part } = this.stack;
    if (!part) return [...rows];
    for (const [name, unit] of unitsOf(rows, this.#together)) this.#parts.set(name, partOf(unit, part.of));
    return rows.filter(({ name }) => this.#parts.get(name) === part.index);
  }

  /** Tells which services a secret restarts. @throws RunError when another part restarts them too */
  restarts(secret: string, services: readonly string[]): void {
    const { part } = this.stack;
    const foreign = part && services.find((label) => partOfService(label, part, this.#together) !== part.index);
    if (part && foreign !== undefined)
      throw new pulumi.RunError(
        `${this.label}/${secret} restarts "${foreign}", whose secrets live in part ${partOfService(foreign, part, this.#together)} of ${part.of}, but it was put into part ${part.index}. Name the service where it is listed, ours([{ name: "${secret}", service: "${foreign}" }]); services that share secrets go together: new Application("${this.label}", stack, [["${services.join('", "')}"]])`,
      );
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
    const { part } = this.stack;
    if (part && this.#parts.get(secret) !== part.index)
      throw new pulumi.RunError(
        `${this.label}/${secret} is declared in part ${part.index} of ${part.of} without having been given to it. List it: for (const secret of application.ours([{ name: "${secret}" }])) ...; or keep ${this.label} in one stack: pulumi config rm part`,
      );
    this.#names.add(secret);
  }

  record(row: pulumi.Output<InventoryRow>): void {
    this.#rows.push(row);
  }

  /** To be called after the last secret: lets the engine begin, and returns the inventory. */
  finish(): pulumi.Output<InventoryRow[]> {
    this.#refuseUnknown();
    if (this.stack.part) void this.#refuseMoved().then(this.#gate.resolve, this.#gate.reject);
    else this.#gate.resolve();
    const inventory = pulumi.all(this.#rows);
    this.registerOutputs({ inventory });
    return inventory;
  }

  /** A person's request for a secret that this stack does not have would be forgotten without a word. */
  #refuseUnknown(): void {
    for (const key of ["forced", "adopted"] as const) this.#refuseNames(key, Object.keys(this.stack[key]));
  }

  #refuseNames(key: string, names: string[]): void {
    const unknown = names.filter(
      (name) => name.startsWith(`${this.label}/`) && !this.#names.has(name.slice(this.label.length + 1)),
    );
    const [first] = unknown;
    if (first === undefined) return;
    const { part } = this.stack;
    const elsewhere = this.#parts.get(first.slice(this.label.length + 1));
    if (part && elsewhere !== undefined)
      throw new pulumi.RunError(
        `${key} names "${first}", which lives in part ${elsewhere} of ${part.of}; ask for it in that stack, and remove it here: pulumi config rm --path '${key}["${first}"]'`,
      );
    throw new pulumi.RunError(
      `${key} names ${unknown.map((name) => `"${name}"`).join(", ")}, which ${this.label} does not have; it has ${[...this.#names].join(", ")}. Remove it: pulumi config rm --path '${key}["${first}"]'`,
    );
  }

  /** A secret that this stack holds and another part declares would be deleted here, at its destinations too. */
  async #refuseMoved(): Promise<void> {
    const { part } = this.stack;
    const moved = (await heldBy(this.label)).filter(
      (name) => this.#parts.has(name) && this.#parts.get(name) !== part?.index,
    );
    const [first = ""] = moved;
    if (moved.length > 0)
      throw new pulumi.RunError(
        `This stack holds ${moved.length} of ${this.label}'s secrets that belong to other parts of ${part?.of}, like ${first} (part ${this.#parts.get(first)}): going on would delete them, also where they are used. Nothing was changed. Set part back to what it was, or move their state first: pulumi state move --source <this stack> --dest <that stack> '<urn>' (docs/scale.md)`,
      );
  }
}
