// `rotate hand-over`: a person fetches a value, it is proven at its vendor, and only then stored and handed out.
import { keptVersion } from "../../provider/vendors/vault-versions.ts";
import { entryOf } from "../earlier.ts";
import { exits, Failure, UsageError, type Call, type Command, type Exit } from "../command.ts";
import { guideFor, guides } from "../hand-overs/index.ts";
import type { Guide } from "../hand-overs/guide.ts";
import { nameOf, secretOf, type Row } from "../inventory.ts";
import { resolve } from "../names.ts";
import { readValue } from "../read-value.ts";
import { inventory } from "../secrets.ts";
import { who } from "../who.ts";
import { report, up } from "./run.ts";

export const handOver: Command = {
  summary: "bring a value that only a person can fetch: prove it, store it, hand it out",
  help: `Usage: rotate hand-over <secret> [--json] [--stack <name>]           the value: typed without echo, or standard input
       rotate hand-over <secret> --steps | --check-old

Shows what to do at the vendor, reads the new value (a terminal shows nothing of it; else it comes from standard input,
as in: rotate hand-over SLACK_BOT_TOKEN < file), proves it against the vendor's own check endpoint, and only then stores
it: encrypted in the stack's config, then in Vault and every destination, which restart and prove that they use it.
At last it says how to end the old value. A value that the vendor refuses is stored nowhere.

  --steps      only show the steps
  --check-old  ask the vendor whether the previous value, which Vault still keeps, is dead

Secrets with a guide: ${[...guides.keys()].map((name) => name.replace(/^.*\//, "")).join(", ")}

Exit codes: 0 done (or, with --check-old: dead), 1 failed or refused, 2 wrong usage, 3 with --check-old: still alive, or
nobody can tell.`,
  options: { steps: { type: "boolean" }, "check-old": { type: "boolean" } },
  async run(call) {
    const { options, io, names } = call;
    if (names.length !== 1) throw new UsageError("Say which secret: rotate hand-over SLACK_BOT_TOKEN");
    const rows = await inventory(call);
    const [name = ""] = resolve(names, [...new Set([...rows.map((row) => row.name), ...guides.keys()])]);
    const row = rows.find((each) => each.name === name);
    if (row && !row.handedOver)
      throw new UsageError(
        `${name} is ${row.handling}: the stack makes it by itself. To have a new one now: rotate emergency --secret ${row.secret} --reason "..."`,
      );
    const guide = guideFor(name);
    if (options["steps"]) {
      io.out(options["json"] ? JSON.stringify(shown(guide), undefined, 2) : steps(guide).join("\n"));
      return exits.ok;
    }
    return options["check-old"] ? checkOld(call, guide, row) : bring(call, guide, row);
  },
};

async function bring(call: Call, guide: Guide, row: Row | undefined): Promise<Exit> {
  const { io, engine } = call;
  const [application = "", secret = ""] = guide.name.split("/");
  for (const line of steps(guide)) io.say(line);
  const value = await readValue(io.input, io.say);
  if (!guide.shape.test(value))
    throw new Failure(`That does not look like ${guide.name}, which looks like ${guide.like}. Nothing was stored.`);
  if (row && (await kept(call, row, row.generation)) === value)
    throw new Failure(`That is the value of ${guide.name} that is in use already. Nothing was stored.`);
  const { verdict, said } = await asked(guide, call, value, false);
  if (verdict === "refused") throw new Failure(`${said}. Nothing was stored; what is in use stays as it is.`);
  io.say(`${verdict === "accepted" ? "proven" : "not proven"}: ${said}`);

  interface Entry {
    generation: number;
  }
  const before = (await engine.config<Entry>("handedOver"))[guide.name]?.generation ?? 0;
  const generation = Math.max(before, row?.forced ?? 0) + 1;
  await engine.setSecret(`${application}:${secret}`, value);
  await engine.setEntry("handedOver", guide.name, { generation, by: who(io.env), at: io.now.toISOString() });
  if (!row) {
    const stored = `Stored. The stack has no ${guide.name} yet: rotate run hands it out, with everything else that is new or due.`;
    io.out(call.options["json"] ? JSON.stringify({ stored: guide.name }) : stored);
    return exits.ok;
  }
  const exit = await report(call, await up(call, [guide.name]), [guide.name]);
  io.say(
    [
      "",
      "Left for you:",
      ...guide.ending.map((line) => `  ${line}`),
      `Then type: rotate hand-over ${secret} --check-old`,
    ].join("\n"),
  );
  return exit;
}

async function checkOld(call: Call, guide: Guide, row: Row | undefined): Promise<Exit> {
  const { io, options } = call;
  if (!row || row.generation < 2)
    throw new UsageError(`${guide.name} has had one value only: there is no old one to check.`);
  const old = await kept(call, row, row.generation - 1);
  if (old === undefined)
    throw new Failure("Vault keeps no previous value that could be checked. Set VAULT_ADDR and VAULT_TOKEN.");
  const { verdict, said } = await asked(guide, call, old, true);
  const state = verdict === "refused" ? "dead" : verdict === "accepted" ? "alive" : "unknown";
  const words = {
    dead: `The previous value of ${guide.name} is dead: ${said}.`,
    alive: [`The previous value of ${guide.name} still works: ${said}.`, ...guide.ending].join("\n  "),
    unknown: `Whether the previous value of ${guide.name} is dead cannot be told: ${said}.`,
  };
  io.out(options["json"] ? JSON.stringify({ secret: guide.name, previous: state }) : words[state]);
  return state === "dead" ? exits.ok : exits.attention;
}

/** Vault's word for a generation; undefined where Vault cannot be asked or keeps none. */
async function kept({ io, engine }: Call, row: Row, generation: number): Promise<string | undefined> {
  const { VAULT_ADDR: address, VAULT_TOKEN: token } = io.env;
  const entry = entryOf((await engine.state()).resources.filter(({ urn }) => secretOf(nameOf(urn)) === row.name));
  if (!address || !token || !entry) return undefined;
  try {
    return (await keptVersion({ address, token, ...entry }, generation)).value;
  } catch {
    return undefined;
  }
}

async function asked(guide: Guide, { io }: Call, value: string, quiet: boolean) {
  try {
    return await guide.check(value, io.env, quiet);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new Failure(`${(error as Error).message.replaceAll(value, "[secret]")} Nothing was stored.`);
  }
}

function steps(guide: Guide): string[] {
  return [
    `${guide.name}, from ${guide.vendor}`,
    ...(guide.instead ? ["", ...guide.instead, "", "Or, with a token:"] : []),
    ...guide.steps.map((step, at) => `  ${at + 1}. ${step}`),
  ];
}

function shown({ name, vendor, steps, ending, instead = [] }: Guide): object {
  return { name, vendor, steps, ending, instead };
}
