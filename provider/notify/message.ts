// What there is to tell people, and how it reads. Never a value.

/**
 * - `failed`   a step failed; what was in use stays valid
 * - `overdue`  a secret that a person must fetch is past its due date
 * - `soon`     it will be, within two weeks
 * - `ahead`    the scheduled runs of the next two days rotate it
 * - `restored` an earlier value came back
 * - `before`   its rotation begins
 * - `after`    its rotation is done and verified
 */
export const kinds = ["failed", "overdue", "soon", "ahead", "restored", "before", "after"] as const;
export type NoticeKind = (typeof kinds)[number];

export interface Line {
  kind: NoticeKind;
  /** `<application>/<secret>` */
  secret: string;
  /** CRITICAL, HIGH, MEDIUM or LOW; empty where it is not known. */
  class: string;
  environment: string;
  /** One sentence for people. */
  text: string;
}

const headings: Record<NoticeKind, string> = {
  failed: "Secret rotation: FAILED, what was in use stays valid",
  overdue: "Secret rotation: OVERDUE, a person is needed",
  soon: "Secret rotation: a person is needed soon",
  ahead: "Secret rotation: coming up in <environment>, earliest start in UTC",
  restored: "Secret rotation: went back to an earlier value",
  before: "Secret rotation: starting",
  after: "Secret rotation: done and verified",
};
const marks: Record<NoticeKind, string> = {
  failed: ":red_circle:",
  overdue: ":red_circle:",
  soon: ":large_yellow_circle:",
  ahead: ":calendar:",
  restored: ":leftwards_arrow_with_hook:",
  before: ":arrows_counterclockwise:",
  after: ":white_check_mark:",
};

/** What a sentence about a secret is made of. */
export interface About {
  /** `<application>/<secret>` */
  secret: string;
  environment: string;
  /** RFC 3339; empty where nobody knows. */
  dueAt: string;
  /** Which earlier value came back, by whom and when. */
  restored: string;
  /** The generation that a person asked for, 1 when nobody did. */
  forced: number;
}

/** One line of a message. */
export function sentence(kind: NoticeKind, { secret, environment, dueAt, restored, forced }: About): string {
  const head = `${secret} (${environment})`;
  const due = dueAt.slice(0, 10);
  if (kind === "restored") return `${head}, ${restored}`;
  if (kind === "soon" || kind === "overdue")
    return `${head} ${kind === "soon" ? "is" : "was"} due on ${due}: rotate hand-over ${secret.replace(/^[^/]*\//, "")}`;
  const asked = forced > 1 ? `, generation ${forced} asked for` : "";
  return `${head}${asked}${due && kind === "after" ? `, next due ${due}` : ""}`;
}

/** Lines by kind, the gravest first, each line once. */
export function sections(lines: readonly Line[]): { kind: NoticeKind; heading: string; lines: string[] }[] {
  return kinds.flatMap((kind) => {
    const mine = [...new Set(lines.filter((line) => line.kind === kind).map(({ text }) => text))];
    const environment = lines.find((line) => line.kind === kind)?.environment ?? "";
    const heading = headings[kind].replace("<environment>", environment);
    return mine.length > 0 ? [{ kind, heading, lines: mine }] : [];
  });
}

/** The first line of a message: what is gravest in it. */
export function subject(lines: readonly Line[]): string {
  return sections(lines)[0]?.heading ?? "Secret rotation";
}

/** As plain text: for mail, and where blocks are not shown. */
export function plain(lines: readonly Line[]): string {
  return sections(lines)
    .map((section) => [section.heading, ...section.lines.map((line) => `• ${line}`)].join("\n"))
    .join("\n\n");
}

/** Slack's bounds (docs.slack.dev/reference/block-kit/blocks): blocks of a message, and characters of a section. */
const most = { blocks: 50, section: 3000 } as const;

export type Block =
  | { type: "header"; text: { type: "plain_text"; text: string; emoji: true } }
  | { type: "section"; text: { type: "mrkdwn"; text: string } }
  | { type: "context"; elements: { type: "mrkdwn"; text: string }[] };

/** As Slack's blocks. What does not fit into one message is counted at its end, not sent as another. */
export function blocks(lines: readonly Line[]): Block[] {
  const all = sections(lines);
  const counts = all.map(({ kind, lines: mine }) => `${marks[kind]} ${mine.length}`).join("   ");
  const parts: Block[] = [
    { type: "header", text: { type: "plain_text", text: (all[0]?.heading ?? "").slice(0, 150), emoji: true } },
  ];
  let left = 0;
  for (const { kind, heading, lines: mine } of all)
    for (const text of chunks([`${marks[kind]} *${escape(heading)}*`, ...mine.map((line) => `• ${escape(line)}`)])) {
      if (parts.length < most.blocks - 1) parts.push({ type: "section", text: { type: "mrkdwn", text } });
      else left += text.split("\n").length;
    }
  const more = left > 0 ? `   and ${left} more: rotate status` : "";
  parts.push({ type: "context", elements: [{ type: "mrkdwn", text: `${counts}${more}` }] });
  return parts;
}

/** Lines put together into texts of at most so many characters; a longer line is cut. */
function chunks(lines: string[]): string[] {
  const texts: string[] = [];
  for (const each of lines) {
    const line = each.length > most.section ? `${each.slice(0, most.section - 1)}…` : each;
    const last = texts.at(-1);
    if (last !== undefined && last.length + 1 + line.length <= most.section)
      texts[texts.length - 1] = `${last}\n${line}`;
    else texts.push(line);
  }
  return texts;
}

/** What Slack would take for a mention or a link (docs.slack.dev/messaging/formatting-message-text). */
function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
