// `rotate emergency`: a new value now, and the end of the old one; of one secret, or of everything in one run.
import { exits, given, UsageError, type Call, type Command, type Exit } from "../command.ts";
import { firstAsked, force, forcible, isDone, makeable, reasonOf, type Entry } from "../force.ts";
import type { Row } from "../inventory.ts";
import { endOwnTokens } from "../own-tokens.ts";
import { inventory, one } from "../secrets.ts";
import { report, up } from "./run.ts";

const usage = 'rotate emergency --secret JWT_SECRET --reason "laptop stolen"';

export const emergency: Command = {
  summary: "rotate one secret now and end its old value; or everything, in one run",
  help: `Usage: rotate emergency --secret <name> --reason "<what happened>" [--grace] [--json] [--stack <name>]
       rotate emergency --all --reason "<what happened>" [--grace] [--json] [--stack <name>]

Makes a new value at once, outside allowed hours and without notice, hands it out, verifies it, and ends the old value
without grace: sessions that it signed end, an issued credential is revoked with whatever is connected. Who, when and
why are kept in the stack's config (secret-rotation:forced); commit that file where it is under version control.
Typing the same command again after a kill or a failure finishes it and does not rotate twice.

A token that this very run works with ends in a second run, which is given the new one from Vault (VAULT_ADDR,
VAULT_TOKEN); without Vault the next scheduled run ends it.

  --secret   its name, like JWT_SECRET or visapi/JWT_SECRET
  --all      every secret that a program can make, in one run with one restart of each service; what only a person can
             fetch is listed at the end. Constants (a key prefix) stay: they are no secrets
  --reason   what happened, for the record
  --grace    let the old values live for their usual grace periods

A secret that only a person can fetch is refused with the command for it: rotate hand-over.

Exit codes: 0 rotated and verified, 1 failed, 2 wrong usage (nothing was changed), 3 with --all: done, and some wait
for a person.`,
  options: {
    secret: { type: "string" },
    all: { type: "boolean" },
    reason: { type: "string" },
    grace: { type: "boolean" },
  },
  async run(call) {
    const { options } = call;
    if (call.names.length > 0) throw new UsageError(`"${call.names[0]}" is one word too many; type: ${usage}`);
    if (options["all"] && options["secret"] !== undefined) throw new UsageError("Give --secret or --all, not both");
    const typed = options["all"] ? undefined : given(options, "secret", "JWT_SECRET");
    const reason = reasonOf(given(options, "reason", '"laptop stolen"'));
    const rows = await inventory(call);
    return typed === undefined ? everything(call, rows, reason) : single(call, one(rows, typed, usage), reason);
  },
};

async function single(call: Call, row: Row, reason: string): Promise<Exit> {
  const { engine, io, options } = call;
  forcible(row);
  const before = (await engine.config<Entry>("forced"))[row.name];
  const entry = await force(call, row, before, { reason, revoke: options["grace"] !== true });
  if (entry === before)
    io.say(`${row.name}: generation ${entry.generation} was asked for by ${entry.by} at ${entry.at}; this finishes it`);
  else
    io.say(
      `${row.name}: generation ${entry.generation} asked for by ${entry.by}; the old value ${entry.revoke ? "ends with it" : "keeps its grace period"}`,
    );
  const outcome = await up(call, [row.name]);
  await endOwnTokens(call, [row.name]);
  return report(call, outcome, [row.name]);
}

/** One run for all of them: each service restarts once, with all of its new values. */
async function everything(call: Call, rows: Row[], given: string): Promise<Exit> {
  const { engine, io, options } = call;
  const reason = `${given} (everything)`;
  const entries = await engine.config<Entry>("forced");
  const ours = makeable(rows);
  if (ours.length === 0) throw new UsageError("The stack has no secrets yet. Make them with: rotate run");
  const todo = ours.filter((row) => !isDone(row, entries[row.name], reason));
  io.say(`everything: ${todo.length} to rotate, ${ours.length - todo.length} done already`);
  for (const row of todo) await force(call, row, entries[row.name], { reason, revoke: options["grace"] !== true });
  const names = ours.map(({ name }) => name);
  const outcome = await up(call, []);
  await endOwnTokens(call, names);
  await report(call, outcome, names);
  const since = Date.parse(firstAsked(entries, reason) ?? io.now.toISOString());
  const people = rows.filter((row) => row.handedOver && Date.parse(row.rotatedAt) < since);
  for (const { secret } of people) io.say(`for a person: rotate hand-over ${secret}`);
  return people.length > 0 ? exits.attention : exits.ok;
}
