// A signing key set with a memory: which key signs, which will sign next, and which old ones can still be verified.
// What happened at the destinations becomes certain only in a later run, so it is remembered in the outputs, which an
// update may decide; `diff` says, from them and the time alone, whether there is anything to do, in previews too.
import type { JWK } from "jose";
import { asksBack, goBack } from "../keys/back.ts";
import { algorithms, keySetDocument, keysIn, makePair, type Algorithm, type Pair } from "../keys/pair.ts";
import { look } from "../keys/look.ts";
import { existing, placeOf } from "../keys/places.ts";
import { behind, decide, retireAt, uncertain, type Seen, type Slots, type Terms, type Turn } from "../keys/turns.ts";
import { fingerprint } from "../proof.ts";
import type { Settings } from "../settings.ts";
import type { Vault } from "../vendors/vault.ts";
import type { CheckRequest, CheckResult, Properties, Resource } from "../wire/contract.ts";
import { hasUnknown, same, unknown } from "../wire/values.ts";
import { flag, list, number, object, raised, required, secret, text } from "./inputs.ts";

/**
 * `rotation:index:KeySet`
 *
 * Inputs: `secret`; `window` and `forced` (a change of either rotates), `revoke` (with a higher `forced`: everything
 * that was handed out is compromised and ends at once); `algorithm` (RS256, ES256 or EdDSA; @default RS256), `rsaBits`
 * (@default 4096, at least 2048); `cacheSeconds`, `tokenSeconds`, `skewSeconds`, `handoverSeconds` (`keys/turns.ts`);
 * `entry` (`{mount, path}` in Vault: where signers read the key; one that is there already is taken over), `published`
 * (`{mount, path}[]`) and `jwksUrls`: where verifiers read the key set; `adoption` (`ProofSource[]`: signers that
 * prove which private key they hold; with them `handoverSeconds` plays no part), `deadlineSeconds`; `restore`
 * (`{generation, at}`: with each new `at` the key before signs again, while it is published, `keys/back.ts`).
 *
 * Outputs: `privateKey` (secret, PKCS#8 PEM), `publicKey` (SPKI PEM), `kid`, `jwks` (JSON: next, current, retired),
 * `version` and `generation` (the current key's number), `fingerprint`, `holds` (old keys are still published),
 * `retireAt` (when they end, at the earliest), `slots` (the memory), `nextKey` (secret).
 * A run that dies has made keys that nobody has seen; the next one makes others.
 */
