// A service that issues credentials, in memory, with faults: a lost reply after the effect, a refused new credential.
import type { CredentialKind, Issue } from "../../../provider/credentials/kind.ts";

export interface Live {
  name: string;
  slot: string;
  value: string;
}

export class FakeService {
  /** What the service accepts, by reference. */
  readonly live = new Map<string, Live>();
  /** What happened, in order. */
  readonly effects: string[] = [];
  /** Sessions by reference. */
  readonly sessions = new Map<string, string[]>();
  /** Replies of `issue` that get lost after the effect. */
  lostReplies = 0;
  refusesNew = false;
  /** Whether it can say who uses a credential. */
  tells = true;
  /** A revocation that the service forgets. */
  deafToRevoke = false;
  #made = 0;

  kind(cutOver = false): CredentialKind {
    return {
      kind: "fake",
      cutOver,
      validate: (args) => (args["bad"] ? [{ property: "args.bad", reason: "bad is set" }] : []),
      issue: async (issue) => this.#issue(issue),
      prove: async (_args, { value }) => {
        if (this.refusesNew) throw new Error(`no entry for ${value}`);
      },
      valid: async (_args, reference) => this.live.has(reference),
      users: async (_args, reference) => {
        const who = this.sessions.get(reference) ?? [];
        return this.tells ? { count: who.length, who } : undefined;
      },
      revoke: async (_args, reference) => {
        this.effects.push(`revoke ${reference}`);
        if (!this.deafToRevoke) this.live.delete(reference);
      },
    };
  }

  /** Names of what is accepted, sorted. */
  get names(): string[] {
    return [...this.live.values()].map(({ name }) => name).sort();
  }

  #issue({ name, slot }: Issue): { value: string; reference: string } {
    // A leftover of the same name cannot be read again: it is replaced.
    for (const [reference, { name: known }] of this.live) if (known === name) this.live.delete(reference);
    const made = { reference: `key-${++this.#made}`, value: `value-${this.#made}-of-${name}` };
    this.live.set(made.reference, { name, slot, value: made.value });
    this.effects.push(`issue ${name} ${slot}`);
    if (this.lostReplies > 0) {
      this.lostReplies--;
      throw new Error("the reply was lost");
    }
    return made;
  }
}
