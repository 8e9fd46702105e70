// Tells every channel at once what it is to be told. Nothing here throws, and nothing lasts longer than a moment.
import { post } from "../vendors/slack.ts";
import { mail } from "./email.ts";
import { blocks, plain, subject, type Line } from "./message.ts";
import { enqueue, eventsOf } from "./pagerduty.ts";
import { linesFor, readRoutes } from "./routes.ts";

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

/** @returns what could not be told, in words; empty when everybody knows */
export async function send(contacts: Contacts, stack: string, lines: readonly Line[]): Promise<string[]> {
  if (lines.length === 0) return [];
  const routes = readRoutes(contacts.notify);
  const { slackWebhookUrl: slack, pagerdutyRoutingKey: key, smtpUrl: server, mailFrom: from, mailTo: to } = contacts;
  const told: Promise<string | undefined>[] = [];
  const forSlack = linesFor("slack", routes, lines);
  if (slack && forSlack.length > 0) told.push(post(slack, plain(forSlack), blocks(forSlack), patienceMs));
  if (key)
    for (const event of eventsOf(stack, linesFor("pagerduty", routes, lines), lines))
      told.push(enqueue(contacts.pagerdutyUrl ?? "https://events.pagerduty.com", key, event, patienceMs));
  const forMail = linesFor("email", routes, lines);
  if (server && from && to && forMail.length > 0)
    told.push(mail({ server, from, to }, `${subject(forMail)} (${stack})`, plain(forMail), patienceMs));
  return (await Promise.all(told)).filter((problem) => problem !== undefined);
}
