// `rotate plan`: what the next run will do, from a real preview.
import { exits, UsageError, type Command } from "../command.ts";
import { digest } from "../digest.ts";
import { inventory, named } from "../secrets.ts";
import { planMarkdown, planText } from "../show-plan.ts";

export const plan: Command = {
  summary: "what the next run will do: which secrets, why, in which order, at which cost",
  help: `Usage: rotate plan [secret...] [--markdown | --json] [--exit-code] [--stack <name>]

Runs a preview with the policy pack and says in people's terms what the next run does: which secrets rotate and why,
old and new date, the order of the steps, who restarts, what consumers notice, the calls to each vendor against its
documented limits, and how long that takes. Changes nothing and shows no value.

  --markdown    the same as Markdown, for a pull request
  --exit-code   end with 3 when the run would rotate or end something

Exit codes: 0 done, 1 failed (a policy or the program objects), 2 wrong usage, 3 with --exit-code: there is something to do.`,
  options: { markdown: { type: "boolean" }, "exit-code": { type: "boolean" } },
  async run(call) {
    const { options, io, engine } = call;
    if (options["json"] && options["markdown"]) throw new UsageError("Give --json or --markdown, not both");
    const targets = call.names.length > 0 ? await named(call, await inventory(call)) : [];
    const plan = digest(await engine.preview(targets));
    if (options["json"]) io.out(JSON.stringify(plan, undefined, 2));
    else io.out(options["markdown"] ? planMarkdown(plan) : planText(plan));
    const something = plan.secrets.some(({ what }) => what !== "settings changed");
    return options["exit-code"] && something ? exits.attention : exits.ok;
  },
};