export function keySet(settings: Settings, vault: () => Pick<Vault, "read"> = () => settings.vault()): Resource {
  const plan = (inputs: Properties, old: Properties, seen: Seen): Turn => {
    const rotate = !same(old["window"], inputs["window"]) || number(old, "forced", 1) !== number(inputs, "forced", 1);
    const revoke = flag(inputs, "revoke") && raised(inputs, old);
    return decide(slotsOf(old), { rotate, revoke }, seen, termsOf(inputs), settings.now());
  };
  return {
    token: "rotation:index:KeySet",
    check,
    diff: ({ oldInputs, oldOutputs, inputs, log }) => {
      const changed = Object.keys(inputs).filter(
        (key) => settingsOnly.includes(key) && !same(oldInputs[key], inputs[key]),
      );
      const slots = slotsOf(oldOutputs);
      if (asksBack(inputs, oldOutputs)) changed.push("restore");
      if (hasUnknown(inputs["window"])) return { changed: [...changed, "window"] };
      const turn = plan(inputs, oldOutputs, { published: false, adopted: false });
      // Whether what it waits for has come about is seen in the update.
      if (turn.turn || turn.waits) changed.push("window");
      if (uncertain(slots) || turn.drop.length) changed.push("slots");
      if (turn.turn) log.info(`${turn.slots.current.kid} begins to sign in place of ${slots.current.kid}.`);
      for (const kid of turn.drop) log.info(`${kid} is published no longer.`);
      return { changed: [...new Set(changed)] };
    },
    create: async ({ inputs, preview, log }) => {
      const id = text(inputs, "secret");
      if (preview) return { id, outputs: { ...pending(inputs), ...unknownKeys } };
      const next = await makePair(text(inputs, "algorithm") as Algorithm, number(inputs, "rsaBits", 4096));
      const place = placeOf(inputs, "entry");
      const found = place && (await existing(vault(), place));
      if (found) log.info(`${id}: the key that is in use, ${found.pair.jwk.kid}, is taken over as it is.`);
      const pair =
        found?.pair ?? (await makePair(text(inputs, "algorithm") as Algorithm, number(inputs, "rsaBits", 4096)));
      const at = settings.now().toISOString();
      const others = found?.others ?? [];
      const slots: Slots = {
        current: { kid: pair.jwk.kid },
        next: { kid: next.jwk.kid, publishedAt: "" },
        retired: others.map(({ kid }) => ({ kid, since: at, until: "" })),
      };
      const keys = { current: pair, next, others, version: found?.version ?? 1 };
      return { id, outputs: outputs(settings, inputs, inputs, slots, keys) };
    },
    update: async ({ inputs, oldOutputs, preview, log }) => {
      if (asksBack(inputs, oldOutputs)) {
        if (preview) return { ...pending(inputs), ...unknownKeys };
        const [was, now] = [keysOf(oldOutputs), settings.now().toISOString()];
        const known = { slots: slotsOf(oldOutputs), version: was.version };
        const { pair, slots } = await goBack(vault(), inputs, placeOf(inputs, "entry"), known, now);
        const others = [was.current.jwk, ...was.others];
        // What asked for a turn at the same time stays open for the next run.
        const keys = { current: pair, next: was.next, others, version: was.version + 1 };
        return outputs(settings, inputs, oldOutputs, slots, keys);
      }
      const dark = { published: false, adopted: false };
      const late = behind(slotsOf(oldOutputs), text(inputs, "window"), settings.now());
      if (late && !preview)
        log.warn(
          `${text(inputs, "secret")}: the clock shows ${settings.now().toISOString()}, before what this key set remembers. Nothing is confirmed and nothing ends until it is right.`,
        );
      const looks = !preview && !late && uncertain(slotsOf(oldOutputs));
      const seen = looks ? await look(vault(), inputs, slotsOf(oldOutputs), text(oldOutputs, "privateKey"), log) : dark;
      const turn = plan(inputs, oldOutputs, seen);
      if (turn.waits && !preview)
        log.warn(
          `${text(inputs, "secret")} is due, but ${turn.waits}. ${slotsOf(oldOutputs).current.kid} signs on; run again later.`,
        );
      // Unless it turns, what asked for the turn stays open for the next run.
      const asked = turn.waits ? oldOutputs : inputs;
      const was = keysOf(oldOutputs);
      const others = was.others.filter(({ kid }) => !turn.drop.includes(kid));
      if (!turn.turn) return outputs(settings, inputs, asked, turn.slots, { ...was, others });
      if (preview) return { ...pending(inputs), privateKey: secret(was.next.privateKey), kid: was.next.jwk.kid };
      const next = await makePair(text(inputs, "algorithm") as Algorithm, number(inputs, "rsaBits", 4096));
      turn.slots.next = { kid: next.jwk.kid, publishedAt: "" };
      if (turn.drop.includes(was.current.jwk.kid))
        log.warn(
          `Every token that ${was.current.jwk.kid} and older keys signed is refused as soon as verifiers fetch the key set anew.`,
        );
      else others.unshift(was.current.jwk);
      return outputs(settings, inputs, asked, turn.slots, {
        current: was.next,
        next,
        others,
        version: was.version + 1,
      });
    },
    read: async ({ id, inputs, outputs }) => ({ id, inputs, outputs }),
  };
}

const settingsOnly = ["secret", "cacheSeconds", "tokenSeconds", "skewSeconds", "handoverSeconds"];
const unknownKeys = { privateKey: unknown, kid: unknown };

