// Values where everybody can read them: outputs of the stack, and the plain properties by which things are keyed. A
// policy sees values unwrapped, so it can compare; it names the place and the secret, never the value.
import { matchesAny, namesSchema } from "./patterns.ts";
import { stackRule, type Finding, type Placed } from "./rule.ts";
import { types } from "./run.ts";
import type { Value } from "./values.ts";

export interface ShownConfig {
  /** Names of stack outputs that may hold a value; "*" stands for anything. */
  except: string[];
}

/** Outputs that are values, by type. */
const values: Readonly<Record<string, readonly string[]>> = {
  [types.password]: ["result"],
  [types.overlap]: ["current", "previous", "value"],
  [types.credential]: ["current"],
  "random:index/randomBytes:RandomBytes": ["base64", "hex"],
  "tls:index/privateKey:PrivateKey": ["privateKeyPem", "privateKeyOpenssh", "privateKeyPemPkcs8"],
};

/** Properties that are plain in the state and in every diff. */
const plain = ["keepers", "triggers", "tags", "labels"];

/** Shorter texts are found in others by chance. */
const least = 12;

export const noValueInPlain = stackRule<ShownConfig>({
  name: "no-value-in-plain",
  description: "No stack output, keeper, trigger, tag or name holds the value of a secret.",
  severity: "critical",
  defaults: { except: [] },
  schema: { except: namesSchema("Names of stack outputs that may hold a value") },
  checkStack(resources, { except }) {
    // In the order of the table: where a value is born comes before what carries it on.
    const known = Object.entries(values).flatMap(([of, outputs]) =>
      resources
        .filter(({ type }) => type === of)
        .flatMap(({ name, properties }) =>
          outputs.flatMap((output) => {
            const value = properties[output];
            return typeof value === "string" && value.length >= least ? [{ value, of: name }] : [];
          }),
        ),
    );
    const holds = (place: Value): string | undefined =>
      textsIn(place).flatMap((text) => known.find(({ value }) => text.includes(value))?.of ?? [])[0];
    return resources.flatMap((resource): Finding[] => shownBy(resource, except, holds));
  },
});

function shownBy(
  { type, name, urn, properties }: Placed,
  except: string[],
  holds: (place: Value) => string | undefined,
): Finding[] {
  const places =
    type === "pulumi:pulumi:Stack"
      ? Object.keys(properties)
          .filter((output) => !matchesAny(except, output))
          .map((output) => ({ what: `the stack output ${output}`, of: holds(properties[output]) }))
      : [
          ...plain.map((property) => ({ what: `${property} of ${name}`, of: holds(properties[property]) })),
          { what: `a name of type ${type}`, of: holds(name) },
        ];
  return places.flatMap(({ what, of }) =>
    of === undefined
      ? []
      : [
          {
            message: `${what} holds the value of ${of} for everybody to read: remove it, and show its fingerprint`,
            urn,
          },
        ],
  );
}

function textsIn(value: Value): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
