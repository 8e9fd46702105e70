// What tells one rotation of a secret from the next, and whether a step of its verification is the end of one.

export const rotation = ["window", "forced", "restored"];

/**
 * Whether a step of a verification is the end of a rotation or of a return to an earlier value, and not only another
 * look, as behind the end of a grace period.
 * @param inputs of the verification
 * @param old its inputs before; undefined at its creation
 */
export function finished(
  inputs: Readonly<Record<string, unknown>>,
  old: Readonly<Record<string, unknown>> | undefined,
): "after" | "restored" | undefined {
  if (old && rotation.every((key) => inputs[key] === old[key])) return undefined;
  return old && (inputs["restored"] ?? "") !== (old["restored"] ?? "") && old["window"] === inputs["window"]
    ? "restored"
    : "after";
}
