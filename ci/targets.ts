// Names that a person typed, resolved before they become `--target`: the engine never checks a glob, so a typo would
// quietly rotate nothing.
import type { State } from "../cli/engine.ts";
import { nameOf, secretOf } from "../cli/inventory.ts";
import { resolve } from "../cli/names.ts";

/** Full names of the secrets in a stack. */
export function secretsOf(state: State): string[] {
  return state.resources
    .filter(({ type }) => type === "rotation:index:Schedule")
    .flatMap(({ urn }) => secretOf(nameOf(urn)) ?? []);
}

/**
 * @param typed names with commas or spaces between them; empty: none, which is to say all
 * @throws UsageError that lists the nearest names
 */
export function resolveTargets(typed: string, state: State): string[] {
  const names = typed.split(/[\s,]+/).filter((name) => name !== "");
  return names.length ? resolve(names, secretsOf(state)) : [];
}
