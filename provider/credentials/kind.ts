// What a kind of issued credential has to be able to do. Two of a kind can be valid at once: a rotation makes the
// idle one, proves it, turns it live, and the other ends later, when nobody uses it any more.
// Added since the first version of this contract, all optional: `Issue.current`, `cutOver`, `holder`, `own`,
// `given`, `byHand`, the value that `valid` is given, `slotOf` and `recognise`. Made precise:
// a reference names one credential, not the slot that it is in.
import type { Failure, Log, Properties } from "../wire/contract.ts";

export type Slot = "a" | "b";

/** The same for every attempt at one generation, so that a repeated or killed attempt finds what it left behind. */
export interface Issue {
  /** The kind's own settings, as the program gave them; secrets inside are `Secret`. */
  args: Properties;
  /** `<project>-<stack>-<application>-<secret>-g<generation>`, in characters that vendors accept: `[a-z0-9-]`. */
  name: string;
  /** Everything before `-g<generation>`: what this stack has made for this secret begins with it. */
  family: string;
  slot: Slot;
  generation: number;
  /** What consumers use until now; undefined the first time. A cut-over tells by it whether it has happened already. */
  current?: string | undefined;
  log: Log;
}

export interface Issued {
  /** What consumers get: a key, a token, a connection string. */
  value: string;
  /**
   * How the service calls this very credential: a key id; for a login that the next generation but one will use again,
   * the login and something that tells its generations apart, like `visapi_a#3`. Plain; never a value.
   */
  reference: string;
}

/** A value that is in use already, and what a stack that lost its state would have called it. */
export interface Found {
  family: string;
  name: string;
  /** The name of the generation before, which may be valid still. */
  before: string;
  value: string;
}

/** What such a stack had made, as the service calls it. */
export interface Known {
  reference: string;
  /** Of the one before, while the service accepts it: it ends like any other. */
  previous?: string | undefined;
}

/** Whoever still uses a credential. */
export interface Users {
  count: number;
  /** For people, like `visapi@10.0.0.7`; at most ten. */
  who: string[];
}

export interface CredentialKind {
  /** For instance `postgres-login`. */
  kind: string;
  /**
   * The service knows one value only: `issue` ends the one before it, and there is nothing to revoke. Without
   * `issue.current` it takes over what is in use, and changes nothing.
   * @default false
   */
  cutOver?: boolean;
  /**
   * The value that a person handed over, for kinds that no program can make: another one is a rotation by itself, and
   * nothing else is. `issue` then makes nothing; it finds out which credential it was given.
   */
  given?(args: Properties): string;
  /** Set where only a person can end one: how, as the end of a sentence. `revoke` is then never called. */
  byHand?: string;
  /** Problems with the settings, found before the first effect. */
  validate(args: Properties): Failure[];
  /**
   * Makes the credential of `issue.slot`. Called again after a lost reply or a kill, it makes no second one: it looks
   * for `issue.name` first and adopts or replaces what it finds.
   */
  issue(issue: Issue): Promise<Issued>;
  /** Uses the credential as a consumer would. @throws when it does not work, without the value */
  prove(args: Properties, issued: Issued): Promise<void>;
  /**
   * The reference of whatever has the slot now, ours or not; undefined when it is free. Only for kinds whose slots are
   * fixed names at the service: what others use is then not overwritten.
   */
  holder?(args: Properties, slot: Slot): Promise<string | undefined>;
  /** The slot that a value has, by its own text: for kinds whose slots are fixed names. Asks nobody. */
  slotOf?(args: Properties, value: string): Slot | undefined;
  /** What a value is, if this stack once made it; undefined for whatever anybody else made. */
  recognise?(args: Properties, found: Found): Promise<Known | undefined>;
  /**
   * Whether the service still accepts it: false too when its slot holds another generation by now.
   * @param value the credential itself, where it is known still
   */
  valid(args: Properties, reference: string, value?: string): Promise<boolean>;
  /** Who uses it now; `undefined` where the service cannot tell. */
  users(args: Properties, reference: string): Promise<Users | undefined>;
  /**
   * The environment variable by which this very run works with it; undefined when it works with another one. A run
   * never ends what it works with, not even in an emergency: the next one, which has the successor, does.
   */
  own?(args: Properties, reference: string): Promise<string | undefined>;
  /** Ends it, and whatever is connected with it. "Already gone" is done, and so is another generation in its slot. */
  revoke(args: Properties, reference: string): Promise<void>;
}
