// The way of a secret, the same for every kind of material:
// schedule -> precheck -> clock -> material -> destinations -> rollouts -> verification -> revocation.
// Each arrow is an edge of the graph, so a step that fails stops everything behind it.
import * as pulumi from "@pulumi/pulumi";
import { Rotating } from "@pulumiverse/time/rotating.js";
import {
  Notice,
  Precheck,
  Schedule,
  Verification,
  type ProofSource,
  type ScheduleArgs,
  type SecretClass,
} from "../provider/sdk.ts";
import type { Application } from "./application.ts";
import { checkDestinations, type Delivered, type Delivery, type Destination } from "./destinations/destination.ts";
import type { Material } from "./material.ts";

export interface RotatedSecretArgs {
  class: SecretClass;
  /** Who answers for it: a team or an address. */
  owner: string;
  /** Whole days, 1 up to what the class allows (policies/). */
  intervalDays: number;
  /** Where it goes, in the order of the rollouts: who checks the secret before who sends it. */
  destinations: Destination[];
  /** The due date is tracked, but only a person's request rotates it. @default false */
  onRequest?: boolean;
  /** Another secret of the same application that must not rotate in the same run. */
  apartFrom?: RotatedSecret;
  /** RFC 3339 date of the last change of a secret that is taken over as it is. */
  adopted?: string;
  /** Raised with every value that a person brings. @default what the stack's `forced` says, else 1 */
  generation?: number;
}

/** What a kind of material is made under. */
export interface Origin {
  /** Start of the window, and the number a person raises to rotate now: a change of either makes a new value. */
  keepers: { window: pulumi.Output<string>; generation: string };
  /** `<application>/<secret>`. */
  secret: string;
  /** The generation that a person asked for, 1 when nobody did. */
  forced: number;
  /** Where consumers prove what they use. */
  proofs: ProofSource[];
  /** The value that is in use before the stack looks after it, where a person has brought it. */
  adopted?: pulumi.Output<string>;
  /** Which one it was to a stack that lost its state. */
  adoptedGeneration?: number;
  options: pulumi.CustomResourceOptions;
}

/** What kinds of material differ in, beside how they are made. */
export interface Traits {
  /** For the inventory, like `generated, overlap`. */
  handling: string;
  /** Whether consumers are given the previous value too. */
  overlaps: boolean;
  /** Whether the stack makes its first value itself, without looking for one that is in use. @default false */
  makes?: boolean;
}

export abstract class RotatedSecret extends pulumi.ComponentResource {
  readonly application: Application;
  readonly secret: string;
  readonly schedule: Schedule;
  readonly #args: RotatedSecretArgs;
  readonly #traits: Traits;
  readonly #forced: number;

  protected constructor(
    kind: string,
    application: Application,
    secret: string,
    args: RotatedSecretArgs,
    traits: Traits,
  ) {
    application.claim(secret);
    checkDestinations(`${application.label}/${secret}`, args.destinations);
    const prefix = `${application.label}/${secret}`;
    super(`secret-rotation:index:${kind}`, prefix, {}, { parent: application, transformations: [named(prefix)] });
    this.application = application;
    this.secret = secret;
    this.#args = args;
    this.#traits = traits;
    const { stack } = application;
    this.#forced = args.generation ?? stack.forced[prefix]?.generation ?? 1;
    const [place] = traits.makes ? this.#backups() : [];
    this.schedule = new Schedule(
      this.part("schedule"),
      {
        secret: prefix,
        class: args.class,
        owner: args.owner,
        intervalDays: args.intervalDays,
        leadHours: stack.leadHours,
        ...(stack.hours ? { hours: stack.hours } : {}),
        noticeHours: stack.noticeHours,
        generation: this.#forced,
        onRequest: args.onRequest,
        apartFrom: args.apartFrom?.schedule.window,
        adopted: args.adopted ?? stack.adopted[prefix]?.at,
        ...this.#askedFor(prefix),
        ...(place ? { place } : {}),
      },
      { parent: this },
    );
  }

