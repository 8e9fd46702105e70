// Weeks of runs that are missed, that die before they have written anything, or half-way through: whatever happens, no
// token is refused within its life by a verifier that keeps the key set for as long as it is allowed to.
import assert from "node:assert/strict";
import fc from "fast-check";
import { decide, retireAt, type Slots, type Terms } from "../../../provider/keys/turns.ts";

const hour = 3600;

interface Token {
  kid: string;
  signed: number;
}

/** What the world outside sees, by second. */
class Outside {
  /** Every key set that was published, with the time of it. */
  readonly published: { at: number; kids: string[] }[] = [];
  /** Every key that was handed to signers. */
  readonly handed: { at: number; kid: string }[] = [];

  at<T extends { at: number }>(list: T[], second: number): T | undefined {
    return list.filter(({ at }) => at <= second).at(-1);
  }
  /** The kids that some allowed verifier may know at a time: it has fetched at any moment of the last `cache` seconds. */
  knownToAll(second: number, cache: number): Set<string> {
    const from = second - cache;
    const documents = [this.at(this.published, from), ...this.published.filter(({ at }) => at > from && at <= second)];
    const [first, ...rest] = documents.filter((document) => document !== undefined);
    return new Set((first?.kids ?? []).filter((kid) => rest.every(({ kids }) => kids.includes(kid))));
  }
}

/** How far a run comes: it is not there at all, its state is saved, the key set is published, all is written. */
const fates = ["missed", "saved", "published", "done"] as const;

function simulate(terms: Terms, intervalDays: number, runs: { hours: number; fate: (typeof fates)[number] }[]) {
  const outside = new Outside();
  let made = 2;
  let slots: Slots = { current: { kid: "k1" }, next: { kid: "k2", publishedAt: "" }, retired: [] };
  let second = 0;
  let window = 0;
  let turns = 0;
  const publish = (): void => {
    const kids = [slots.next.kid, slots.current.kid, ...slots.retired.map(({ kid }) => kid)];
    if (JSON.stringify(outside.published.at(-1)?.kids) !== JSON.stringify(kids))
      outside.published.push({ at: second, kids });
  };
  const hand = (): void => {
    if (outside.handed.at(-1)?.kid !== slots.current.kid) outside.handed.push({ at: second, kid: slots.current.kid });
  };
  publish();
  hand();
  for (const { hours, fate } of runs) {
    second += hours * hour;
    if (fate === "missed") continue;
    const seen = {
      published: outside.published.at(-1)?.kids.includes(slots.next.kid) ?? false,
      adopted: outside.handed.at(-1)?.kid === slots.current.kid,
    };
    const rotate = second - window >= intervalDays * 24 * hour;
    const turn = decide(slots, { rotate, revoke: false }, seen, terms, new Date(second * 1000));
    slots = turn.slots;
    if (turn.turn) {
      slots = { ...slots, next: { kid: `k${++made}`, publishedAt: "" } };
      window = second;
      turns++;
    }
    // A run takes a while; what it writes comes later than its decision.
    second += 60;
    if (fate === "saved") continue;
    publish();
    if (fate === "done") hand();
  }
  return { outside, end: second, turns, slots };
}

/** Every token that a signer may sign: with what it was handed, up to the hand-over time late. */
function* tokens(outside: Outside, terms: Terms, end: number): Generator<Token> {
  for (const [index, { at, kid }] of outside.handed.entries()) {
    const until = Math.min((outside.handed[index + 1]?.at ?? end) + terms.handoverSeconds, end);
    for (let signed = at; signed <= until; signed += Math.max(600, Math.floor((until - at) / 20)))
      yield { kid, signed };
    yield { kid, signed: until };
  }
}

