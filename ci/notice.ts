// Tells people what will rotate, at least 24 hours ahead.
//   ci/notice.ts --stack production
// The state says when each secret is due and since when it is announced; the rule is provider/schedule/decide.ts.
import { Engine, type State } from "../cli/engine.ts";
import { nameOf, secretOf } from "../cli/inventory.ts";
import { send } from "../provider/notify/send.ts";
import { Settings } from "../provider/settings.ts";
import { addSummary, CiError, readOptions, script, setOutput } from "./context.ts";

const hour = 3_600_000;
/** When the scheduled run of rotate.yml begins, in minutes after midnight UTC. */
const nightly = 2 * 60 + 17;

export interface Coming {
  secret: string;
  class: string;
  owner: string;
  /** RFC 3339. */
  dueAt: string;
  /** RFC 3339: the first scheduled run that may rotate it. */
  at: string;
}

/**
 * What the scheduled runs rotate within `ahead` hours, earliest first.
 * @param ahead hours; @default 48: two scheduled runs, whatever minute this is asked in
 */
export function coming(state: State, now: Date, ahead = 48): Coming[] {
  const found = state.resources.flatMap(({ urn, type, inputs = {} }): Coming[] => {
    if (type !== "rotation:index:Schedule" || inputs["onRequest"] === true) return [];
    const [due, lead] = [Date.parse(text(inputs["dueAt"])), Number(inputs["leadHours"] ?? 24) * hour];
    const notice = Number(inputs["noticeHours"] ?? 0) * hour;
    const announced =
      typeof inputs["announced"] === "string" ? Date.parse(inputs["announced"]) : nextRun(now.getTime());
    const earliest = Math.max(due - lead, notice ? announced + notice : 0, now.getTime());
    const at = nextRun(earliest);
    if (at > now.getTime() + ahead * hour) return [];
    const secret = secretOf(nameOf(urn)) ?? nameOf(urn);
    return [
      { secret, class: text(inputs["class"]), owner: text(inputs["owner"]), dueAt: text(inputs["dueAt"]), at: iso(at) },
    ];
  });
  return found.sort((a, b) => a.at.localeCompare(b.at) || a.secret.localeCompare(b.secret));
}

/** The first scheduled run at or after a moment. */
function nextRun(from: number): number {
  const midnight = Math.floor(from / (24 * hour)) * 24 * hour;
  const today = midnight + nightly * 60_000;
  return today >= from ? today : today + 24 * hour;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function iso(at: number): string {
  return new Date(at).toISOString().replace(/:\d\d\.000Z$/, "Z");
}

async function main(): Promise<void> {
  const { env } = process;
  const { stack } = readOptions(process.argv.slice(2), ["stack"]);
  if (!stack) throw new CiError("Say which stack: --stack production");
  const now = new Date(env["ROTATION_NOW"] ?? Date.now());
  const list = coming(await new Engine(env, stack, () => undefined).state(), now);
  setOutput(env, "coming", list.map(({ secret }) => secret).join(", "));
  if (list.length === 0) return addSummary(env, `Nothing rotates in ${stack} within two days.`);
  const lines = list.map(({ secret, owner, dueAt, at }) => `${at}: ${secret} (due ${dueAt.slice(0, 10)}; ${owner})`);
  addSummary(env, [`### Coming rotations: ${stack}`, "", ...lines.map((line) => `- ${line}`)].join("\n"));
  // Its channels and routes come by the environment: this runs beside the stack, not in it.
  const settings = new Settings();
  settings.configure({});
  const contacts = settings.contacts();
  if (!contacts.slackWebhookUrl && !contacts.smtpUrl)
    throw new CiError("SLACK_WEBHOOK_URL is not set, so nobody was told. Put it in Vault's entry for CI.");
  const environment = stack.split("/").pop() ?? stack;
  const told = list.map(({ secret, class: level }, at) => ({
    kind: "ahead" as const,
    ...{ secret, class: level, environment },
    text: lines[at] ?? secret,
  }));
  const approvals = {
    kind: "ahead" as const,
    secret: "",
    class: "",
    environment,
    text: "Two people must approve each production run.",
  };
  const why = await send(contacts, environment, environment === "production" ? [...told, approvals] : told);
  if (why.length > 0) throw new CiError(`The notice could not be sent: ${why.join("; ")}. Run this workflow again.`);
}

if (import.meta.main) await script(main);
