// How hard a random secret is to guess, from its length and the characters it is made of.
import { materials } from "./kinds.ts";
import { matchesAny, namesSchema } from "./patterns.ts";
import { resourceRule } from "./rule.ts";
import { classes, types, type SecretClass } from "./run.ts";
import { number, text, undecided, type Properties } from "./values.ts";

export interface EntropyConfig {
  /** Bits by class, 128 to 4096. */
  bits: Record<SecretClass, number>;
  /** Bits in staging for any class, 128 to 4096. */
  staging: number;
  /** Names of resources whose value is no secret; "*" stands for anything. */
  except: string[];
}

const alphabets: readonly (readonly [property: string, characters: string])[] = [
  ["lower", "abcdefghijklmnopqrstuvwxyz"],
  ["upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"],
  ["numeric", "0123456789"],
];
/** What `RandomPassword` takes for special characters when `overrideSpecial` is not given. */
const special = "!@#$%&*()-_=+[]{}<>:?";

/** How many characters a RandomPassword is drawn from; an unknown property counts as the most it could be. */
export function alphabetOf(properties: Properties): number {
  // `number` is the old name of `numeric`.
  const off = (name: string): boolean =>
    properties[name] === false || (name === "numeric" && properties["number"] === false);
  const characters = alphabets.filter(([name]) => !off(name)).flatMap(([, letters]) => [...letters]);
  if (!off("special")) {
    if (undecided(properties, "overrideSpecial")) return 95;
    characters.push(...(text(properties, "overrideSpecial") ?? special));
  }
  return new Set(characters).size;
}

const bits = { type: "integer" as const, minimum: 128, maximum: 4096 };

export const entropy = resourceRule<EntropyConfig>({
  name: "entropy-by-class",
  description: "A random secret is long enough for its class.",
  severity: "high",
  defaults: { bits: { CRITICAL: 256, HIGH: 256, MEDIUM: 128, LOW: 128 }, staging: 128, except: [] },
  schema: {
    bits: {
      type: "object",
      description: "The least bits by class",
      properties: Object.fromEntries(classes.map((level) => [level, bits])),
      additionalProperties: false,
    },
    staging: { ...bits, description: "The least bits in staging" },
    except: namesSchema("Names of random values that are no secrets"),
  },
  check({ type, name, urn, properties }, config, run) {
    if (type !== types.password || !(type in materials) || matchesAny(config.except, name)) return [];
    const length = number(properties, "length");
    const characters = alphabetOf(properties);
    if (length === undefined || characters === 0) return [];
    const level = run.scheduleOf(name)?.class;
    const staging = run.environmentOf(urn) === "staging";
    // Without a class the least is asked for here; that a class is missing is said by secret-complete.
    const least = staging ? config.staging : level ? config.bits[level] : Math.min(...Object.values(config.bits));
    const each = Math.log2(characters);
    if (length * each >= least - 1e-6) return [];
    const whose = staging ? "staging" : level ? `class ${level}` : "any secret";
    return [
      `${name} has ${Math.floor(length * each)} bits (length ${length} from ${characters} characters) and needs ${least} for ${whose}: type ` +
        (each > 0 ? `length ${Math.ceil(least / each)} or more` : "more characters to choose from"),
    ];
  },
});
