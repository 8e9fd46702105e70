// From what a person types to the secrets that are meant. Globs given to `--target` are never checked by the engine:
// a typo would quietly do nothing, so names are resolved before anything else.
import { UsageError } from "./command.ts";

/**
 * Full names (`visapi/JWT_SECRET`) for what was typed: the full name, or the secret's own where one application has it.
 * Case does not matter.
 * @throws UsageError that lists the nearest names
 */
export function resolve(typed: string[], known: string[]): string[] {
  const found = typed.map((name) => {
    const wanted = name.toLowerCase();
    const matches = known.filter((full) => full.toLowerCase() === wanted || own(full).toLowerCase() === wanted);
    if (matches.length === 1) return matches[0] as string;
    if (matches.length > 1)
      throw new UsageError(`"${name}" is in several applications; say which: ${matches.join(", ")}`);
    throw new UsageError(unknown(name, known));
  });
  return [...new Set(found)];
}

function unknown(name: string, known: string[]): string {
  if (known.length === 0)
    return `There is no secret "${name}": the stack has none yet. Make them with: rotate run (nothing was changed)`;
  const near = nearest(name, known);
  return near.length > 0
    ? `There is no secret "${name}". Did you mean ${near.join(" or ")}? Nothing was changed.`
    : `There is no secret "${name}"; there are ${known.join(", ")}. Nothing was changed.`;
}

/** At most three names, the nearest first; only those that are near enough to have been meant. */
export function nearest(name: string, known: string[]): string[] {
  const wanted = name.toLowerCase();
  return known
    .map((full) => {
      const candidates = [full.toLowerCase(), own(full).toLowerCase()];
      const near = Math.min(...candidates.map((candidate) => distance(wanted, candidate)));
      // A part of the name counts as near: "slack" means one of the four.
      return { full, far: candidates.some((candidate) => wanted.length > 2 && candidate.includes(wanted)) ? 0 : near };
    })
    .filter(({ far }) => far <= Math.max(2, Math.floor(wanted.length / 3)))
    .sort((a, b) => a.far - b.far || a.full.localeCompare(b.full))
    .slice(0, 3)
    .map(({ full }) => full);
}

function own(full: string): string {
  return full.slice(full.indexOf("/") + 1);
}

/** Edits from one text to the other: insert, delete, change, or swap two neighbours. */
export function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, at(i - 2, j - 2) + 1);
      (rows[i] as number[])[j] = best;
    }
  return at(a.length, b.length);
}
