// What the matrix must know of an application to disturb its rotation and to judge what came of it.
import type { ApplicationName } from "../../../sandbox/environment.ts";
import type { WorldOptions } from "../../support/world.ts";
import type { NamedCall } from "../calls.ts";
import type { Field } from "../field.ts";
import type { SecretMemory } from "../state.ts";

/** Whoever uses an application while cells are tried: nobody of them may be refused. */
export interface Users {
  readonly requests: number;
  /** Signs in anew; from now on that session is used. */
  arrive(): Promise<void>;
  /** What failed since the last call. */
  take(): string[];
  stop(): Promise<void>;
}

/** Where Vault's KV mount `secret` keeps a secret's current value. */
export interface Place {
  path: string;
  field: string;
}

export interface UnderTest {
  application: ApplicationName;
  world: WorldOptions;
  /** How far the clock goes on for a rotation, in days: everything is due then. */
  days: number;
  /** Hours behind a rotation at which what it replaced may end. */
  endsAfterHours: number;
  /** Hours behind a first run or a rotation at which the next run has something left to do: the second of a pair follows. */
  followsAfterHours: number;
  /** Whether its users need Vault themselves, and notice when it is sealed. @default false */
  needsVault?: boolean;
  /** Secrets that wait for another one. */
  waits?: RegExp;
  users(env: Record<string, string>): Users;
  placeOf(secret: SecretMemory): Place | undefined;
  /** What a destination holds, where a resource is one that holds the value as it is. */
  held?(field: Field, type: string, inputs: Record<string, unknown>): string | undefined;
  /** What else must hold. @returns a sentence for each thing that does not */
  examine?(field: Field): Promise<string[]>;
  /** Names of what services accept and the stack made, by kind of credential. */
  live(field: Field): Promise<Record<string, string[]>>;
  /** The call by which a roll-out begins. */
  rollsOut(call: NamedCall): boolean;
  /** Consumers to be killed: what to call them, and what stands in their command line. */
  consumers: { what: string; text: string }[];
}
