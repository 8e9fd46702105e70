// Tells every channel at once what it is to be told. Nothing here throws, and nothing lasts longer than a moment.
import { post } from "../vendors/slack.ts";
import { mail } from "./email.ts";
import { blocks, plain, subject, type Line } from "./message.ts";
import { enqueue, eventsOf } from "./pagerduty.ts";
import { linesFor, readRoutes, type Channel } from "./routes.ts";

/** The engine gives a plugin five seconds at its end. */
const patienceMs = 4000;

/** Where the channels are; a channel that is left out is not told. */
export interface Contacts {
  slackWebhookUrl?: string | undefined;
  pagerdutyRoutingKey?: string | undefined;
  /** @default https://events.pagerduty.com */
  pagerdutyUrl?: string | undefined;
  /** See `Mail.server`. */
  smtpUrl?: string | undefined;
  mailFrom?: string | undefined;
  mailTo?: string | undefined;
  /** See `readRoutes`. */
  notify?: string | undefined;
}

export interface Sending {
  /** Secrets that a person has rotated: what was overdue of them no longer is. @default none */
  ended?: readonly string[];
  /** Hears of each channel that took its lines. */
  told?: (channel: Channel, lines: readonly Line[]) => void;
}

/** @returns what could not be told, in words; empty when everybody knows */
export async function send(
  contacts: Contacts,
  stack: string,
  lines: readonly Line[],
  { ended = [], told: hear }: Sending = {},
): Promise<string[]> {
  if (lines.length === 0) return [];
  const routes = readRoutes(contacts.notify);
  const { slackWebhookUrl: slack, pagerdutyRoutingKey: key, smtpUrl: server, mailFrom: from, mailTo: to } = contacts;
  const told: Promise<string | undefined>[] = [];
  const tell = (channel: Channel, mine: readonly Line[], sending: Promise<string | undefined>[]): void => {
    const said = Promise.all(sending).then((answers) => {
      const problems = answers.filter((problem) => problem !== undefined);
      if (problems.length === 0) hear?.(channel, mine);
      return problems.length > 0 ? [...new Set(problems)].join("; ") : undefined;
    });
    told.push(said);
  };
  const forSlack = linesFor("slack", routes, lines);
  if (slack && forSlack.length > 0)
    tell("slack", forSlack, [post(slack, plain(forSlack), blocks(forSlack), patienceMs)]);
  const forPagerduty = linesFor("pagerduty", routes, lines);
  const events = key ? eventsOf(stack, forPagerduty, lines, ended) : [];
  if (key && events.length > 0) {
    const url = contacts.pagerdutyUrl ?? "https://events.pagerduty.com";
    const sending = events.map((event) => enqueue(url, key, event, patienceMs));
    tell("pagerduty", forPagerduty, sending);
  }
  const forMail = linesFor("email", routes, lines);
  if (server && from && to && forMail.length > 0) {
    const title = `${subject(forMail)} (${stack})`;
    tell("email", forMail, [mail({ server, from, to }, title, plain(forMail), patienceMs)]);
  }
  return (await Promise.all(told)).filter((problem) => problem !== undefined);
}