function check({ inputs: given }: CheckRequest): CheckResult {
  const present = Object.entries(given).filter(([, value]) => value !== null && value !== undefined);
  const inputs: Properties = { algorithm: "RS256", rsaBits: 4096, revoke: false, ...Object.fromEntries(present) };
  const failures = required(
    inputs,
    "secret",
    "window",
    "cacheSeconds",
    "tokenSeconds",
    "skewSeconds",
    "handoverSeconds",
  );
  const algorithm = inputs["algorithm"];
  if (typeof algorithm === "string" && !(algorithms as readonly string[]).includes(algorithm))
    failures.push({
      property: "algorithm",
      reason: `algorithm is "${algorithm}"; give one of ${algorithms.join(", ")}`,
    });
  const bits = number(inputs, "rsaBits", 4096);
  if (!(Number.isInteger(bits) && bits >= 2048 && bits <= 16384))
    failures.push({ property: "rsaBits", reason: `rsaBits is ${bits}; give 4096, and never fewer than 2048` });
  for (const property of ["cacheSeconds", "tokenSeconds", "skewSeconds", "handoverSeconds"]) {
    const value = number(inputs, property, 0);
    if (!(value >= 0 && value <= 31 * 86_400))
      failures.push({ property, reason: `${property} is ${value}; give seconds from 0 to ${31 * 86_400}` });
  }
  return { inputs, failures };
}

interface Keys {
  current: Pair;
  next: Pair;
  /** Retired ones. */
  others: (JWK & { kid: string })[];
  version: number;
}

function keysOf(old: Properties): Keys {
  const published = new Map(keysIn(text(old, "jwks")).map((jwk) => [jwk.kid, jwk]));
  const { current, next, retired } = slotsOf(old);
  const jwk = (kid: string): Pair["jwk"] => {
    const found = published.get(kid);
    if (!found) throw new Error(`The key set remembers ${kid}, which its own JWKS does not have`);
    return found;
  };
  return {
    current: { privateKey: text(old, "privateKey"), publicKey: text(old, "publicKey"), jwk: jwk(current.kid) },
    next: { ...(JSON.parse(text(old, "nextKey")) as Omit<Pair, "jwk">), jwk: jwk(next.kid) },
    others: retired.map(({ kid }) => jwk(kid)),
    version: number(old, "version", 1),
  };
}

/** @param asked what window and generation these keys answer to */
function outputs(settings: Settings, inputs: Properties, asked: Properties, slots: Slots, keys: Keys): Properties {
  const { current, next, others, version } = keys;
  // In the order in which they are remembered, so that a change of roles alone is no change of the document.
  const kept = slots.retired.map(({ kid }) => others.find((jwk) => jwk.kid === kid)).filter((jwk) => jwk !== undefined);
  const name = text(inputs, "secret");
  return {
    secret: name,
    window: asked["window"],
    forced: number(asked, "forced", 1),
    privateKey: secret(current.privateKey),
    publicKey: current.publicKey,
    kid: current.jwk.kid,
    jwks: keySetDocument([next.jwk, current.jwk, ...kept]),
    version,
    generation: version,
    fingerprint: fingerprint(settings.require("fingerprintKey", "The key for fingerprints"), name, current.privateKey),
    holds: slots.retired.length > 0,
    restoredAt: text(object(inputs, "restore"), "at") || text(asked, "restoredAt"),
    retireAt: retireAt(slots, termsOf(inputs)),
    slots: slots,
    nextKey: secret(JSON.stringify({ privateKey: next.privateKey, publicKey: next.publicKey })),
  };
}

/** What a preview knows of keys that are still to be made. */
function pending(inputs: Properties): Properties {
  const later = ["publicKey", "jwks", "version", "generation", "fingerprint", "holds", "retireAt", "slots", "nextKey"];
  return {
    secret: inputs["secret"],
    window: inputs["window"],
    forced: number(inputs, "forced", 1),
    ...Object.fromEntries(later.map((name) => [name, unknown])),
  };
}

function slotsOf(properties: Properties): Slots {
  const { current, next, retired = [] } = object(properties, "slots") as unknown as Slots;
  return { current, next, retired };
}

function termsOf(inputs: Properties): Terms {
  const seconds = (name: keyof Terms): number => number(inputs, name, 0);
  const proving = list(inputs, "adoption").length > 0;
  return {
    cacheSeconds: seconds("cacheSeconds"),
    tokenSeconds: seconds("tokenSeconds"),
    skewSeconds: seconds("skewSeconds"),
    handoverSeconds: proving ? 0 : seconds("handoverSeconds"),
  };
}
