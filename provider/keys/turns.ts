// When which signing key signs, and how long it can be verified: a pure state machine over what is remembered.
//
// A key is published before it signs, so that every verifier knows it by the time its first token arrives, and it
// stays published until the last token that it signed is no longer valid. Both are counted from what has been seen at
// the destinations, not from when a run meant to write there: a run that dies on the way makes everything later,
// never earlier.

export interface Terms {
  /** Seconds for which a verifier may go on with the key set that it has fetched. */
  cacheSeconds: number;
  /** Seconds that the longest-lived token is valid. */
  tokenSeconds: number;
  /** Seconds that clocks may differ. */
  skewSeconds: number;
  /** Seconds within which a signer takes up a key that was written; 0 where all of them prove it. */
  handoverSeconds: number;
}

export interface Retired {
  kid: string;
  /** RFC 3339: when another key took its place. */
  since: string;
  /** RFC 3339: until when it is published; "" while it is not certain that nobody signs with it any more. */
  until: string;
}

/** What is remembered between runs. */
export interface Slots {
  next: {
    kid: string;
    /** RFC 3339: when it was first seen where verifiers look; "" while it was not. */
    publishedAt: string;
  };
  current: { kid: string };
  retired: Retired[];
}

export interface Asked {
  /** Whether the schedule or a person asks for a rotation that has not happened yet. */
  rotate: boolean;
  /** Whether what was in use is compromised: it ends at once, whoever holds a token. */
  revoke: boolean;
}

/** What has been seen at the destinations in this run. */
export interface Seen {
  /** The next key is wherever verifiers look. */
  published: boolean;
  /** Every signer uses the current key, or will within the hand-over time. */
  adopted: boolean;
}

export interface Turn {
  /** The next key begins to sign. */
  turn: boolean;
  /** A rotation is asked for and has to wait: why, for people. */
  waits: string | undefined;
  /** Keys that are published no longer. */
  drop: string[];
  slots: Slots;
}

/** Whether the destinations must be looked at: something is remembered that is not certain yet. */
export function uncertain(slots: Slots): boolean {
  return slots.next.publishedAt === "" || slots.retired.some(({ until }) => until === "");
}

/**
 * Whether a clock shows a time before something that is remembered to have happened. What such a run sees cannot be
 * dated: counted from there, a key would end or sign too early once the clock is right again.
 * @param window RFC 3339: when the current key's time began; may be empty
 */
export function behind(slots: Slots, window: string, now: Date): boolean {
  const happened = [window, slots.next.publishedAt, ...slots.retired.map(({ since }) => since)];
  return happened.some((at) => at !== "" && Date.parse(at) > now.getTime());
}

/**
 * Decides one run.
 * @param seen what the destinations show; both false where nothing was looked at
 * @returns `slots` as they are to be remembered. After a turn `slots.next.kid` is "": the caller makes that key
 */
export function decide(remembered: Slots, asked: Asked, seen: Seen, terms: Terms, now: Date): Turn {
  const at = now.toISOString();
  const slots: Slots = {
    current: remembered.current,
    next: {
      kid: remembered.next.kid,
      publishedAt: remembered.next.publishedAt || (seen.published ? at : ""),
    },
    retired: remembered.retired.map((key) => ({
      ...key,
      until: key.until || (seen.adopted ? after(at, lasts(terms)) : ""),
    })),
  };
  // Once compromised, everything that was ever handed out to a signer is: an older key lies beside it.
  if (asked.rotate && asked.revoke)
    return {
      turn: true,
      waits: undefined,
      drop: [slots.current.kid, ...slots.retired.map(({ kid }) => kid)],
      slots: { current: { kid: slots.next.kid }, next: { kid: "", publishedAt: "" }, retired: [] },
    };
  const ended = slots.retired.filter(({ until }) => until !== "" && until <= at);
  const drop = ended.map(({ kid }) => kid);
  const kept = slots.retired.filter((key) => !ended.includes(key));
  const waits = asked.rotate ? hold(slots, terms, at) : undefined;
  if (!asked.rotate || waits) return { turn: false, waits, drop, slots: { ...slots, retired: kept } };
  return {
    turn: true,
    waits: undefined,
    drop,
    slots: {
      current: { kid: slots.next.kid },
      next: { kid: "", publishedAt: "" },
      retired: [...kept, { kid: slots.current.kid, since: at, until: "" }],
    },
  };
}

/** When everything that is retired has ended, as far as it is known; "" when nothing is retired. */
export function retireAt(slots: Slots, terms: Terms): string {
  return (
    slots.retired
      .map(({ since, until }) => until || after(since, lasts(terms)))
      .sort()
      .at(-1) ?? ""
  );
}

function hold({ next }: Slots, { cacheSeconds, skewSeconds }: Terms, at: string): string | undefined {
  if (next.publishedAt === "") return "its next key was not seen yet where verifiers look for it";
  const ready = after(next.publishedAt, cacheSeconds + skewSeconds);
  return ready <= at
    ? undefined
    : `its next key was published ${next.publishedAt}, and until ${ready} there may be verifiers that do not know it`;
}

function lasts({ handoverSeconds, tokenSeconds, skewSeconds }: Terms): number {
  return handoverSeconds + tokenSeconds + skewSeconds;
}

function after(instant: string, seconds: number): string {
  return new Date(Date.parse(instant) + seconds * 1000).toISOString();
}