const terms: fc.Arbitrary<Terms> = fc.record({
  cacheSeconds: fc.integer({ min: 0, max: 48 * hour }),
  tokenSeconds: fc.integer({ min: 60, max: 10 * 24 * hour }),
  skewSeconds: fc.integer({ min: 0, max: 600 }),
  handoverSeconds: fc.integer({ min: 0, max: 24 * hour }),
});
const runs = fc.array(
  fc.record({
    hours: fc.oneof(fc.constant(24), fc.integer({ min: 0, max: 90 })),
    fate: fc.oneof(
      { weight: 3, arbitrary: fc.constant("done" as const) },
      { weight: 2, arbitrary: fc.constantFrom(...fates) },
    ),
  }),
  { minLength: 10, maxLength: 60 },
);

describe("turns of signing keys", () => {
  it("refuse no token within its life, through missed and broken runs", () => {
    fc.assert(
      fc.property(terms, runs, (terms, runs) => {
        const { outside, end } = simulate(terms, 7, runs);
        for (const { kid, signed } of tokens(outside, terms, end))
          for (const part of [0, 0.5, 1]) {
            const used = Math.min(signed + Math.floor(terms.tokenSeconds * part), end);
            // At its very first key set a verifier has nothing older to go on with.
            if (used - terms.cacheSeconds < 0) continue;
            assert.ok(
              outside.knownToAll(used, terms.cacheSeconds).has(kid),
              `${kid}, signed at ${signed}, is unknown to a verifier at ${used}`,
            );
          }
      }),
      { numRuns: 400 },
    );
  });

  it("happen once a week where runs are daily and nothing breaks, and drop what has ended", () => {
    const days = 364;
    const daily = Array.from({ length: days }, () => ({ hours: 24, fate: "done" as const }));
    const terms = { cacheSeconds: hour, tokenSeconds: hour, skewSeconds: 300, handoverSeconds: hour };
    const { turns, outside, slots } = simulate(terms, 7, daily);
    assert.ok(turns >= 51 && turns <= 52, `${turns} turns in ${days} days`);
    assert.ok(Math.max(...outside.published.map(({ kids }) => kids.length)) <= 3);
    assert.ok(slots.retired.length <= 1);
  });

  it("wait for a key that nobody could know yet", () => {
    const now = new Date("2027-01-08T03:00:00Z");
    const terms = { cacheSeconds: hour, tokenSeconds: hour, skewSeconds: 0, handoverSeconds: 0 };
    const slots: Slots = { current: { kid: "a" }, next: { kid: "b", publishedAt: "" }, retired: [] };
    const asked = { rotate: true, revoke: false };
    const unseen = decide(slots, asked, { published: false, adopted: false }, terms, now);
    assert.deepEqual([unseen.turn, unseen.slots.current.kid], [false, "a"]);
    assert.match(unseen.waits ?? "", /not seen yet/);
    const fresh = decide(slots, asked, { published: true, adopted: false }, terms, now);
    assert.equal(fresh.turn, false);
    assert.match(fresh.waits ?? "", /until 2027-01-08T04:00:00.000Z there may be verifiers/);
    const later = decide(
      fresh.slots,
      asked,
      { published: false, adopted: false },
      terms,
      new Date("2027-01-08T04:00:00Z"),
    );
    assert.deepEqual([later.turn, later.slots.current.kid, later.slots.retired[0]?.kid], [true, "b", "a"]);
    assert.equal(retireAt(later.slots, terms), "2027-01-08T05:00:00.000Z");
  });

  it("end everything at once when it is compromised, published or not", () => {
    const now = new Date("2027-01-08T03:00:00Z");
    const terms = { cacheSeconds: hour, tokenSeconds: hour, skewSeconds: 0, handoverSeconds: 0 };
    const retired = [{ kid: "z", since: "2027-01-07T00:00:00.000Z", until: "2027-02-01T00:00:00.000Z" }];
    const slots: Slots = { current: { kid: "a" }, next: { kid: "b", publishedAt: "" }, retired };
    const {
      turn,
      drop,
      slots: after,
    } = decide(slots, { rotate: true, revoke: true }, { published: false, adopted: false }, terms, now);
    assert.deepEqual([turn, drop, after.current.kid, after.retired], [true, ["a", "z"], "b", []]);
  });
});