  /** Who asked for the generation that the schedule is given, and why. */
  #askedFor(name: string): Pick<ScheduleArgs, "asked"> {
    const { forced, handedOver } = this.application.stack;
    const [request, brought] = [forced[name], handedOver[name]];
    if (brought)
      return {
        asked: { action: "hand-over", by: brought.by, reason: "a person brought a new value", at: brought.at },
      };
    if (!request) return {};
    const { by, reason, at, revoke } = request;
    return { asked: { action: revoke ? "emergency" : "requested", by, reason, at } };
  }

  /** @throws RunError when it is to be taken over and its value is missing */
  #adopted(): pulumi.Output<string> | undefined {
    const name = `${this.application.label}/${this.secret}`;
    if (this.#args.adopted !== undefined || !this.application.stack.adopted[name]) return undefined;
    const value = new pulumi.Config(this.application.label).getSecret(this.secret);
    if (!value)
      throw new pulumi.RunError(
        `${name} is to be taken over as it is, and its value is missing in the stack's config. Bring it: rotate adopt ${this.secret}`,
      );
    return pulumi.secret(value);
  }

  protected part(name: string): string {
    return `${this.application.label}/${this.secret}/${name}`;
  }

  /** Makes the secret: `make` creates the material, the rest follows. */
  protected build(make: (origin: Origin) => Material): void {
    const { schedule } = this;
    const about = this.#about();
    const health = [...new Set(this.#args.destinations.flatMap((destination) => destination.health))];
    const precheck = new Precheck(
      this.part("precheck"),
      { ...about, health, backups: this.#backups() },
      { parent: this },
    );
    const options = { parent: this, dependsOn: [precheck] };
    const clock = new Rotating(
      this.part("clock"),
      { rfc3339: schedule.window, rotationDays: this.#args.intervalDays, triggers: { generation: `${this.#forced}` } },
      options,
    );
    const keepers = { window: clock.rfc3339, generation: `${this.#forced}` };
    const { secret, forced } = about;
    const adopted = this.#adopted();
    const proofs = this.#proofs();
    const material = make({
      ...{ keepers, secret, forced, proofs, options },
      ...(adopted ? { adopted, adoptedGeneration: this.application.stack.adopted[secret]?.generation ?? 1 } : {}),
    });
    const { resources, rollouts } = this.#deliver(material);
    const verification = new Verification(
      this.part("verification"),
      {
        ...{ ...about, ...this.#wentBack(), rollouts, health },
        ...(proofs.length ? { value: material.current } : {}),
        fingerprint: material.fingerprint,
        holds: material.holds,
        proofs,
        deadlineSeconds: this.application.stack.verificationSeconds,
        destinations: this.#args.destinations.map(({ label }) => label),
      },
      { parent: this, dependsOn: resources },
    );
    this.#record(material, verification);
    this.registerOutputs({});
  }

  /** Which rotation this is, and what people are told of it. */
  #about() {
    return {
      secret: `${this.application.label}/${this.secret}`,
      environment: this.application.stack.environment,
      window: this.schedule.window,
      dueAt: this.schedule.dueAt,
      forced: this.#forced,
    };
  }

  /** Has people told ahead of time of what only they can fetch. */
  protected remind(): void {
    new Notice(this.part("notice-due"), this.#about(), { parent: this });
  }

  #backups(): { mount: string; path: string }[] {
    return this.#args.destinations.flatMap(({ entries }) => entries?.(this.application.label, this.secret) ?? []);
  }

  #proofs(): ProofSource[] {
    return this.#args.destinations.flatMap((destination) => destination.proofs(this.secret, this.#traits.overlaps));
  }

  /** Writes every destination, the system of record first, then restarts each service once all of its variables are written. */
  #deliver({ current, fields, previous, generation }: Material): {
    resources: pulumi.Resource[];
    rollouts: pulumi.Output<string>[];
  } {
    const delivery = (dependsOn: pulumi.Resource[]): Delivery => ({
      application: this.application.label,
      secret: this.secret,
      ...{ current, previous, generation },
      ...(fields ? { fields } : {}),
      overlaps: this.#traits.overlaps,
      window: this.schedule.window,
      part: (name) => this.part(name),
      options: { parent: this, dependsOn },
    });
    const { destinations } = this.#args;
    const first = destinations
      .filter((destination) => destination.first)
      .flatMap((destination) => destination.deliver(delivery([])).resources);
    const later = destinations
      .filter((destination) => !destination.first)
      .map((destination) => destination.deliver(delivery(first)));
    const resources = [...first, ...later.flatMap((delivered) => delivered.resources)];
    return { resources, rollouts: this.#rollOut(later) };
  }

  #rollOut(delivered: Delivered[]): pulumi.Output<string>[] {
    const ids: pulumi.Output<string>[] = [];
    let before: pulumi.Resource[] = [];
    const all = delivered.flatMap(({ rollout, rollouts = [] }) => (rollout ? [rollout] : rollouts));
    this.application.restarts(
      this.secret,
      all.map(({ service }) => service.label),
    );
    for (const { service, written } of all) {
      const earlier = before;
      // A restart hands over whatever is written; so it waits for what other secrets of this run write to the same service.
      const writes = pulumi.output(this.application.complete.then(() => service.writes));
      const dependsOn = writes.apply((resources) => [...resources, ...earlier]);
      const { resource, id } = service.rollOut(this.part(`rollout-${service.label}`), written, {
        parent: this,
        dependsOn,
      });
      ids.push(id);
      before = [resource];
    }
    return ids;
  }

  /** A return to an earlier value changes neither window nor generation asked for, and people are told of it too. */
  #wentBack(): { restored?: string } {
    const back = this.application.stack.restored[`${this.application.label}/${this.secret}`];
    return back ? { restored: `generation ${back.generation} by ${back.by} at ${back.at}` } : {};
  }

  #record(material: Material, verification: Verification): void {
    const { class: level, owner, intervalDays, destinations } = this.#args;
    const fixed = {
      secret: this.secret,
      class: level,
      owner,
      intervalDays,
      handling: this.#traits.handling,
      destinations: destinations.map((destination) => destination.label),
    };
    const { window: rotatedAt, dueAt } = this.schedule;
    const { generation, fingerprint } = material;
    const previousUntil = material.retireAt(verification);
    const { consumers } = verification;
    this.application.record(
      pulumi
        .output({ generation, rotatedAt, dueAt, previousUntil, consumers, fingerprint })
        .apply((known) => ({ ...fixed, ...known })),
    );
  }
}

/** Every resource below a secret carries its name, or `--target '**::<application>/<secret>/**'` would miss it. */
function named(prefix: string): pulumi.ResourceTransformation {
  return ({ name, type }) => {
    if (name !== prefix && !name.startsWith(`${prefix}/`))
      throw new Error(
        `The resource "${name}" (${type}) belongs to the secret ${prefix}; its name must begin with "${prefix}/"`,
      );
    return undefined;
  };
}
