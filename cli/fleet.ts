// Many stacks with one command and one report: the parts of an application, or any list of stacks, side by side.
import { availableParallelism } from "node:os";
import { AuditedEngine } from "./audit.ts";
import { atOneMoment, openStore } from "./backends/store.ts";
import { columns, painter } from "./columns.ts";
import { exits, Failure, UsageError, type Call, type Exit } from "./command.ts";
import { nothingDue } from "./due-index.ts";
import { Engine, type State } from "./engine.ts";
import { readInventory, type Row } from "./inventory.ts";
import { resolve } from "./names.ts";
import type { Outcome } from "./progress.ts";
import { forStack } from "./pulumi.ts";
import { readStateFile } from "./state-file.ts";

/** What became of one stack. */
export interface Ended {
  stack: string;
  /** `nothing due`: no engine was started. */
  what: "run" | "nothing due" | "failed";
  seconds: number;
  touched: string[];
  /** Why it failed. */
  why: string;
  rows: Row[];
}

/** Runs one stack: all of it, or the secrets named. @throws Failure */
export type RunOne = (call: Call, targets: string[]) => Promise<{ outcome: Outcome; rows: Row[] }>;

/**
 * How many stacks are looked at side by side before any engine is started: enough for a backend that is 30 ms away, and
 * not more states in memory than files are quick with (16 at once: half again as much processor time).
 */
const lookingAt = 8;

/** One stack for the engine to look at, with the secrets that were named of it; none for all of them. */
export type Job = [stack: string, targets: string[]];

/**
 * Tells the stacks that the engine has to look at from those in which nothing is due. Names ask for the stacks that have
 * them, and `--full` for the engine in any case.
 */
export async function triage(call: Call, stacks: string[]): Promise<{ quiet: Ended[]; loud: Job[] }> {
  const { names, options } = call;
  // A mistake there is said before anything is asked of the backend.
  widthOf(options["at-once"]);
  const jobs: Job[] = names.length > 0 ? [...(await owners(call, stacks))] : stacks.map((stack) => [stack, []]);
  const [quiet, loud]: [Ended[], Job[]] = [[], []];
  let moment: ReturnType<typeof openStore> | undefined;
  const open: typeof openStore = (env) => (moment ??= openStore(env).then((store) => store && atOneMoment(store)));
  await sideBySide(jobs, lookingAt, async ([stack, targets]) => {
    const ended = targets.length > 0 || options["full"] ? undefined : await quietly(call, stack, open);
    if (ended) quiet.push(ended);
    else loud.push([stack, targets]);
  });
  loud.sort(([one], [other]) => stacks.indexOf(one) - stacks.indexOf(other));
  return { quiet, loud };
}

/** Does the work for each job, as many at a time as `--at-once` says. */
export async function atOnce(
  { options }: Call,
  jobs: readonly Job[],
  work: (job: Job) => Promise<void>,
): Promise<void> {
  const width = widthOf(options["at-once"]);
  // Each run listens for Ctrl-C, to pass it on.
  process.setMaxListeners(Math.max(process.getMaxListeners(), width + 10));
  await sideBySide(jobs, width, work);
}

/** Runs all of them, some at a time; one that fails keeps no other from its run. */
export async function runFleet(call: Call, stacks: string[], one: RunOne): Promise<Exit> {
  const { io, options } = call;
  const began = performance.now();
  const { quiet: ended, loud } = await triage(call, stacks);
  const count = ended.length + loud.length;
  await atOnce(call, loud, async ([stack, targets]) => {
    const result = await runOne(call, stack, targets, one);
    ended.push(result);
    io.say(
      `${stack}: ${result.what === "failed" ? "FAILED" : "done"} in ${result.seconds.toFixed(1)} s (${ended.length} of ${count})`,
    );
  });
  ended.sort((a, b) => stacks.indexOf(a.stack) - stacks.indexOf(b.stack));
  const seconds = (performance.now() - began) / 1000;
  if (options["json"])
    io.out(
      JSON.stringify(
        { seconds, stacks: ended.map(({ rows, ...rest }) => ({ ...rest, secrets: rows.length })) },
        undefined,
        2,
      ),
    );
  else io.out(report(ended, seconds, io.colour));
  return ended.some(({ what }) => what === "failed") ? exits.failed : exits.ok;
}

/** Does the work for each of them, so many at a time, in their order. */
async function sideBySide<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const next = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, next));
}

