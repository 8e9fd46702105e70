// `rotate adopt`: a value that is in use already is taken over as it is, with the age that it has.
import { exits, UsageError, type Command } from "../command.ts";
import { digest } from "../digest.ts";
import { adoptFromVault } from "../from-vault.ts";
import { resolve } from "../names.ts";
import { readValue } from "../read-value.ts";
import { inventory } from "../secrets.ts";
import { who } from "../who.ts";

export const adopt: Command = {
  summary: "take over a value that is in use, without rotating it",
  help: `Usage: rotate adopt <secret> --since <date> [--json] [--stack <name>]      the value: typed without echo, or standard input
       rotate adopt --from-vault [secret...] [--json] [--stack <name>]            after the state was lost

Before the first run of a stack: reads the value that is in use (a terminal shows nothing of it; else it comes from
standard input, as in: rotate adopt JWT_SECRET --since 2026-09-01 < file) and stores it, encrypted, in the stack's config.
The first run then asks every consumer to prove that this is the value that it uses, and only then writes it to the
destinations; nobody notices. It rotates when it is due, counted from --since.

  --since <date>   when it was last changed, like 2026-09-01
  --from-vault     everything that the stack does not know and Vault holds, with the generation and date that stand
                   beside each value; what a stack of this name had issued is known again, and ends as ever

What a service has issued (a database login, a vendor's key) stays valid after its first rotation, until you end it: the
stack ends only what it has made.

Exit codes: 0 stored, 1 failed, 2 wrong usage and nothing was stored, 3 with --from-vault: stored, and Vault has no value
of some.`,
  options: { since: { type: "string" }, "from-vault": { type: "boolean" } },
  async run({ engine, io, names, options, ...call }) {
    if (options["from-vault"] && options["since"] !== undefined)
      throw new UsageError("Give --since or --from-vault, not both: Vault knows since when");
    if (options["from-vault"]) return adoptFromVault({ engine, io, names, options, ...call });
    if (names.length !== 1) throw new UsageError("Say which secret: rotate adopt JWT_SECRET --since 2026-09-01");
    const at = dateOf(options["since"], io.now);
    const rows = await inventory({ engine, io, names, options, ...call });
    const planned = digest(await engine.preview([])).secrets.map(({ name }) => name);
    const [name = ""] = resolve(names, [...new Set([...planned, ...rows.map((row) => row.name)])]);
    if (rows.some((row) => row.name === name && row.generation > 0))
      throw new UsageError(`${name} is rotated by this stack already; there is nothing to take over.`);
    const [application = "", secret = ""] = name.split("/");
    const value = await readValue(io.input, io.say);
    await engine.setSecret(`${application}:${secret}`, value);
    await engine.setEntry("adopted", name, { by: who(io.env), at });
    const said = `Stored. The next run takes ${name} over, once every consumer has proven that it uses this value: rotate run`;
    io.out(options["json"] ? JSON.stringify({ stored: name, since: at }) : said);
    return exits.ok;
  },
};

/** @throws UsageError that says what to type */
function dateOf(given: string | boolean | undefined, now: Date): string {
  const like = "--since 2026-09-01, the day on which it was last changed";
  if (typeof given !== "string") throw new UsageError(`--since is missing; give it like: ${like}`);
  const date = /^\d{4}-\d\d-\d\d(T.*)?$/.test(given) ? new Date(given) : new Date(Number.NaN);
  if (Number.isNaN(date.getTime()))
    throw new UsageError(`--since is "${given}", which is no date; give it like: ${like}`);
  if (date > now) throw new UsageError(`--since is "${given}", which is still to come; give it like: ${like}`);
  return date.toISOString().replace(".000Z", "Z");
}
