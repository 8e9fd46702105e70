// A destination keeps its name for good: replacing it would create the new one and then delete it with the old one.
// No policy can see a replacement (docs/policies.md), so it is read from the steps of a preview.
import type { PreviewStep } from "../cli/digest.ts";
import { nameOf } from "../cli/inventory.ts";
import { CiError } from "./context.ts";

/** Types that write a value where others read it, restart something, or remember what must not be forgotten. */
const kept = [
  /^vault:kv\/secretV2:/,
  /^github:index\/actions(Environment|Organization)?Secret:/,
  /^kubernetes:core\/v1:Secret$/,
  /^rotation:/,
];
const replacing = /^(replace|create-replacement|delete-replaced)$/;

/** @throws CiError that names the resources */
export function refuseReplacements(steps: PreviewStep[]): void {
  const replaced = steps
    .filter(({ op, urn }) => replacing.test(op) && kept.some((type) => type.test(typeOf(urn))))
    .map(({ urn }) => nameOf(urn));
  if (replaced.length === 0) return;
  throw new CiError(
    `This run would replace ${[...new Set(replaced)].join(", ")}, which deletes the value that it has just written. ` +
      `Give it back its name, its repository or its service; where it has to move, declare the new place beside the old one, run, then remove the old one. Nothing was changed.`,
  );
}

function typeOf(urn: string): string {
  return urn.split("::")[2]?.split("$").pop() ?? "";
}