/** A stack in which nothing is due; undefined when the engine has to look. */
async function quietly({ io }: Call, stack: string, open: typeof openStore): Promise<Ended | undefined> {
  const began = performance.now();
  const quiet = await nothingDue(forStack(io.env, stack), stack, io.now, open);
  if (!quiet) return undefined;
  const seconds = (performance.now() - began) / 1000;
  return { stack, what: "nothing due", seconds, touched: [], why: "", rows: readInventory(quiet.state, io.now) };
}

/** The call as it is for one stack of many: what it says begins with the stack's name. */
export function callOf(call: Call, [stack, targets]: Job): Call {
  const say = (text: string): void => call.io.say(`${stack}: ${text}`);
  const io = { ...call.io, say, rewrite: undefined, env: sparing(call.io.env) };
  return { ...call, io, engine: new AuditedEngine(io, stack), names: targets };
}

async function runOne(call: Call, stack: string, targets: string[], one: RunOne): Promise<Ended> {
  const began = performance.now();
  const end = (what: Ended["what"], rest: Partial<Ended>): Ended => ({
    ...{ stack, what, touched: [], why: "", rows: [] },
    ...rest,
    seconds: (performance.now() - began) / 1000,
  });
  try {
    const { outcome, rows } = await one(callOf(call, [stack, targets]), targets);
    return end("run", { touched: outcome.touched, rows });
  } catch (error) {
    // Of a mistake on the command line, the others would make the same.
    if (!(error instanceof Failure || error instanceof UsageError)) throw error;
    return end("failed", { why: error.message });
  }
}

/**
 * Every run starts half a dozen Node processes. Each takes up to 48 MiB for objects that hardly live, and 8 MiB for heaps
 * that glibc's malloc keeps for each of its threads (mallopt(3), M_ARENA_MAX); side by side that is most of their memory
 * (bench/fleet.ts). What the environment says already is left as it is.
 */
function sparing(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const given = env["NODE_OPTIONS"] ?? "";
  const options = given.includes("semi-space") ? given : `${given} --max-semi-space-size=1`.trim();
  return { MALLOC_ARENA_MAX: "1", ...env, NODE_OPTIONS: options };
}

/** Which stack has which of the secrets that were named. @throws UsageError for a name that none has */
async function owners(call: Call, stacks: string[]): Promise<Map<string, string[]>> {
  const states = new Map<string, State>();
  await sideBySide(stacks, lookingAt, async (stack) => {
    const read = await readStateFile(forStack(call.io.env, stack), stack);
    if (read) states.set(stack, read.state);
  });
  const unread = stacks.filter((stack) => !states.has(stack));
  await sideBySide(unread, widthOf(call.options["at-once"]), async (stack) => {
    states.set(stack, await new Engine(call.io.env, stack, call.io.say).state());
  });
  const held = new Map<string, string>();
  for (const stack of stacks)
    for (const { name } of readInventory(states.get(stack) as State, call.io.now)) held.set(name, stack);
  const found = new Map<string, string[]>();
  for (const name of resolve(call.names, [...held.keys()])) {
    const stack = held.get(name) as string;
    found.set(stack, [...(found.get(stack) ?? []), name]);
  }
  return found;
}

function widthOf(option: string | boolean | undefined): number {
  if (option === undefined) return availableParallelism();
  const width = Number(option);
  if (!Number.isInteger(width) || width < 1 || width > 64)
    throw new UsageError(`--at-once is "${String(option)}"; give how many stacks may run at a time, from 1 to 64`);
  return width;
}

function report(ended: Ended[], seconds: number, colour: boolean): string {
  const paint = painter(colour);
  const all = ended.flatMap(({ rows }) => rows);
  const table = columns(
    ["stack", "secrets", "rotated or mended", "seconds", "result"],
    ended.map(({ stack, what, seconds: each, touched, rows }) => [
      stack,
      what === "failed" ? "" : String(rows.length),
      String(touched.length),
      each.toFixed(1),
      paint(what === "failed" ? "bad" : "good", what === "run" ? "done and verified" : what),
    ]),
  );
  const failed = ended.filter(({ what }) => what === "failed");
  const quiet = ended.filter(({ what }) => what === "nothing due").length;
  const touched = ended.reduce((sum, each) => sum + each.touched.length, 0);
  return [
    table,
    "",
    `${all.length} secrets in ${ended.length} stacks: ${touched} rotated or mended, ${quiet} stacks had nothing due, ${failed.length} failed; ${seconds.toFixed(1)} s`,
    ...failed.map(({ stack, why }) => `\n${stack}: ${why}`),
  ].join("\n");
}
