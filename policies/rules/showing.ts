// No secret from a resource that carries it in its plain id: ids are in the state, the event log and every output.
import { shortName, showing } from "./kinds.ts";
import { matchesAny, namesSchema } from "./patterns.ts";
import { resourceRule } from "./rule.ts";

export interface ShowingConfig {
  /** Names of resources that are no secrets, like the suffix of a bucket's name; "*" stands for anything. */
  except: string[];
}

export const noValueInId = resourceRule<ShowingConfig>({
  name: "no-value-in-id",
  description: "No secret comes from a random resource that shows its value in its id.",
  severity: "critical",
  defaults: { except: [] },
  schema: { except: namesSchema("Names of random values that are no secrets") },
  bare: true,
  check({ type, name }, { except }) {
    if (!showing.includes(type) || matchesAny(except, name)) return [];
    const hex = 'for hex with special: true, overrideSpecial: "abcdef", upper: false, lower: false';
    return [
      `${name} (${shortName(type)}) shows its value as its plain id: use RandomPassword (${hex}), or list the name under except if it is no secret`,
    ];
  },
});
