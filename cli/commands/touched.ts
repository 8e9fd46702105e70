// `rotate touched`: a service was broken into. Everything that it has held gets a new value, risk first.
import { setTimeout as sleep } from "node:timers/promises";
import { exits, Failure, given, UsageError, type Call, type Command } from "../command.ts";
import { firstAsked, force, isConstant, isDone, reasonOf, type Entry } from "../force.ts";
import { nameOf, secretOf, type Row } from "../inventory.ts";
import { about, callsByKind, callsByRollout, callsByType, Pace, type LimitClass } from "../limits.ts";
import { endOwnTokens } from "../own-tokens.ts";
import { inventory } from "../secrets.ts";
import { columns } from "../columns.ts";
import { nearest } from "../names.ts";
import { up } from "./run.ts";

export const touched: Command = {
  summary: "a service was broken into: rotate everything that it has held, risk first",
  help: `Usage: rotate touched <service> --reason "<what happened>" [--list] [--grace] [--json] [--stack <name>]

Rotates, one after another and CRITICAL first, every secret that the service holds or issues: vercel, render, github,
vault, or one place such as vercel:frontend. Each is handed out, verified, and its old value ended as by
\`rotate emergency\`. Calls are spread so that no vendor's documented limit is passed. A secret that fails does not keep
the others waiting. Typing the same command with the same --reason again goes on where it stopped: what is done stays
done, and nothing rotates twice. Secrets that only a person can fetch are listed at the end.

  --list     show what it would do, in order, and change nothing
  --grace    let the old values live for their usual grace periods

Exit codes: 0 all are rotated and verified, 1 at least one failed, 2 wrong usage, 3 done, but some wait for a person.`,
  options: { reason: { type: "string" }, list: { type: "boolean" }, grace: { type: "boolean" } },
  async run(call) {
    const { io, options, engine, names } = call;
    const [service] = names;
    if (!service || names.length > 1)
      throw new UsageError('Say which service: rotate touched vercel --reason "breach notice of 3 May"');
    const reason = `${reasonOf(given(options, "reason", '"breach notice of 3 May"'))} (touched ${service})`;
    const state = await engine.state();
    const rows = held(await inventory(call), state.resources, service);
    const entries = await engine.config<Entry>("forced");
    const people = rows.filter(({ handedOver }) => handedOver);
    const ours = rows.filter((row) => !row.handedOver && !isConstant(row));
    const todo = ours.filter((row) => !isDone(row, entries[row.name], reason));
    const done = ours.filter((row) => !todo.includes(row));
    if (options["list"]) return list(call, rows, todo, service);

    io.say(
      `${service} holds ${count(rows.length)}: ${todo.length} to rotate, ${done.length} done already, ${people.length} for a person`,
    );
    const pace = new Pace();
    const failed: { name: string; why: string }[] = [];
    for (const [at, row] of todo.entries()) {
      await slowly(call, pace, callsOf(state.resources, row.name));
      io.say(`${at + 1} of ${todo.length}: ${row.name} (${row.class})`);
      try {
        await force(call, row, entries[row.name], { reason, revoke: options["grace"] !== true });
        await up(call, [row.name]);
        await endOwnTokens(call, [row.name]);
        done.push(row);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        failed.push({ name: row.name, why: error.message });
        io.say(error.message);
      }
    }
    const open = people.filter(
      (row) => Date.parse(row.rotatedAt) < Date.parse(firstAsked(entries, reason) ?? io.now.toISOString()),
    );
    if (options["json"])
      io.out(
        JSON.stringify(
          { rotated: done.map(({ name }) => name), failed, people: open.map(({ name }) => name) },
          undefined,
          2,
        ),
      );
    else
      io.out(
        [
          `${done.length} of ${ours.length} rotated and verified`,
          ...failed.map(({ name }) => `  failed: ${name}; type the same command again once its cause is mended`),
          ...open.map(({ secret }) => `  for a person: rotate hand-over ${secret}`),
        ].join("\n"),
      );
    return failed.length > 0 ? exits.failed : open.length > 0 ? exits.attention : exits.ok;
  },
};

/** Everything that a service holds a copy of, or issues. @throws UsageError with the services that there are */
function held(rows: Row[], resources: Resources, service: string): Row[] {
  const issuers = new Map(
    resources
      .filter(({ type }) => type === "rotation:index:Credential")
      .map(({ urn, inputs }) => [secretOf(nameOf(urn)), typeof inputs?.["kind"] === "string" ? inputs["kind"] : ""]),
  );
  const holds = ({ name, destinations }: Row): boolean =>
    destinations.some((label) => label === service || label.startsWith(`${service}:`)) ||
    (issuers.get(name) ?? "").startsWith(`${service}-`);
  const found = rows.filter(holds);
  if (found.length > 0) return found;
  const places = [
    ...new Set(rows.flatMap(({ destinations }) => destinations.flatMap((label) => [label.split(":")[0] ?? "", label]))),
  ];
  const [near] = nearest(service, places);
  throw new UsageError(
    `No secret is held by "${service}"${near ? `; did you mean ${near}?` : `; there are ${places.sort().join(", ")}`} Nothing was changed.`,
  );
}

type Resources = Awaited<ReturnType<Call["engine"]["state"]>>["resources"];

function count(secrets: number): string {
  return `${secrets} secret${secrets === 1 ? "" : "s"}`;
}

function callsOf(resources: Resources, name: string): Map<LimitClass, number> {
  const calls = new Map<LimitClass, number>();
  const add = (limit: LimitClass, count: number): void => void calls.set(limit, (calls.get(limit) ?? 0) + count);
  for (const { type, inputs } of resources.filter(({ urn }) => secretOf(nameOf(urn)) === name)) {
    for (const [limit, count] of Object.entries(callsByType[type] ?? {})) add(limit as LimitClass, count);
    const rollout = callsByRollout[type];
    if (rollout) add(rollout.limit, 1);
    const issued = type === "rotation:index:Credential" ? callsByKind[String(inputs?.["kind"])] : undefined;
    if (issued) add(issued.limit, issued.made + issued.ended);
    // That it begins, and that it is done.
    if (type === "rotation:index:Precheck" || type === "rotation:index:Verification") add("slack", 1);
  }
  return calls;
}

async function slowly({ io }: Call, pace: Pace, calls: Map<LimitClass, number>): Promise<void> {
  const { wait, vendor } = pace.take(calls, Date.now());
  if (wait <= 0) return;
  io.say(`waiting ${about(wait / 1000)} for the limit of ${vendor}`);
  await sleep(wait);
}

function list({ io, options }: Call, rows: Row[], todo: Row[], service: string) {
  const what = (row: Row): string =>
    row.handedOver
      ? "a person fetches it"
      : isConstant(row)
        ? "kept: a constant"
        : todo.includes(row)
          ? "rotate now"
          : "done already";
  if (options["json"])
    io.out(
      JSON.stringify(
        rows.map((row) => ({ name: row.name, class: row.class, what: what(row) })),
        undefined,
        2,
      ),
    );
  else
    io.out(
      `${service} holds, risk first\n\n${columns(
        ["secret", "class", "what", "where"],
        rows.map((row) => [row.name, row.class, what(row), row.destinations.join(" ")]),
      )}`,
    );
  return exits.ok;
}
