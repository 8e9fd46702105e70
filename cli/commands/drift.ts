// `rotate drift`: what was changed or deleted behind our back, and putting it back.
import type { AuditEntry, AuditEvent } from "../../provider/audit/record.ts";
import { Settings } from "../../provider/settings.ts";
import { openAudit } from "../audit.ts";
import { columns } from "../columns.ts";
import { exits, type Call, type Command, type Exit } from "../command.ts";
import { findDrift, noted, restoreInVault, takeNote, type Drifted, type Noted } from "../drift.ts";
import { Engine, type State } from "../engine.ts";
import { betweenStacks, withinVercel, type Difference } from "../environments.ts";
import { readInventory } from "../inventory.ts";
import { named } from "../secrets.ts";
import { up } from "./run.ts";

export const drift: Command = {
  summary: "what was changed or deleted at a destination behind our back; --push puts it back",
  help: `Usage: rotate drift [secret...] [--push] [--against <stack>] [--json] [--stack <name>]

Asks every destination whether it holds what the stack wrote: Render by the value, Kubernetes by our keys, Vault by the
version, GitHub and Vercel by the time of the last change, which is all they tell. What has drifted is named, recorded in
the audit trail, and shown as \`drifted\` by \`rotate status\` until it is pushed. No value is shown. It also lists, by
name, variables that one environment has and another has not: a Vercel project's production and preview, and with
--against the services of another stack.

  --push       write what has drifted again: the same value, no rotation unless it is due; services restart once. Vault:
               the version that was ours becomes the newest
  --against    another stack, like staging

Exit codes: 0 nothing has drifted (or it was pushed), 1 failed, 2 wrong usage, 3 something has drifted.`,
  options: { push: { type: "boolean" }, against: { type: "string" } },
  async run(call) {
    const { engine, io, options } = call;
    const state = await engine.state();
    const targets = call.names.length > 0 ? await named(call, readInventory(state, io.now)) : [];
    io.say("asking every destination");
    const settings = new Settings();
    settings.configure(await engine.values("rotation"));
    const vault = settings.get("vaultAddress") && settings.get("vaultToken") ? settings.vault() : undefined;
    const found = await findDrift(engine, state, targets, vault);
    await remember(call, state, targets, found, "drifted");
    if (options["push"] && found.length > 0) return push(call, state, targets, found);
    const differences = await compare(call, state);
    if (options["json"]) io.out(JSON.stringify({ drifted: found.map(shown), differences }, undefined, 2));
    else io.out([table(found), ...differences.map(line)].join("\n"));
    return found.length > 0 ? exits.attention : exits.ok;
  },
};

async function push(call: Call, state: State, targets: string[], found: Drifted[]): Promise<Exit> {
  const { engine, io, options } = call;
  const inVault = state.resources.filter(
    ({ urn, type }) => type === "vault:kv/secretV2:SecretV2" && found.some((each) => each.urn === urn),
  );
  const settings = new Settings();
  settings.configure(await engine.values("rotation"));
  for (const resource of inVault) await restoreInVault(settings.vault(), resource);
  await takeNote(engine, found);
  const secrets = [...new Set(found.map(({ secret }) => secret))];
  await up(call, secrets);
  const left = await findDrift(
    engine,
    await engine.state(),
    secrets,
    inVault.length > 0 ? settings.vault() : undefined,
  );
  const pushed = found.filter(({ urn }) => !left.some((each) => each.urn === urn));
  await remember(call, state, targets, left, "drifted", false);
  await tell(call, state, pushed, "pushed");
  if (options["json"]) io.out(JSON.stringify({ pushed: pushed.map(shown), drifted: left.map(shown) }, undefined, 2));
  else
    io.out(
      [
        ...pushed.map(({ resource, place }) => `${resource}: ${place} holds it again`),
        ...(left.length ? [table(left)] : []),
      ].join("\n"),
    );
  return left.length > 0 ? exits.attention : exits.ok;
}

/** Keeps what was found for `rotate status`, and forgets what is well again. @param record whether it is news */
async function remember(
  call: Call,
  state: State,
  targets: string[],
  found: Drifted[],
  event: AuditEvent,
  record = true,
): Promise<void> {
  const { engine, io } = call;
  const before = await engine.config<Noted>("drifted");
  const now = noted(found, io.now.toISOString());
  for (const [secret, { what, at }] of now)
    if (before[secret]?.what !== what) await engine.setEntry("drifted", secret, { what, at });
  const well = Object.keys(before).filter(
    (secret) => !now.has(secret) && (targets.length === 0 || targets.includes(secret)),
  );
  for (const secret of well) await engine.removeEntry("drifted", secret);
  const news = found.filter(({ secret }) => before[secret]?.what !== now.get(secret)?.what);
  if (record) await tell(call, state, news, event);
}

async function tell({ engine, io }: Call, state: State, about: Drifted[], event: AuditEvent): Promise<void> {
  const audit = about.length > 0 ? await openAudit(engine, io, state) : undefined;
  await audit?.record(
    about.map(({ secret, resource, place, what }): AuditEntry => ({
      ...{ event, secret, resource, key: io.now.toISOString(), destinations: [place] },
      detail: event === "pushed" ? "written again" : what,
    })),
  );
}

async function compare({ engine, io, options }: Call, state: State): Promise<Difference[]> {
  const against = options["against"];
  const within = await withinVercel(state, io.env);
  if (typeof against !== "string") return within;
  const other = await new Engine(io.env, against, io.say).state();
  const [, name = "this stack"] = (await engine.stackName()).split("/");
  return [
    ...within,
    ...(await betweenStacks(
      [
        { name, state },
        { name: against, state: other },
      ],
      io.env,
    )),
  ];
}

function shown({ secret, resource, place, what }: Drifted): object {
  return { secret, resource, place, what };
}

function table(found: Drifted[]): string {
  if (found.length === 0) return "Every destination holds what the stack wrote.";
  const rows = found.map(({ secret, place, resource, what }) => [secret, place, resource.split("/").pop() ?? "", what]);
  return `${columns(["secret", "where", "part", "what"], rows)}\n\nTo write them again: rotate drift --push`;
}

function line({ place, has, lacks, names }: Difference): string {
  return `${place}: in ${has} and not in ${lacks}: ${names.join(", ")}`;
}
