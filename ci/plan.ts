// What a preview says about a run before anybody approves it.
import { digest, type Preview, type PreviewStep } from "../cli/digest.ts";
import { nameOf, secretOf } from "../cli/inventory.ts";
import { planMarkdown } from "../cli/show-plan.ts";

/** Steps that make a value: what a person has to approve in production. */
const makes = /^(random|tls|time):|^rotation:index:(Schedule|Overlap|Credential|KeySet)/;
const silent = new Set(["same", "read", "refresh"]);

/**
 * Secrets that a run rotates, makes or removes. Everything else (an announcement, the end of a grace period, what an
 * approved run left unfinished) needs no approval of its own.
 */
export function rotations(preview: Preview): string[] {
  const found = (preview.steps ?? []).filter((step) => !silent.has(step.op) && changesValue(step));
  return [...new Set(found.flatMap(({ urn }) => secretOf(nameOf(urn)) ?? []))];
}

function changesValue({ op, urn, oldState, newState }: PreviewStep): boolean {
  const type = urn.split("::")[2]?.split("$").pop() ?? "";
  if (!makes.test(type)) return false;
  if (op !== "update") return true;
  const [old = {}, next = {}] = [oldState?.inputs, newState?.inputs];
  return ["window", "generation", "forced"].some((name) => old[name] !== next[name]);
}

/** The plan for people, with a heading for its stack. */
export function stackPlan(stack: string, preview: Preview): string {
  return planMarkdown(digest(preview)).replace(/^### Secret rotation/, `### Secret rotation: ${stack}`);
}
