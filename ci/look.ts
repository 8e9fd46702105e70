// Previews stacks for people, without an effect.
//   ci/look.ts --stack production              the plan as a summary; output `approval`: whether anything rotates
//   ci/look.ts --stacks "staging production"   in a pull request: one comment with the plans, edited in place
import type { Preview } from "../cli/digest.ts";
import { Engine } from "../cli/engine.ts";
import { putComment } from "./comment.ts";
import { addSummary, onGithub, readContext, readEvent, readOptions, script, setOutput } from "./context.ts";
import { Repository } from "./github.ts";
import { rotations, stackPlan } from "./plan.ts";
import { refuseReplacements } from "./refuse-replacements.ts";

const say = (text: string): void => void process.stderr.write(`${text}\n`);

interface Pull {
  number?: number;
  head?: { repo?: { full_name?: string } | null };
}

async function main(): Promise<number> {
  const { env } = process;
  const { stack, stacks = stack ?? "" } = readOptions(process.argv.slice(2), ["stack", "stacks"]);
  const pull = readEvent(env)["pull_request"] as Pull | undefined;
  const sections: string[] = [];
  const rotating: string[] = [];
  let failed = "";
  for (const name of stacks.split(/\s+/).filter((each) => each !== "")) {
    try {
      const preview = (await new Engine(env, name, say).preview([])) as Preview;
      sections.push(`${stackPlan(name, preview)}\n\n${approvalLine(name, rotations(preview))}`);
      rotating.push(...rotations(preview));
      refuseReplacements(preview.steps ?? []);
    } catch (error) {
      failed ||= (error as Error).message;
      sections.push(`### Secret rotation: ${name}\n\n**Refused**\n\n${quoted((error as Error).message)}`);
    }
  }
  const markdown = sections.join("\n\n");
  addSummary(env, markdown);
  setOutput(env, "approval", String(rotating.length > 0));
  setOutput(env, "rotates", rotating.join(", "));
  if (pull?.number && onGithub(env)) {
    const done = await putComment(new Repository(readContext(env)), pull.number, "plan", markdown);
    say(`The comment on #${pull.number} was ${done}.`);
  }
  if (failed) throw new Error(failed);
  return 0;
}

function approvalLine(stack: string, secrets: string[]): string {
  if (secrets.length === 0) return "Approvals: none, since no secret rotates.";
  return stack.split("/").pop() === "production"
    ? "Approvals: two different people in the run itself, one for operations and one for security, neither of them the one who asked."
    : "Approvals: none in this stack beyond the review of this change.";
}

function quoted(text: string): string {
  return text
    .split("\n")
    .map((line) => `> ${line}`)
    .join("\n");
}

await script(main);
