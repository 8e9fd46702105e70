// `rotate emergency`: a new value now, and the end of the old one.
import { given, UsageError, type Command } from "../command.ts";
import { force, forcible, reasonOf, type Entry } from "../force.ts";
import { inventory, one } from "../secrets.ts";
import { report, up } from "./run.ts";

export const emergency: Command = {
  summary: "rotate one secret now and end its old value",
  help: `Usage: rotate emergency --secret <name> --reason "<what happened>" [--grace] [--json] [--stack <name>]

Makes a new value at once, outside allowed hours and without notice, hands it out, verifies it, and ends the old value
without grace: sessions that it signed end, an issued credential is revoked with whatever is connected. Who, when and
why are kept in the stack's config (secret-rotation:forced); commit that file where it is under version control.
Typing the same command again after a kill or a failure finishes it and does not rotate twice.

  --secret   its name, like JWT_SECRET or visapi/JWT_SECRET
  --reason   what happened, for the record
  --grace    let the old value live for its usual grace period

A secret that only a person can fetch is refused with the command for it: rotate hand-over.

Exit codes: 0 rotated and verified, 1 failed, 2 wrong usage (nothing was changed).`,
  options: { secret: { type: "string" }, reason: { type: "string" }, grace: { type: "boolean" } },
  async run(call) {
    const { engine, io, options } = call;
    const usage = 'rotate emergency --secret JWT_SECRET --reason "laptop stolen"';
    if (call.names.length > 0) throw new UsageError(`"${call.names[0]}" is one word too many; type: ${usage}`);
    const typed = given(options, "secret", "JWT_SECRET");
    const reason = reasonOf(given(options, "reason", '"laptop stolen"'));
    const row = one(await inventory(call), typed, usage);
    forcible(row);
    const before = (await engine.config<Entry>("forced"))[row.name];
    const entry = await force(call, row, before, { reason, revoke: options["grace"] !== true });
    if (entry === before)
      io.say(
        `${row.name}: generation ${entry.generation} was asked for by ${entry.by} at ${entry.at}; this finishes it`,
      );
    else
      io.say(
        `${row.name}: generation ${entry.generation} asked for by ${entry.by}; the old value ${entry.revoke ? "ends with it" : "keeps its grace period"}`,
      );
    return report(call, await up(call, [row.name]), [row.name]);
  },
};
