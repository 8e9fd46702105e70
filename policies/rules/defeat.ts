// Resource options under which a rotation is planned and does not happen, or takes more with it than it should.
// `retainOnDelete` and `replaceOnChanges` are shown to no policy: see docs/policies.md.
import { destinations, materials } from "./kinds.ts";
import { matchesAny, namesSchema } from "./patterns.ts";
import { resourceRule } from "./rule.ts";
import { types } from "./run.ts";

export interface DefeatConfig {
  /** Properties whose changes may be ignored, like "metadata*"; never one that rotates. */
  ignorable: string[];
}

/** What a rotation changes on each type: ignoring it is never allowed, whatever the configuration says. */
const rotating: readonly string[] = ["*", "keepers*", "rfc3339", "rotationDays", "triggers*", "window", "forced"];

export const notDefeated = resourceRule<DefeatConfig>({
  name: "rotation-not-defeated",
  description: "No resource option keeps a rotation from happening.",
  severity: "critical",
  defaults: { ignorable: [] },
  schema: { ignorable: namesSchema("Properties whose changes may be ignored") },
  bare: true,
  check({ type, name, options }, { ignorable }) {
    const replaced = type === types.clock || type in materials;
    const destination = destinations[type];
    if (!replaced && !destination && !type.startsWith("rotation:")) return [];
    const needed = [...rotating, ...(destination?.values ?? ["value"])];
    const said = options.ignoreChanges
      .filter(
        (property) =>
          needed.includes(property) ||
          needed.some((root) => property.startsWith(`${root}.`) || property.startsWith(`${root}[`)) ||
          !matchesAny(ignorable, property),
      )
      .map(
        (property) =>
          `${name} ignores changes of ${property}, so a rotation would pass it by: remove it from ignoreChanges`,
      );
    // A destination or a memory may well be protected: it is updated, never replaced.
    if (options.protect && replaced)
      said.push(
        `${name} is protected, and each rotation replaces it: remove protect, and protect its schedule instead`,
      );
    if (options.deleteBeforeReplace && (replaced || destination))
      said.push(
        `${name} has deleteBeforeReplace, which ${destination ? "leaves its consumers without a value" : "replaces its destinations with it"}: remove it`,
      );
    return said;
  },
});
