// `rotate plan`: what the next run will do, from a real preview.
import { exits, Failure, UsageError, type Call, type Command } from "../command.ts";
import { digest } from "../digest.ts";
import { planFleet } from "../fleet-plan.ts";
import { inventory, named } from "../secrets.ts";
import { planMarkdown, planText } from "../show-plan.ts";
import { stacksOf } from "../stacks.ts";

export const plan: Command = {
  summary: "what the next run will do: which secrets, why, in which order, at which cost",
  help: `Usage: rotate plan [secret...] [--markdown | --json] [--exit-code] [--stack <name>]
       rotate plan [secret...] --all-parts | --stacks <file> [--at-once <n>] [--full]

Runs a preview with the policy pack and says in people's terms what the next run does: which secrets rotate and why,
old and new date, the order of the steps, who restarts, what consumers notice, the calls to each vendor against its
documented limits, and how long that takes. Changes nothing and shows no value.

  --markdown    the same as Markdown, for a pull request
  --exit-code   end with 3 when the run would rotate or end something
  --all-parts   every part of the application in --stack, side by side, as one plan; a part that is as its last run left
                it, and in which nothing falls due yet, starts no engine (docs/scale.md)
  --stacks      the same for the stacks that a file names, one a line
  --at-once     how many previews may run at a time; default: as many as there are processors
  --full        preview every stack in any case

Exit codes: 0 done, 1 failed (a policy or the program objects), 2 wrong usage, 3 with --exit-code: there is something to do.`,
  options: {
    markdown: { type: "boolean" },
    "exit-code": { type: "boolean" },
    "all-parts": { type: "boolean" },
    stacks: { type: "string" },
    "at-once": { type: "string" },
    full: { type: "boolean" },
  },
  async run(call) {
    const { options, io, engine } = call;
    if (options["json"] && options["markdown"]) throw new UsageError("Give --json or --markdown, not both");
    const stacks = stacksOf(call);
    const many = stacks && (await planFleet(call, stacks));
    const plan = many?.plan ?? digest(await engine.preview(await targetsOf(call)));
    if (options["json"]) io.out(JSON.stringify(plan, undefined, 2));
    else io.out(options["markdown"] ? planMarkdown(plan) : planText(plan));
    if (many) io.say(`${many.previewed} stacks were previewed, ${many.quiet} had nothing due`);
    if (many && many.failed.length > 0)
      throw new Failure(
        `${many.failed.length} of ${stacks.length} stacks could not be previewed; the plan is that of the others.\n${many.failed.map(({ stack, why }) => `${stack}: ${why}`).join("\n")}`,
      );
    const something = plan.secrets.some(({ what }) => what !== "settings changed");
    return options["exit-code"] && something ? exits.attention : exits.ok;
  },
};

async function targetsOf(call: Call): Promise<string[]> {
  const { names, options } = call;
  for (const option of ["at-once", "full"])
    if (options[option] !== undefined)
      throw new UsageError(`--${option} is for many stacks; give --all-parts or --stacks too`);
  return names.length > 0 ? named(call, await inventory(call)) : [];
}
